"""A history that is cut anywhere is still one that a model accepts."""

from typing import Any

import pytest
from chatkit_protocol.history import OUTPUT_OF_CALL, is_message, is_user_message, whole_window, without_orphans
from hypothesis import given
from hypothesis import strategies as st

Json = dict[str, Any]
USER: Json = {"type": "message", "role": "user", "content": "u"}
SAID: Json = {"type": "message", "role": "assistant", "content": "a"}
THOUGHT: Json = {"type": "reasoning", "summary": []}
SEARCH: Json = {"type": "web_search_call", "id": "ws_1"}


def call(call_id: str, kind: str = "function_call") -> Json:
    return {"type": kind, "call_id": call_id, "name": "f", "arguments": "{}"}


def output(call_id: str, kind: str = "function_call") -> Json:
    return {"type": OUTPUT_OF_CALL[kind], "call_id": call_id, "output": "x"}


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
        ([USER, output("1"), call("1")], [USER]),
        ([USER, call("1"), call("1"), output("1")], [USER, call("1"), output("1")]),
        ([USER, call("1", "shell_call"), output("1")], [USER]),
        ([USER, call("1", "shell_call"), output("1", "shell_call")], None),
        ([USER, THOUGHT, SEARCH, SAID], None),
    ],
)
def test_a_window_holds_no_orphans(items: list[Json], kept: list[Json] | None) -> None:
    assert whole_window(items) == (items if kept is None else kept)


def test_a_call_whose_output_comes_now_stays() -> None:
    assert whole_window([USER, call("1")], following=[output("1")]) == [USER, call("1")]
    assert whole_window([USER, call("1")], following=[output("2")]) == [USER]


@given(st.lists(st.sampled_from([USER, SAID, THOUGHT, *(f(n) for f in (call, output) for n in "123")]), max_size=12))
def test_every_call_has_one_output_after_it_and_the_rest_is_in_its_order(items: list[Json]) -> None:
    kept = without_orphans(items)
    open_calls: list[str] = []
    for item in kept:
        if item["type"] == "function_call":
            open_calls.append(item["call_id"])
        elif item["type"] == "function_call_output":
            open_calls.remove(item["call_id"])
    assert open_calls == []
    rest = iter(items)
    assert all(any(item is other for other in rest) for item in kept)
    assert [item for item in kept if item in (USER, SAID)] == [item for item in items if item in (USER, SAID)]
    assert without_orphans(kept) == kept


def test_messages_are_what_a_window_counts() -> None:
    short: Json = {"role": "user", "content": "x"}
    assert [is_message(item) for item in (USER, short, THOUGHT, call("1"))] == [True, True, False, False]
    assert [is_user_message(item) for item in (USER, short, SAID)] == [True, True, False]
