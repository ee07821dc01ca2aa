"""The decisions of the store."""

from typing import Any

import pytest
from contracts.commands import TurnLimits
from contracts.errors import Code, NatterError
from contracts.message import Json
from conversation_store.conversations import search_query
from conversation_store.runs.rules import (
    RunState,
    check_claim,
    is_model_message,
    newest_within,
    refusal_of_write,
    stops_at_once,
    whole_window,
)
from conversation_store.turns.rules import Start, TurnState, check_limits, decide_start
from hypothesis import given
from hypothesis import strategies as st

BUSY = TurnState(active_run_id="run_1")


@pytest.mark.parametrize(
    ("on_busy", "state", "is_message", "expected"),
    [
        ("reject", TurnState(), True, Start.NOW),
        ("enqueue", TurnState(), True, Start.NOW),
        ("interrupt", TurnState(), False, Start.NOW),
        ("reject", BUSY, True, Code.CONVERSATION_BUSY),
        ("enqueue", BUSY, True, Start.WAIT),
        ("interrupt", BUSY, True, Start.WAIT_AND_STOP_THE_ACTIVE),
        ("enqueue", BUSY, False, Code.CONVERSATION_BUSY),
        ("interrupt", BUSY, False, Code.CONVERSATION_BUSY),
        ("enqueue", TurnState(active_run_id="run_1", waiting_count=3), True, Code.TOO_MANY_RUNS),
    ],
)
def test_what_a_turn_does_where_another_is_active(
    on_busy: Any, state: TurnState, is_message: bool, expected: Start | Code
) -> None:
    try:
        decided: Start | Code = decide_start(on_busy, state, is_message=is_message, enqueued_turns_max=3)
    except NatterError as error:
        decided = error.code
    assert decided == expected


def test_a_limit_says_when_there_is_room_again() -> None:
    state = TurnState(turns_in_window=3, window_frees_seconds=12.34)
    check_limits(TurnLimits(turns_per_minute_max=4), state)
    with pytest.raises(NatterError) as refused:
        check_limits(TurnLimits(turns_per_minute_max=3), state)
    assert refused.value.retry_after_seconds == 12.3


@pytest.mark.parametrize(
    ("run", "code"),
    [
        (RunState("queued", True, 0), None),
        (RunState("running", True, 1, "other", 0.0), None),
        (RunState("running", True, 1, "me", 9.0), None),
        (RunState("running", True, 1, "other", 9.0), Code.RUN_LEASED),
        (RunState("queued", False, 0), Code.RUN_LEASED),
        (RunState("completed", False, 1), Code.RUN_FINISHED),
    ],
)
def test_who_may_claim_a_run(run: RunState, code: Code | None) -> None:
    try:
        check_claim(run, runner_id="me")
        refused = None
    except NatterError as error:
        refused = error.code
    assert refused == code


def test_why_a_write_is_refused() -> None:
    assert refusal_of_write(RunState("running", True, 2), epoch=1).code == Code.RUN_STALE_EPOCH
    assert refusal_of_write(RunState("failed", False, 2), epoch=2).code == Code.RUN_FINISHED


def test_only_a_run_that_nobody_has_touched_stops_at_once() -> None:
    assert stops_at_once(RunState("queued", True, 0))
    assert not stops_at_once(RunState("running", True, 1))


USER: Json = {"type": "message", "role": "user", "content": "u"}
SAID: Json = {"type": "message", "role": "assistant", "content": "a"}
THOUGHT: Json = {"type": "reasoning", "summary": []}


def call(call_id: str) -> Json:
    return {"type": "function_call", "call_id": call_id, "name": "f", "arguments": "{}"}


def output(call_id: str) -> Json:
    return {"type": "function_call_output", "call_id": call_id, "output": "x"}


@pytest.mark.parametrize(
    ("items", "kept"),
    [
        ([], []),
        ([USER, SAID], [USER, SAID]),
        ([output("1"), SAID, USER, SAID], [USER, SAID]),
        ([SAID, SAID], [SAID, SAID]),
        ([USER, call("1"), output("1"), SAID], [USER, call("1"), output("1"), SAID]),
        ([USER, THOUGHT, call("1"), SAID], [USER, SAID]),
        ([USER, THOUGHT, call("1"), call("2"), output("2")], [USER, call("2"), output("2")]),
        ([USER, output("9"), SAID], [USER, SAID]),
    ],
)
def test_a_window_holds_no_orphans(items: list[Json], kept: list[Json]) -> None:
    assert whole_window(items) == kept


def test_a_call_whose_output_comes_now_stays() -> None:
    assert whole_window([USER, call("1")], following=[output("1")]) == [USER, call("1")]


@given(st.lists(st.sampled_from([USER, SAID, THOUGHT, *(f(n) for f in (call, output) for n in "123")]), max_size=12))
def test_no_window_has_a_call_without_an_output_or_the_other_way_round(items: list[Json]) -> None:
    window = whole_window(items)
    calls = {str(item["call_id"]) for item in window if item["type"] == "function_call"}
    outputs = {str(item["call_id"]) for item in window if item["type"] == "function_call_output"}
    assert calls == outputs


def test_messages_are_what_a_window_counts() -> None:
    short: Json = {"role": "user", "content": "x"}
    assert [is_model_message(item) for item in (USER, short, THOUGHT, call("1"))] == [True, True, False, False]


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(0, 300))
def test_the_newest_items_within_a_bound_are_kept(sizes: list[int], bytes_max: int) -> None:
    items: list[tuple[Json, int]] = [({"n": at}, size) for at, size in enumerate(sizes)]
    kept = newest_within(items, bytes_max)
    assert kept == [item for item, _ in items[len(items) - len(kept) :]]
    assert sum(sizes[len(sizes) - len(kept) :]) <= bytes_max
    if len(kept) < len(items):
        assert sum(sizes[len(sizes) - len(kept) - 1 :]) > bytes_max


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("", ""),
        ("milk", "'milk':*"),
        ("buy  milk", "'buy' & 'milk':*"),
        ("it's \\ & !", "'it''s':*"),
        ("a\\b", "'a\\\\b':*"),
    ],
)
def test_what_a_person_types_is_no_query_language(text: str, query: str) -> None:
    assert search_query(text) == query
