"""History is cut to whole exchanges within its budget, and never holds half a tool call."""

from typing import Any, cast

import pytest
from agent_runner import rules
from agents import Usage as CallUsage
from agents.exceptions import UserError
from agents.models.chatcmpl_converter import Converter
from contracts.replies import Usage
from hypothesis import given
from hypothesis import strategies as st

ITEMS = st.lists(
    st.one_of(
        st.builds(lambda text: {"role": "user", "content": text}, st.text(max_size=40)),
        st.builds(lambda text: {"type": "message", "role": "assistant", "content": text}, st.text(max_size=40)),
        st.builds(
            lambda number: {"type": "function_call", "call_id": f"c{number}", "name": "f", "arguments": "{}"},
            st.integers(0, 5),
        ),
        st.builds(
            lambda number: {"type": "function_call_output", "call_id": f"c{number}", "output": "x" * 20},
            st.integers(0, 5),
        ),
        st.just({"type": "reasoning", "id": "rs_1", "summary": []}),
    ),
    max_size=30,
)


def orphans(items: list[Any]) -> list[Any]:
    calls = {item["call_id"] for item in items if item.get("type") == "function_call"}
    outputs = {item["call_id"] for item in items if item.get("type") == "function_call_output"}
    return sorted(calls ^ outputs)


@given(ITEMS, st.integers(0, 200))
def test_a_cut_history_fits_and_has_no_orphans(items: list[Any], tokens_max: int) -> None:
    kept = rules.fit_history(items, tokens_max)
    assert sum(rules.tokens_of(item) for item in kept) <= tokens_max
    assert orphans(kept) == []
    # What is kept is the end of the history, in its order.
    positions = [next(i for i, item in enumerate(items) if item is one) for one in kept]
    assert positions == sorted(positions)


@given(ITEMS, st.integers(0, 8))
def test_the_last_messages_come_with_their_calls_only(items: list[Any], messages_max: int) -> None:
    kept = rules.last_messages(items, messages_max)
    assert sum(1 for item in kept if item.get("type", "message") == "message") <= messages_max
    assert orphans(kept) == []


def test_a_whole_exchange_stays_together_when_it_fits() -> None:
    first = [{"role": "user", "content": "a" * 400}, {"role": "assistant", "content": "b"}]
    second: list[Any] = [
        {"role": "user", "content": "c"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "ok"},
        {"role": "assistant", "content": "d"},
    ]
    assert rules.fit_history([*first, *second], 50) == second
    assert rules.fit_history([*first, *second], 500) == [*first, *second]


def test_open_calls_are_those_without_an_output() -> None:
    call = {"type": "function_call", "call_id": "c2", "name": "f", "arguments": "{}"}
    items = [
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "ok"},
        call,
    ]
    assert rules.open_calls(items) == [call]


def test_a_title_is_the_first_line_cut_at_a_word() -> None:
    assert rules.title_from("\n  add a task: buy milk\nand more") == "Add a task: buy milk"
    assert rules.title_from("word " * 40) == "Word " + "word " * 10 + "word…"
    assert rules.title_from(" \n ") is None
    title = rules.title_from("x" * 500)
    assert title is not None
    assert len(title) <= rules.PLAIN_TITLE_CHARACTERS_MAX + 1


def test_ids_that_mean_nothing_are_not_stored() -> None:
    assert rules.storable_item({"id": "__fake_id__", "type": "message", "status": None}) == {"type": "message"}
    assert rules.storable_item({"id": "msg_1", "type": "message"})["id"] == "msg_1"


def test_a_stored_item_holds_no_text_that_postgres_refuses() -> None:
    item = {"type": "message", "content": [{"text": "a\x00b", "annotations": [{"url": "\ud800"}]}]}
    stored = {"type": "message", "content": [{"text": "ab", "annotations": [{"url": "?"}]}]}
    assert rules.storable_item(item) == stored


STORED_BY_EARLIER_VERSIONS: list[Any] = [
    {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
    {"type": "reasoning", "id": "rs_1", "encrypted_content": "…", "summary": []},
    {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi", "annotations": []}]},
    {"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "f", "arguments": "{}", "provider_data": {"m": 1}},
    {"type": "function_call_output", "call_id": "c1", "output": "ok", "status": "completed"},
    {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    {"type": "message", "id": "msg_2", "role": "assistant", "content": []},
    {"role": "user", "content": "again"},
]


def test_what_was_said_earlier_is_sent_without_what_only_its_model_could_read() -> None:
    assert rules.portable(STORED_BY_EARLIER_VERSIONS) == [
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        {"type": "message", "role": "assistant", "content": "Hi"},
        {"type": "function_call", "call_id": "c1", "name": "f", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "c1", "output": "ok"},
        {"type": "message", "role": "assistant", "content": "No."},
        {"type": "message", "role": "user", "content": "again"},
    ]


def test_the_converter_to_chat_completions_takes_what_was_said_earlier() -> None:
    with pytest.raises(UserError):
        Converter.items_to_messages(STORED_BY_EARLIER_VERSIONS)
    messages = Converter.items_to_messages(cast("Any", rules.portable(STORED_BY_EARLIER_VERSIONS)))
    assert [message["role"] for message in messages] == ["user", "assistant", "assistant", "tool", "assistant", "user"]


def test_an_empty_answer_says_nothing() -> None:
    assert not rules.says_something([{"type": "message", "content": []}, {"type": "reasoning"}])
    assert rules.says_something([{"type": "message", "content": [{"text": "hi"}]}])
    assert rules.says_something([{"type": "function_call", "call_id": "c"}])


def test_turns_and_tokens_of_earlier_attempts_count() -> None:
    call, output, hidden = {"type": "function_call"}, {"type": "function_call_output"}, {"role": "system"}
    checkpoints = [[], [call], [call, output], [call, call, hidden, output, output, call], [call, output, call, output]]
    assert [rules.turns_used(items) for items in checkpoints] == [0, 1, 1, 2, 2]
    used = rules.with_call(Usage(requests=1, total_tokens=5), CallUsage(requests=1, input_tokens=2, total_tokens=3))
    assert used == Usage(requests=2, input_tokens=2, total_tokens=8)


def test_nothing_stands_between_calls_and_their_outputs() -> None:
    call = {"type": "function_call", "call_id": "c"}
    output = {"type": "function_call_output", "call_id": "c"}
    hidden = {"type": "message", "role": "system", "content": "h"}
    user = {"type": "message", "role": "user", "content": "u"}
    assert rules.in_order([user, call, hidden, output, user]) == [user, call, output, hidden, user]
    assert rules.in_order([user, call, hidden]) == [user, call, hidden], "a call without an output is begun again"
