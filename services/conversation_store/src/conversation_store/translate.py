"""What a person sent or answered in ChatKit, as the model's items (Responses API)."""

from collections.abc import Sequence
from typing import Any, cast

from chatkit_protocol.history import attachment_reference
from contracts.ids import AttachmentId
from contracts.message import Json
from pydantic import JsonValue
from pydantic_core import to_json


def model_message(text: str, attachment_ids: Sequence[AttachmentId] = ()) -> Json:
    """What the user says, as a Responses item. The runner fetches the files when it asks a model."""
    said: list[JsonValue] = [{"type": "input_text", "text": text}] if text or not attachment_ids else []
    attached: list[JsonValue] = [attachment_reference(attachment_id) for attachment_id in attachment_ids]
    return {"type": "message", "role": "user", "content": [*said, *attached]}


def model_input_of_user_item(item: Json, text: str) -> list[Json]:
    """The Responses items of a user message: what it quotes, then what it says, and its attachments by reference."""
    quoted = item.get("quoted_text")
    context = [model_message(f"This is about the following in particular:\n{quoted}")] if quoted else []
    attached = cast("Sequence[Json]", item.get("attachments") or [])
    return [*context, model_message(text, [str(attachment["id"]) for attachment in attached])]


def model_input_of_tool_output(item: Json) -> list[Json]:
    """The output of a completed client_tool_call, for the call that the model made."""
    output = to_json(item.get("output")).decode()
    return [{"type": "function_call_output", "call_id": item["call_id"], "output": output}]


def model_input_of_structured_input(item: Json) -> list[Json]:
    """The user's answers, as a message of theirs."""
    lines = [f"- {question['question']}: {_answer_text(question.get('answer'))}" for question in _questions(item)]
    return [model_message("\n".join(["The answers to your questions:", *lines]))]


def answered(item: Json, answers: Json, *, skipped: bool) -> Json:
    """A structured_input item with its answers; what was left out counts as skipped, unknown questions are ignored."""
    questions: list[JsonValue] = []
    for question in _questions(item):
        given = answers.get(str(question.get("id")))
        values = values_of(given)
        if question.get("type") == "multiple_choice" and not question.get("multiple"):
            values = values[:1]
        answer: Json = {"values": list[JsonValue](values), "skipped": False}
        questions.append({**question, "answer": {"values": [], "skipped": True} if skipped or not values else answer})
    return {**item, "status": "skipped" if skipped else "answered", "inputs": questions}


def _questions(item: Json) -> list[Json]:
    return list(cast("Sequence[Json]", item.get("inputs") or []))


def values_of(given: JsonValue) -> list[str]:
    """The values of one answer: ChatKit sends ``{values, skipped}``; a bare text or list is understood too."""
    if isinstance(given, dict):
        given = [] if given.get("skipped") else given.get("values")
    if isinstance(given, str):
        return [given]
    return [value for value in given if isinstance(value, str)] if isinstance(given, list) else []


def _answer_text(answer: Any) -> str:
    values = values_of(cast("JsonValue", answer))
    return ", ".join(values) if values else "skipped"
