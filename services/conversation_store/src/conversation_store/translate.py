"""Foreign words to ours and back: ChatKit's events and items, and the model's items (Responses API).

ChatKit's shapes: openai-chatkit, `chatkit.types.ThreadStreamEvent`; absent values are left out, as it does.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from contracts.commands import UserMessage
from contracts.errors import RETRY_CANNOT_HELP
from contracts.ids import ConversationId, MessageId
from contracts.message import Json
from contracts.replies import ConversationView
from pydantic import JsonValue
from pydantic_core import to_json

HIDDEN_TYPES = ("hidden_context_item", "sdk_hidden_context")
"""Items that never leave the server."""

# --- ChatKit ----------------------------------------------------------------------------------------------


def thread(conversation: ConversationView) -> Json:
    """A conversation as ChatKit's Thread, without its items."""
    shown: Json = {
        "id": conversation.conversation_id,
        "created_at": conversation.created_at.isoformat(),
        "status": {"type": "active"},
        "metadata": conversation.metadata,
        "items": {"data": [], "has_more": False},
    }
    return shown if conversation.title is None else {**shown, "title": conversation.title}


def thread_created(conversation: ConversationView) -> Json:
    return {"type": "thread.created", "thread": thread(conversation)}


def thread_updated(conversation: ConversationView) -> Json:
    return {"type": "thread.updated", "thread": thread(conversation)}


def item_done(item: Json) -> Json:
    return {"type": "thread.item.done", "item": item}


def item_replaced(item: Json) -> Json:
    return {"type": "thread.item.replaced", "item": item}


def item_removed(message_id: MessageId) -> Json:
    return {"type": "thread.item.removed", "item_id": message_id}


def error_event(code: str, detail: str) -> Json:
    """What ended a run, with ChatKit's offer to send the message again where that can help."""
    return {"type": "error", "code": "custom", "message": detail, "allow_retry": code not in RETRY_CANNOT_HELP}


def user_message_item(
    message: UserMessage, *, message_id: MessageId, conversation_id: ConversationId, created_at: datetime
) -> Json:
    """A new message as ChatKit's UserMessageItem."""
    item: Json = {
        "type": "user_message",
        "id": message_id,
        "thread_id": conversation_id,
        "created_at": created_at.isoformat(),
        "content": list(message.content),
        "attachments": [],
        "inference_options": message.inference_options,
    }
    return item if message.quoted_text is None else {**item, "quoted_text": message.quoted_text}


# --- the model's items ------------------------------------------------------------------------------------


def model_message(text: str) -> Json:
    """What the user says, as a Responses item."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def model_input_of_user_item(item: Json, text: str) -> list[Json]:
    """The Responses items of a user message: what it quotes, then what it says."""
    quoted = item.get("quoted_text")
    context = [model_message(f"This is about the following in particular:\n{quoted}")] if quoted else []
    return [*context, model_message(text)]


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
        values = _values(given)
        if question.get("type") == "multiple_choice" and not question.get("multiple"):
            values = values[:1]
        answer: Json = {"values": list[JsonValue](values), "skipped": False}
        questions.append({**question, "answer": {"values": [], "skipped": True} if skipped or not values else answer})
    return {**item, "status": "skipped" if skipped else "answered", "inputs": questions}


def _questions(item: Json) -> list[Json]:
    return list(cast("Sequence[Json]", item.get("inputs") or []))


def _values(given: JsonValue) -> list[str]:
    """The values of one answer: ChatKit sends ``{values, skipped}``; a bare text or list is understood too."""
    if isinstance(given, dict):
        given = [] if given.get("skipped") else given.get("values")
    if isinstance(given, str):
        return [given]
    return [value for value in given if isinstance(value, str)] if isinstance(given, list) else []


def _answer_text(answer: Any) -> str:
    values = _values(cast("JsonValue", answer))
    return ", ".join(values) if values else "skipped"
