"""Reads messages of DELTAS as deltas, and encodes deltas as server-sent events, once for all viewers."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any, Final, NamedTuple, cast

from actor_kit.bus import Received, StoredMessage
from contracts.events import (
    EPOCH_HEADER,
    EVENT_HEADER,
    TERMINAL_RUN_EVENTS,
    ChatKitDelta,
    ConversationDeleted,
    LiveDelta,
    Reset,
    RunEvent,
)
from contracts.replies import ItemView, RunView
from contracts.subjects import subject_filter
from sse_starlette import ServerSentEvent

END_SEQUENCE: Final = 2**53 - 1
"""The id of a run's end that was read from the store because DELTAS no longer has the run. A reconnect with it is 204.

It is above every sequence until the year 2255, and still an exact number in JavaScript.
"""
SUBJECT_HEADER: Final = "Nats-Subject"
BEGINNINGS: Final = frozenset({"thread.created", "thread.item.removed", "thread.item.done"})
"""The store publishes these at the beginning of a turn, before a runner gets the run."""
END_OF_STATUS: Final = {"completed": "run.completed", "failed": "run.failed", "cancelled": "run.cancelled"}
TEXT_DELTA: Final = "assistant_message.content_part.text_delta"
TEXT_DELTA_MARK: Final = TEXT_DELTA.encode()
FRAME_CHARACTERS_MAX: Final = 64 * 1024


# --- messages of DELTAS -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Filter:
    """What one stream carries: everything of a user, or of one conversation or run of that user."""

    user_id: str
    conversation_id: str | None = None
    run_id: str | None = None

    @property
    def stored(self) -> str:
        return subject_filter(ChatKitDelta, **self._known)

    @property
    def live(self) -> str:
        return subject_filter(LiveDelta, **self._known)

    @property
    def _known(self) -> dict[str, str]:
        known = {"user_id": self.user_id, "conversation_id": self.conversation_id, "run_id": self.run_id}
        return {name: value for name, value in known.items() if value is not None}


class Delta(NamedTuple):
    """One message of DELTAS, stored or live. ``previous`` is the sequence before it on its subject (live only)."""

    subject: str
    sequence: int
    previous: int
    event: str | None
    epoch: int | None
    payload: bytes

    @property
    def is_terminal(self) -> bool:
        """Say whether this is the control frame that ends its run."""
        return self.event == RunEvent.event_name and _json(self.payload).get("type") in TERMINAL_RUN_EVENTS

    @property
    def is_deletion(self) -> bool:
        """Say whether this tells that its conversation is gone."""
        return self.event == ConversationDeleted.event_name

    @property
    def wait(self) -> tuple[int, bool] | None:
        """The number of the wait that this control frame tells of, and whether it begins (or else ends) it."""
        if self.event != RunEvent.event_name:
            return None
        said = _json(self.payload)
        number, kind = said.get("wait"), said.get("type")
        return (number, kind == "run.waiting") if isinstance(number, int) else None

    @property
    def is_beginning(self) -> bool:
        """Say whether this is one of the messages that begin a run: then nothing before it has expired."""
        return self.event is None and self.epoch is None and _json(self.payload).get("type") in BEGINNINGS


def live_delta(message: Received) -> Delta:
    """Read a republished message."""
    headers = message.headers
    return _delta(headers[SUBJECT_HEADER], message.sequence, message.last_sequence, headers, message.payload)


def stored_delta(message: StoredMessage) -> Delta:
    """Read a message that a direct get returned."""
    return _delta(message.subject, message.sequence, 0, message.headers, message.payload)


def _delta(subject: str, sequence: int, previous: int, headers: Mapping[str, str], payload: bytes) -> Delta:
    epoch = headers.get(EPOCH_HEADER)
    number = int(epoch) if epoch is not None and epoch.isdigit() else None
    return Delta(subject, sequence, previous, headers.get(EVENT_HEADER), number, payload)


def _json(payload: bytes) -> dict[str, Any]:
    try:
        value: object = json.loads(payload)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


# --- server-sent events -----------------------------------------------------------------------------------------


def _block(data: str | None = None, *, event: str | None = None, sequence: int | None = None) -> bytes:
    identity = None if sequence is None else str(sequence)
    return ServerSentEvent(data, event=event, id=identity, sep="\n").encode()


def _plain_block(payload: bytes, sequence: int) -> bytes | None:
    """Does the same as `_block` in a quarter of the time, for one line of valid UTF-8. None for anything else."""
    if b"\n" in payload or b"\r" in payload:
        return None
    try:
        payload.decode()
    except UnicodeDecodeError:
        return None
    return b"id: %d\ndata: %b\n\n" % (sequence, payload)


HEARTBEAT: Final = ServerSentEvent(comment="keep-alive", sep="\n").encode()


class Frame(NamedTuple):
    """One event in both formats: ``full``, and ``chatkit`` without what ChatKit's protocol does not have."""

    sequence: int
    full: bytes
    chatkit: bytes
    is_terminal: bool = False
    wait: tuple[int, bool] | None = None
    """Of a frame that tells that its run waits for a person, or goes on: the number of the wait, whether it begins."""
    is_deletion: bool = False


