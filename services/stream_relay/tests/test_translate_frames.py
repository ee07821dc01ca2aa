"""Frames: exact JSON in, server-sent events out, read back as a browser does; text merged without loss."""

import itertools
import json
from datetime import UTC, datetime
from typing import Any

import pytest
from contracts.events import Reset
from contracts.replies import ItemView, RunView
from hypothesis import given
from hypothesis import strategies as st
from sse_starlette import ServerSentEvent
from stream_relay.translate import (
    END_SEQUENCE,
    FRAME_CHARACTERS_MAX,
    Delta,
    encode,
    end_block,
    item_block,
    merge_text,
    place_frame,
    reset_block,
    retry_block,
)

NOW = datetime.now(UTC)
FAILED = RunView(
    run_id="run_1",
    conversation_id="conv_1",
    status="failed",
    epoch=2,
    error_code="model_unavailable",
    error_detail="not for the viewer",
    created_at=NOW,
)
TEXTS = st.text(st.characters(codec=None, exclude_categories=()), max_size=12)


def delta(
    sequence: int, payload: bytes, *, event: str | None = None, epoch: int | None = 1, subject: str = "s"
) -> Delta:
    return Delta(subject, sequence, 0, event, epoch, payload)


def text_delta(sequence: int, text: str, *, item: str = "msg_1", epoch: int = 1, subject: str = "s") -> Delta:
    update = {"type": "assistant_message.content_part.text_delta", "content_index": 0, "delta": text}
    payload = json.dumps({"type": "thread.item.updated", "item_id": item, "update": update}).encode()
    return delta(sequence, payload, epoch=epoch, subject=subject)


def parse(stream: bytes) -> list[dict[str, str]]:
    """Read blocks as WHATWG HTML 9.2.6 says; every field's values joined by line ends."""
    blocks: list[dict[str, str]] = []
    for block in stream.decode().replace("\r\n", "\n").replace("\r", "\n").split("\n\n")[:-1]:
        fields: dict[str, str] = {}
        for line in block.split("\n"):
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            fields[name] = f"{fields[name]}\n{value}" if name in fields else value
        blocks.append(fields)
    return blocks


@given(st.recursive(st.none() | st.booleans() | st.integers() | TEXTS, st.lists), st.booleans(), st.booleans())
def test_any_json_comes_back_as_it_was(value: object, is_pretty: bool, is_windows: bool) -> None:
    payload = json.dumps({"type": value}, indent=2 if is_pretty else None).encode()
    if is_windows:
        payload = payload.replace(b"\n", b"\r\n")
    (fields,) = parse(encode(delta(7, payload)).full)
    assert json.loads(fields["data"]) == {"type": value}
    assert fields["id"] == "7"
    assert set(fields) == {"id", "data"}


def test_a_control_frame_is_named_and_in_chatkits_form_it_only_moves_the_place() -> None:
    frame = encode(delta(7, b'{"type":"run.completed"}', event="run", epoch=None))
    assert parse(frame.full) == [{"id": "7", "event": "run", "data": '{"type":"run.completed"}'}]
    assert frame.chatkit == b"id: 7\n\n"
    assert frame.is_terminal
    assert not encode(delta(7, b'{"type":"run.started"}', event="run")).is_terminal
    assert not encode(delta(7, b'{"type":"run.completed"}')).is_terminal  # a ChatKit event ends nothing
    assert not encode(delta(7, b"[]", event="run")).is_terminal
    assert not encode(delta(7, b"\xff", event="run")).is_terminal


def test_an_event_name_cannot_start_a_line_of_its_own() -> None:
    frame = encode(delta(7, b"{}", event="run\r\ndata: evil"))
    assert parse(frame.full)[0]["data"] == "{}"


def test_a_late_frame_has_no_id() -> None:
    assert parse(encode(delta(7, b"{}"), with_id=False).full) == [{"data": "{}"}]
    assert encode(delta(7, b"{}", event="run"), with_id=False).chatkit == b""


