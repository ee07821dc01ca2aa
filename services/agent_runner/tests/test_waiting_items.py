"""The items by which people are asked are ChatKit's, before and after they have answered."""

from typing import Any

import pytest
from agent_runner.waiting_items import NOTE, approval_item, client_tool_item, consent_item, form_of, question_item
from chatkit.types import ThreadItem
from natterkit import Choice, Confirm, Form, Several, Text
from natterkit.asking import request_of
from pydantic import TypeAdapter, ValidationError

ITEM: TypeAdapter[Any] = TypeAdapter(ThreadItem)
QUESTIONS = [
    Text("For whom?", id="whom", description="The name."),
    Choice("Which?", ["a", "b"], description="One of them."),
    Several("Which ones?", ["a", "b"]),
    Confirm("Sure?"),
]


@pytest.mark.parametrize(
    "item",
    [
        approval_item("conv_1", "refund_order", {"order_id": "1001", "lines": [1, 2]}, "The shop"),
        approval_item("conv_1", "refund", None, None),
        consent_item("conv_1", "Calendar", "https://chat.example/connections/calendar"),
        question_item("conv_1", form_of(request_of(Form(QUESTIONS)))),
        client_tool_item("conv_1", "call_1.1", "where", {"precise": True}),
    ],
)
def test_each_is_an_item_of_chatkit(item: dict[str, Any]) -> None:
    read = ITEM.validate_python(item)
    assert read.status == "pending"
    known = ITEM.dump_python(read, mode="json", exclude_unset=True)
    assert known.keys() == item.keys() - {NOTE}, "nothing else of it is unknown to ChatKit"


def test_the_arguments_of_a_call_are_readable() -> None:
    item: Any = approval_item("conv_1", "refund_order", {"order_id": "1001", "lines": [1], "note": "x" * 900}, "Shop")
    lines = item["inputs"][0]["question"].splitlines()
    assert lines[:4] == ["Allow “Refund order” (Shop)?", "", "Order id: 1001", "Lines: [1]"]
    assert lines[4].endswith("…")
    assert len(lines[4]) < 600


def test_questions_have_ids_of_their_own() -> None:
    assert list(request_of(Form(QUESTIONS)).questions) == ["whom", "q2", "q3", "q4"]
    assert list(request_of(Confirm("Sure?")).questions) == ["q1"]
    with pytest.raises(ValueError, match="an id of its own"):
        request_of(Form([Text("A?", id="x"), Text("B?", id="x")]))
    with pytest.raises(ValueError, match="at least one"):
        request_of(Form([]))
    with pytest.raises(ValidationError):
        form_of(request_of(Text("")))
