"""Deltas as server-sent events (WHATWG HTML, 9.2): encoded once, written to every viewer."""

import json
from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, cast

from contracts.events import Reset

from stream_relay.deltas import Delta

HEARTBEAT = b": keep-alive\n\n"
TEXT_DELTA = "assistant_message.content_part.text_delta"
TEXT_DELTA_MARK = TEXT_DELTA.encode()
MERGED_CHARACTERS_MAX = 64 * 1024


class Frame(NamedTuple):
    """One event in both forms: ``full`` for everyone, ``chatkit`` without what is not of ChatKit's protocol."""

    sequence: int
    full: bytes
    chatkit: bytes
    is_terminal: bool = False


def encode(delta: Delta, *, with_id: bool = True) -> Frame:
    """Encode a delta. ``with_id`` False: shown later than its place, so it must not move the viewer's place."""
    id_line = f"id: {delta.sequence}\n".encode() if with_id else b""
    data = _data_lines(delta.payload)
    if delta.event is None:
        block = id_line + data + b"\n"
        return Frame(delta.sequence, block, block)
    block = id_line + b"event: " + _event_name(delta.event) + b"\n" + data + b"\n"
    # A block without data dispatches no event, and still moves the place.
    return Frame(delta.sequence, block, id_line + b"\n" if id_line else b"", delta.is_terminal)


def place_frame(sequence: int) -> Frame:
    """A frame that only moves the viewer's place: everything up to ``sequence`` was shown."""
    block = f"id: {sequence}\n\n".encode()
    return Frame(sequence, block, block)


def reset_block(reset: Reset) -> bytes:
    """The control frame `reset`."""
    return b"event: reset\ndata: " + reset.encode() + b"\n\n"


def event_block(payload: bytes) -> bytes:
    """A ChatKit event that is told from the store and has no place in DELTAS."""
    return _data_lines(payload) + b"\n"


def control_block(name: str, payload: bytes, *, sequence: int) -> bytes:
    """A named control frame that is told from the store."""
    return f"id: {sequence}\nevent: {name}\n".encode() + _data_lines(payload) + b"\n"


def retry_block(milliseconds: int) -> bytes:
    """How long the browser waits before it connects again."""
    return f"retry: {milliseconds}\n\n".encode()


def _data_lines(payload: bytes) -> bytes:
    # A line end in JSON can only be a blank between its tokens; unsplit, it would end the field.
    if b"\n" in payload or b"\r" in payload:
        payload = b"\ndata: ".join(payload.splitlines())
    return b"data: " + payload + b"\n"


def _event_name(name: str) -> bytes:
    return name.encode("ascii", "ignore").replace(b"\r", b"").replace(b"\n", b"")


def merge_text(deltas: Iterable[Delta]) -> Iterator[Delta]:
    """Merge consecutive text deltas of one content part; the merged one has the last one's sequence."""
    run = _Run()
    for delta in deltas:
        event = _text_event(delta)
        if event is not None and run.takes(delta, event):
            continue
        if run.deltas:
            yield run.merged()
        run = _Run()
        if event is None:
            yield delta
        else:
            run.begin(delta, event)
    if run.deltas:
        yield run.merged()


class _Run:
    """Text deltas that differ in nothing but their text."""

    def __init__(self) -> None:
        self.deltas: list[Delta] = []
        self._event: dict[str, Any] = {}
        self._texts: list[str] = []
        self._length = 0

    def begin(self, delta: Delta, event: dict[str, Any]) -> None:
        self.deltas, self._event = [delta], event
        self._texts = [event["update"].pop("delta")]
        self._length = len(self._texts[0])

    def takes(self, delta: Delta, event: dict[str, Any]) -> bool:
        """Add a delta if it continues this run."""
        if not self.deltas or delta.subject != self.deltas[-1].subject or delta.epoch != self.deltas[-1].epoch:
            return False
        text = event["update"].pop("delta")
        if event != self._event or self._length + len(text) > MERGED_CHARACTERS_MAX:
            event["update"]["delta"] = text
            return False
        self.deltas.append(delta)
        self._texts.append(text)
        self._length += len(text)
        return True

    def merged(self) -> Delta:
        last = self.deltas[-1]
        if len(self.deltas) == 1:
            return last
        event = {**self._event, "update": {**self._event["update"], "delta": "".join(self._texts)}}
        return last._replace(payload=_dump(event))


def _text_event(delta: Delta) -> dict[str, Any] | None:
    if delta.event is not None or TEXT_DELTA_MARK not in delta.payload:
        return None
    try:
        event: object = json.loads(delta.payload)
    except ValueError:
        return None
    if not isinstance(event, dict):
        return None
    fields = cast("dict[str, Any]", event)
    update = fields.get("update")
    if not isinstance(update, dict):
        return None
    update = cast("dict[str, Any]", update)
    is_text = update.get("type") == TEXT_DELTA and isinstance(update.get("delta"), str)
    return fields if is_text else None


def _dump(event: dict[str, Any]) -> bytes:
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair at an end: JSON can carry it, UTF-8 cannot
        return json.dumps(event, separators=(",", ":")).encode()