def test_the_blocks_that_are_not_in_deltas() -> None:
    assert parse(reset_block(Reset(reason="expired"))) == [{"event": "reset", "data": '{"reason":"expired"}'}]
    item: dict[str, Any] = {"type": "assistant_message", "id": "msg_1"}
    view = ItemView(
        message_id="msg_1",
        conversation_id="conv_1",
        role="assistant",
        type="assistant_message",
        content="",
        item=item,
        position=1,
        created_at=NOW,
    )
    assert [json.loads(block["data"]) for block in parse(item_block(view))] == [
        {"type": "thread.item.done", "item": item}
    ]
    (end,) = parse(end_block(FAILED, is_chatkit=False))
    assert (end["id"], end["event"]) == (str(END_SEQUENCE), "run")
    assert json.loads(end["data"]) == {
        "type": "run.failed",
        "run_id": "run_1",
        "conversation_id": "conv_1",
        "epoch": 2,
        "code": "model_unavailable",
    }
    assert parse(end_block(FAILED, is_chatkit=True)) == [{"id": str(END_SEQUENCE)}]
    assert parse(place_frame(9).full) == [{"id": "9"}]
    assert parse(retry_block(5)) == [{"retry": "5"}]


@given(st.lists(st.tuples(TEXTS, st.sampled_from(["msg_1", "msg_2", "other", "run"])), max_size=40))
def test_merging_loses_and_reorders_nothing(events: list[tuple[str, str]]) -> None:
    deltas = [
        text_delta(number, text, item=kind)
        if kind.startswith("msg")
        else delta(number, json.dumps({"type": text}).encode(), event="run" if kind == "run" else None)
        for number, (text, kind) in enumerate(events, start=1)
    ]
    merged = list(merge_text(deltas))
    assert [m.sequence for m in merged] == sorted({m.sequence for m in merged})
    assert {m.sequence for m in merged} <= {d.sequence for d in deltas}
    assert _flat(merged) == _flat(deltas)
    if deltas:
        assert merged[-1].sequence == deltas[-1].sequence
    kinds = [kind for _, kind in events]
    changes = sum(1 for a, b in itertools.pairwise(kinds) if a != b or not a.startswith("msg"))
    assert len(merged) == (changes + 1 if kinds else 0)


def _flat(deltas: list[Delta]) -> list[tuple[str, str]]:
    """The text of each item and everything else in order, consecutive text of one item joined."""
    flat: list[tuple[str, str]] = []
    for each in deltas:
        event = json.loads(each.payload)
        if each.event is None and event["type"] == "thread.item.updated":
            text, item = event["update"]["delta"], event["item_id"]
            if flat and flat[-1][0] == item:
                flat[-1] = (item, flat[-1][1] + text)
            else:
                flat.append((item, text))
        else:
            flat.append(("", each.payload.decode()))
    return flat


def test_the_halves_of_a_surrogate_pair_are_put_together() -> None:
    first, second = "\ud83d", "\ude00"
    (merged,) = merge_text([text_delta(1, first), text_delta(2, second)])
    assert json.loads(merged.payload)["update"]["delta"] == "😀"
    (half,) = merge_text([text_delta(1, "a"), text_delta(2, first)])
    assert json.loads(half.payload)["update"]["delta"] == "a\ud83d"


def test_only_text_of_one_part_one_attempt_and_one_run_is_merged() -> None:
    assert len(list(merge_text([text_delta(1, "a"), text_delta(2, "b", epoch=2)]))) == 2
    assert len(list(merge_text([text_delta(1, "a"), text_delta(2, "b", subject="t")]))) == 2
    assert len(list(merge_text([text_delta(1, "a"), text_delta(2, "b", item="msg_2")]))) == 2
    long = "x" * (FRAME_CHARACTERS_MAX // 2 + 1)
    assert len(list(merge_text([text_delta(1, long), text_delta(2, long)]))) == 2


def test_one_delta_keeps_its_exact_bytes() -> None:
    only = text_delta(1, "é")
    assert list(merge_text([only])) == [only]


@pytest.mark.parametrize(
    "payload",
    [
        b"not json assistant_message.content_part.text_delta",
        b'["assistant_message.content_part.text_delta"]',
        b'{"update": "assistant_message.content_part.text_delta"}',
        b'{"update": {"type": "assistant_message.content_part.text_delta", "delta": 5}}',
        b'{"text": "assistant_message.content_part.text_delta"}',
    ],
)
def test_what_only_looks_like_text_is_left_alone(payload: bytes) -> None:
    deltas = [delta(1, payload), delta(2, payload)]
    assert list(merge_text(deltas)) == deltas


@given(st.one_of(st.binary(max_size=40), st.text(max_size=40).map(str.encode)), st.integers(1, 2**53))
def test_a_delta_is_encoded_as_sse_starlette_would(payload: bytes, sequence: int) -> None:
    wanted = ServerSentEvent(payload.decode(errors="replace"), id=str(sequence), sep="\n").encode()
    assert encode(delta(sequence, payload)).full == wanted
