"""ChatKit's events and items as plain JSON, shaped as ``chatkit.types.ThreadStreamEvent``."""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from contracts.replies import ConversationView, ToolCallView

Json = dict[str, Any]
"""JSON as ChatKit shapes it; its types are checked in tests, against the published ones."""

CONTENT_CHARACTERS_MAX = 2_000
TITLE_CHARACTERS_MAX = 120


def encode(event: Mapping[str, Any]) -> bytes:
    """The bytes of an event as the browser gets them."""
    return json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode()


def text_delta_event(item_id: str, content_index: int, delta: str) -> Json:
    return {
        "type": "thread.item.updated",
        "item_id": item_id,
        "update": {"type": "assistant_message.content_part.text_delta", "content_index": content_index, "delta": delta},
    }


def item_updated(item_id: str, update: Json) -> Json:
    return {"type": "thread.item.updated", "item_id": item_id, "update": update}


def item_event(kind: str, item: Json) -> Json:
    """``kind``: added, done or replaced."""
    return {"type": f"thread.item.{kind}", "item": item}


def item_removed(item_id: str) -> Json:
    return {"type": "thread.item.removed", "item_id": item_id}


def stream_options() -> Json:
    return {"type": "stream_options", "stream_options": {"allow_cancel": True}}


def thread_updated(conversation: ConversationView, title: str) -> Json:
    """A thread.updated carries the whole thread; its page of items is empty, viewers have them."""
    return {
        "type": "thread.updated",
        "thread": {
            "id": conversation.conversation_id,
            "title": title,
            "created_at": conversation.created_at.isoformat(),
            "status": {"type": "active"},
            "metadata": conversation.metadata,
            "items": {"data": [], "has_more": False},
        },
    }


def assistant_message(item_id: str, conversation_id: str, created_at: datetime, content: Sequence[Json]) -> Json:
    return {
        "id": item_id,
        "thread_id": conversation_id,
        "created_at": created_at.isoformat(),
        "type": "assistant_message",
        "content": list(content),
    }


def output_text(text: str, annotations: Sequence[Json] = ()) -> Json:
    return {"type": "output_text", "text": text, "annotations": list(annotations)}


def workflow(item_id: str, conversation_id: str, created_at: datetime, kind: str, tasks: Sequence[Json]) -> Json:
    """``kind``: custom (tool calls) or reasoning (thoughts)."""
    return {
        "id": item_id,
        "thread_id": conversation_id,
        "created_at": created_at.isoformat(),
        "type": "workflow",
        "workflow": {"type": kind, "tasks": list(tasks), "expanded": False},
    }


def thought(text: str, *, is_complete: bool) -> Json:
    return {"type": "thought", "content": text, "status_indicator": "complete" if is_complete else "loading"}


_BADGES: dict[str, Json] = {
    "running": {"status_indicator": "loading"},
    "success": {"status_indicator": "complete", "icon": "check-circle-filled"},
    "failure": {"status_indicator": "complete", "icon": "info"},
    "interrupted": {"status_indicator": "none", "icon": "circle-question"},
    "unknown": {"status_indicator": "complete", "icon": "circle-question"},
}


def tool_task(call: ToolCallView, note: str = "") -> Json:
    """A tool call as a task of a workflow: one human line, its state, and arguments and result on demand.

    ``note``: how it stands while it runs.
    """
    title = f"{_title(call)} · {note}" if note else _title(call)
    return {"type": "custom", "title": title, "content": _content(call), **_BADGES[call.status]}


_VERBS = {
    "add_task": ("Adding task", "Added task"),
    "list_tasks": ("Listing tasks", "Listed tasks"),
    "complete_task": ("Completing task", "Completed task"),
    "update_task": ("Updating task", "Updated task"),
    "delete_task": ("Deleting task", "Deleted task"),
}


def _title(call: ToolCallView) -> str:
    human = call.name.replace("_", " ").replace("-", " ").strip().capitalize() or "Tool"
    running, done = _VERBS.get(call.name, (human, human))
    words = done if call.status == "success" else running
    subject = _subject(call)
    title = f"{words} “{subject}”" if subject else words
    return title if len(title) <= TITLE_CHARACTERS_MAX else f"{title[: TITLE_CHARACTERS_MAX - 1]}…"


def _subject(call: ToolCallView) -> str:
    """The title of the task that a call is about, from its result or its arguments."""
    for source in (call.result, call.arguments):
        if isinstance(source, dict):
            task = source.get("task", source)
            title = task.get("title") if isinstance(task, dict) else None
            if isinstance(title, str):
                return title
    return ""


def _content(call: ToolCallView) -> str:
    parts = [f"```json\n{_short(call.arguments)}\n```"]
    if call.status in ("success", "failure", "unknown") and call.result is not None:
        parts.append(f"```json\n{_short(call.result)}\n```")
    return "\n\n".join(parts)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    # A fence inside the text would end ours.
    text = text.replace("```", "'''")
    return text if len(text) <= CONTENT_CHARACTERS_MAX else f"{text[:CONTENT_CHARACTERS_MAX]}…"
