"""The items of a conversation by which people are asked: ChatKit's structured input, and its client tool call."""

import json
from datetime import UTC, datetime
from typing import Any, cast

from chatkit_protocol.items import Json
from contracts.ids import new_message_id
from contracts.text import storable
from contracts.waiting import (
    APPROVE,
    APPROVE_ALWAYS,
    DECISION_INPUT,
    DECLINE,
    DONE,
    NO,
    REASON_INPUT,
    YES,
    CallToDecide,
    Form,
    Question,
)
from natterkit.asking import KINDS, Choice, Request, Several, Text
from pydantic import JsonValue, ValidationError

NOTE = "natter"
"""Beside ChatKit's fields: what an item or a question of ours is, so that an element may ask it in its user's language.
Others take no notice of it.
"""
ARGUMENT_CHARACTERS_MAX = 500
ARGUMENTS_CHARACTERS_MAX = 3_000


def approval_item(conversation_id: str, tool: str, arguments: JsonValue, where: str | None) -> Json:
    """Whether a call may be executed: its name, its arguments line by line, and the answers there are."""
    at = f" ({where})" if where else ""
    lines = "\n".join(_lines(arguments))[:ARGUMENTS_CHARACTERS_MAX]
    question = storable(f"Allow “{human(tool)}”{at}?" + (f"\n\n{lines}" if lines else ""))
    options = [{"value": value} for value in (APPROVE, APPROVE_ALWAYS, DECLINE)]
    inputs: list[Json] = [
        {"id": DECISION_INPUT, "type": "multiple_choice", "question": question, "options": options, "multiple": False},
        {
            "id": REASON_INPUT,
            "type": "freeform",
            "question": "Is there a reason?",
            "description": "If you decline, the assistant is told why.",
        },
    ]
    note: Json = {"kind": "approval", "tool": human(tool), "server": where}
    return {**_item("structured_input", conversation_id), "status": "pending", "inputs": inputs, NOTE: note}


def consent_item(conversation_id: str, title: str, url: str) -> Json:
    """Whether a server may act for its user. They say so there; then the run goes on by itself."""
    question = f"Connect {title}?\n\nOpen {url} and allow it there. The answer then goes on by itself."
    options = [{"value": value} for value in (DONE, DECLINE)]
    asked: Json = {"id": DECISION_INPUT, "type": "multiple_choice", "question": question, "options": options}
    inputs: list[JsonValue] = [{**asked, "multiple": False}]
    note: Json = {"kind": "consent", "label": title, "url": url}
    return {**_item("structured_input", conversation_id), "status": "pending", "inputs": inputs, NOTE: note}


def question_item(conversation_id: str, form: Form) -> Json:
    """A form."""
    inputs = [_input(question) for question in form.questions]
    return {**_item("structured_input", conversation_id), "status": "pending", "inputs": inputs}


def client_tool_item(conversation_id: str, call_id: str, name: str, arguments: Json) -> Json:
    """What the user's page is to do."""
    called = {"status": "pending", "call_id": call_id, "name": name, "arguments": arguments}
    return {**_item("client_tool_call", conversation_id), **called}


def form_of(request: Request) -> Form:
    """A tool's questions as they are stored. Raises pydantic.ValidationError for what cannot be asked."""
    questions: list[Question] = []
    for question_id, asked in request.questions.items():
        has_options = isinstance(asked, (Choice, Several))
        questions.append(
            Question(
                id=question_id,
                type=KINDS[type(asked)],
                question=storable(asked.question),
                description=None if asked.description is None else storable(asked.description),
                options=tuple(storable(option) for option in asked.options) if has_options else (),
                allows_other=asked.allows_other if has_options else False,
                is_required=asked.required,
                characters_max=asked.characters_max if isinstance(asked, Text) else 2_000,
            )
        )
    return Form(questions=tuple(questions))


def call_of_item(item: Json) -> CallToDecide | None:
    """What a `ChatKitServer` waits with, by its own item; None for one that asks nothing, or more than can be asked."""
    if item.get("status") != "pending":
        return None
    item_id = str(item["id"])
    if item["type"] == "client_tool_call":
        name, arguments = str(item.get("name") or ""), item.get("arguments")
        asked: Json = {"kind": "client_tool", "tool": name, "arguments": arguments}
    elif item["type"] == "structured_input":
        questions = [_question_of(one) for one in cast("list[Json]", item.get("inputs") or [])]
        asked = {"kind": "question", "tool": "ask", "form": {"questions": questions}}
    else:
        return None
    try:
        return CallToDecide.model_validate({**asked, "call_id": item_id, "message_id": item_id, "item": item})
    except ValidationError:
        return None


def _question_of(asked: Json) -> Json:
    """ChatKit's question as one of ours: it says neither what has to be answered nor that there is no other answer."""
    kind = "text" if asked["type"] == "freeform" else "several" if asked.get("multiple") else "choice"
    options = cast("list[Json]", asked.get("options") or [])
    return {
        "id": asked["id"],
        "type": kind,
        "question": asked["question"],
        "options": [option["value"] for option in options],
        "allows_other": True,
        "is_required": False,
    }


def human(tool: str) -> str:
    """A tool's name as people read it."""
    return tool.replace("_", " ").replace("-", " ").strip().capitalize() or "Tool"


def _input(question: Question) -> Json:
    note: Json = {
        "type": question.type,
        "allows_other": question.type == "text" or question.allows_other,
        "is_required": question.is_required,
    }
    asked: Json = {"id": question.id, "question": question.question, NOTE: note}
    if question.type == "text":
        described = {} if question.description is None else {"description": question.description}
        return {**asked, "type": "freeform", **described}
    if question.description is not None:  # ChatKit's choices have no text beside the question
        asked["question"] = f"{question.question}\n\n{question.description}"
    options = (YES, NO) if question.type == "confirm" else question.options
    return {
        **asked,
        "type": "multiple_choice",
        "options": [{"value": value} for value in options],
        "multiple": question.type == "several",
    }


def _lines(arguments: JsonValue) -> list[str]:
    if not isinstance(arguments, dict):
        return [] if arguments in (None, "") else [_short(arguments)]
    return [f"{human(name)}: {_short(value)}" for name, value in arguments.items()]


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= ARGUMENT_CHARACTERS_MAX else f"{text[:ARGUMENT_CHARACTERS_MAX]}…"


def _item(kind: str, conversation_id: str) -> Json:
    created_at = datetime.now(UTC).isoformat()
    return {"type": kind, "id": new_message_id(), "thread_id": conversation_id, "created_at": created_at}
