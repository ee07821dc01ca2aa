"""The decisions of the store."""

from typing import Any

import pytest
from contracts.commands import TurnLimits
from contracts.errors import Code, NatterError
from contracts.message import Json
from conversation_store.runs.rules import (
    RunState,
    check_claim,
    newest_within,
    refusal_of_write,
    stops_at_once,
)
from conversation_store.turns.rules import (
    Start,
    TreeTurn,
    TurnState,
    branch_to,
    check_limits,
    decide_start,
    newest_under,
    path_along,
)
from hypothesis import given
from hypothesis import strategies as st

M = 1_000_000
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
        decided: Start | Code = decide_start(on_busy, state, may_wait=is_message, enqueued_turns_max=3)
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


@given(st.lists(st.integers(0, 50), max_size=20), st.integers(0, 300))
def test_the_newest_items_within_a_bound_are_kept(sizes: list[int], bytes_max: int) -> None:
    items: list[tuple[Json, int]] = [({"n": at}, size) for at, size in enumerate(sizes)]
    kept = newest_within(items, bytes_max)
    assert kept == [item for item, _ in items[len(items) - len(kept) :]]
    assert sum(sizes[len(sizes) - len(kept) :]) <= bytes_max
    if len(kept) < len(items):
        assert sum(sizes[len(sizes) - len(kept) - 1 :]) > bytes_max


TREE = [
    TreeTurn(1, 0, 1 * M),
    TreeTurn(2, 1, 2 * M),
    TreeTurn(3, 1, 2 * M),
    TreeTurn(4, 2, 4 * M),
    TreeTurn(5, 0, 5 * M),
]


def test_a_branch_is_the_turns_from_a_first_one_on() -> None:
    assert [turn.number for turn in branch_to(TREE, 4)] == [1, 2, 4]
    assert [turn.number for turn in branch_to(TREE, 3)] == [1, 3]
    assert branch_to(TREE, 0) == []


@pytest.mark.parametrize(("turn", "newest"), [(1, 4), (2, 4), (3, 3), (5, 5)])
def test_the_newest_branch_through_a_turn_ends_with_its_last_descendant(turn: int, newest: int) -> None:
    assert newest_under(TREE, turn) == newest


def test_a_path_has_the_positions_of_its_turns_of_retried_messages_and_of_all_to_come() -> None:
    path = path_along(branch_to(TREE, 3), next_turn=6, also_position=7)
    assert set(path[1:-1].replace("),", ") ").replace("],", "] ").split()) == {
        "[1000000,1000000]",
        "[2000000,2000000]",
        "[7,7]",
        "[1000000,2000000)",
        "[3000000,4000000)",
        "[6000000,)",
    }
