"""How a tool call is told in ChatKit: one human line, its state, and arguments and result on demand."""

import json
from typing import Any

from chatkit_protocol import items
from chatkit_protocol.items import Json
from contracts.replies import ToolCallView

CONTENT_CHARACTERS_MAX = 2_000
BADGE_CHARACTERS_MAX = 120


def tool_task(call: ToolCallView, note: str = "") -> Json:
    """A tool call as a task of a workflow. ``note``: how it stands while it runs."""
    title = f"{_title(call)} · {note}" if note else _title(call)
    return items.tool_task(title, _content(call), status=call.status)


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
    return title if len(title) <= BADGE_CHARACTERS_MAX else f"{title[: BADGE_CHARACTERS_MAX - 1]}…"


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
    parts += [f"[{_link_text(link.title)}]({link.url.replace('(', '%28').replace(')', '%29')})" for link in call.links]
    return "\n\n".join(parts)


def _link_text(title: str) -> str:
    return "".join(f"\\{character}" if character in "\\[]`*_<>!" else character for character in title)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    # A fence inside the text would end ours.
    text = text.replace("```", "'''")
    return text if len(text) <= CONTENT_CHARACTERS_MAX else f"{text[:CONTENT_CHARACTERS_MAX]}…"