def encode(delta: Delta, *, with_id: bool = True) -> Frame:
    """Encode a delta. ``with_id`` False: it is shown after later ones, so it must not move the viewer's place back."""
    if delta.event is None and with_id and (block := _plain_block(delta.payload, delta.sequence)):
        return Frame(delta.sequence, block, block)
    sequence = delta.sequence if with_id else None
    full = _block(delta.payload.decode(errors="replace"), event=delta.event, sequence=sequence)
    if delta.event is None:
        return Frame(delta.sequence, full, full)
    # A browser dispatches no event for a block without data, but remembers its id.
    chatkit = _block(sequence=sequence) if with_id else b""
    return Frame(delta.sequence, full, chatkit, delta.is_terminal, delta.wait, delta.is_deletion)


def place_frame(sequence: int) -> Frame:
    """A frame that only moves the viewer's place: everything up to ``sequence`` was shown."""
    block = _block(sequence=sequence)
    return Frame(sequence, block, block)


def retry_block(milliseconds: int) -> bytes:
    """Encode how long the browser waits before it connects again."""
    return ServerSentEvent(retry=milliseconds, sep="\n").encode()


def reset_block(reset: Reset) -> bytes:
    """Encode the control frame `reset`: what was asked for is gone."""
    return _block(reset.encode().decode(), event="reset")


def item_block(view: ItemView) -> bytes:
    """Encode an item of the store. It has no id: it is not a message of DELTAS."""
    return _block(json.dumps({"type": "thread.item.done", "item": view.item}, separators=(",", ":")))


def end_block(run: RunView, *, is_chatkit: bool) -> bytes:
    """Encode the end of a run from the store, for when its terminal frame is not in DELTAS any more."""
    if is_chatkit:
        return _block(sequence=END_SEQUENCE)
    fields = run.model_dump(include={"run_id", "conversation_id", "epoch"})
    event = RunEvent.model_validate({"type": END_OF_STATUS[run.status], "code": run.error_code, **fields})
    return _block(event.encode().decode(), event=RunEvent.event_name, sequence=END_SEQUENCE)


# --- text, merged -----------------------------------------------------------------------------------------------


_Part = tuple[str, int | None, dict[str, Any]]
"""Text deltas are merged if they agree in this: subject, epoch, and the event without its text."""


def merge_text(deltas: Iterable[Delta]) -> Iterator[Delta]:
    """Merge consecutive text deltas of one content part; the merged one has the last one's sequence."""
    for part, group in groupby(map(_parse, deltas), key=itemgetter(0)):
        texts: list[str] = []
        length, last = 0, None
        for _, text, delta in group:
            if last is not None and (part is None or length + len(text) > FRAME_CHARACTERS_MAX):
                yield _merged(part, texts, last)
                texts, length = [], 0
            texts.append(text)
            length += len(text)
            last = delta
        if last is not None:
            yield _merged(part, texts, last)


def _merged(part: _Part | None, texts: list[str], last: Delta) -> Delta:
    if part is None or len(texts) == 1:
        return last  # its exact bytes
    event = {**part[2], "update": {**part[2]["update"], "delta": "".join(texts)}}
    return last._replace(payload=_dump(event))


def _parse(delta: Delta) -> tuple[_Part | None, str, Delta]:
    """Split a text delta into its part and its text. Any other delta has neither."""
    if delta.event is None and TEXT_DELTA_MARK in delta.payload:
        event = _json(delta.payload)
        update = cast("object", event.get("update"))
        if isinstance(update, dict):
            fields = cast("dict[str, Any]", update)
            if fields.get("type") == TEXT_DELTA and isinstance(fields.get("delta"), str):
                text = fields.pop("delta")
                return (delta.subject, delta.epoch, event), text, delta
    return None, "", delta


def _dump(event: dict[str, Any]) -> bytes:
    text = json.dumps(event, ensure_ascii=False, separators=(",", ":"))
    try:
        return text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair: JSON can escape it, UTF-8 cannot encode it
        return json.dumps(event, separators=(",", ":")).encode()
