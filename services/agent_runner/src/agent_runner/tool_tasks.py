"""How a tool call is told in ChatKit: one human line, its state, and arguments and result on demand."""

import json
from typing import Any, cast

from chatkit_protocol import items
from chatkit_protocol.items import Json
from contracts.replies import ToolCallView

CONTENT_CHARACTERS_MAX = 2_000
BADGE_CHARACTERS_MAX = 120
ROWS_MAX = 10
COLUMNS_MAX = 4
CELL_CHARACTERS_MAX = 100


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
    """For people first: a result that is a list as one, and links. Behind a rule, word for word, what was asked and
    answered; an element may show that on demand (README of the element).
    """
    shown: list[str] = []
    has_result = call.status in ("success", "failure", "unknown") and call.result is not None
    if has_result and (told := _told(call.result)):
        shown.append(told)
    shown += [f"[{_link_text(link.title)}]({link.url.replace('(', '%28').replace(')', '%29')})" for link in call.links]
    exact = [f"**Input**\n\n```json\n{_short(call.arguments)}\n```"]
    if has_result:
        exact.append(f"**Output**\n\n```json\n{_short(call.result)}\n```")
    return "\n\n".join([*shown, "---", *exact])


def _told(result: Any) -> str:
    """A list of things as a small table, a list of words as a list; empty for what is neither."""
    rows = result
    if isinstance(result, dict):
        lists = [value for value in cast(Json, result).values() if isinstance(value, list)]
        rows = lists[0] if lists else None
    if not isinstance(rows, list) or not rows:
        return ""
    listed = cast(list[Any], rows)
    lines = _table(listed) if all(isinstance(row, dict) for row in listed) else [f"- {_cell(row)}" for row in listed]
    more = [f"… and {len(listed) - ROWS_MAX} more"] if len(listed) > ROWS_MAX else []
    head = 2 if lines and lines[0].startswith("|") else 0
    return "\n".join(lines[: ROWS_MAX + head]) + "".join(f"\n\n{line}" for line in more)


def _table(rows: list[Json]) -> list[str]:
    """Columns that hold single values, without ids and times: nobody reads these."""
    names = [
        name
        for name, value in rows[0].items()
        if not isinstance(value, dict | list) and name != "id" and not name.endswith(("_id", "_at"))
    ][:COLUMNS_MAX]
    if not names:
        return []
    heading = [name.replace("_", " ").capitalize() for name in names]
    lines = [heading, ["---"] * len(names), *([_cell(row.get(name)) for name in names] for row in rows)]
    return ["| " + " | ".join(line) + " |" for line in lines]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    cut = text if len(text) <= CELL_CHARACTERS_MAX else f"{text[:CELL_CHARACTERS_MAX]}…"
    return _link_text(cut).replace("|", "\\|")


def _link_text(title: str) -> str:
    return "".join(f"\\{character}" if character in "\\[]`*_<>!" else character for character in title)


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)
    # A fence inside the text would end ours.
    text = text.replace("```", "'''")
    return text if len(text) <= CONTENT_CHARACTERS_MAX else f"{text[:CONTENT_CHARACTERS_MAX]}…"
