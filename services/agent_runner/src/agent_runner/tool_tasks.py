"""How a tool call is told in ChatKit: one human line, its state, and arguments and result on demand."""

import json
from collections.abc import Mapping
from typing import Any, cast

import structlog
from chatkit_protocol import items
from chatkit_protocol.items import Json
from contracts.replies import ToolCallView
from contracts.text import storable
from natterkit import ToolWords

log = structlog.get_logger()
CONTENT_CHARACTERS_MAX = 2_000
BADGE_CHARACTERS_MAX = 120
ROWS_MAX = 10
COLUMNS_MAX = 4
CELL_CHARACTERS_MAX = 100


Words = Mapping[str, ToolWords]
"""How an assistant wants its tools' entries to read, by the name of the tool."""
NO_WORDS: Words = {}


def tool_task(call: ToolCallView, note: str = "", words: Words = NO_WORDS) -> Json:
    """A tool call as a task of a workflow. ``note``: how it stands while it runs."""
    title = _title(call, words.get(call.name))
    return items.tool_task(f"{title} · {note}" if note else title, _content(call), status=call.status)


def _title(call: ToolCallView, words: ToolWords | None) -> str:
    human = call.name.replace("_", " ").replace("-", " ").strip().capitalize() or "Tool"
    verb, subject = human, ""
    if words is not None:
        verb = words.done if call.status == "success" else words.running
        subject = _subject(call, words)
    title = f"{verb} “{subject}”" if subject else verb
    return title if len(title) <= BADGE_CHARACTERS_MAX else f"{title[: BADGE_CHARACTERS_MAX - 1]}…"


def _subject(call: ToolCallView, words: ToolWords) -> str:
    """What the call is about, as the assistant's author says; a mistake in that code costs no more than the words."""
    if words.subject is None:
        return ""
    arguments = call.arguments if isinstance(call.arguments, dict) else {}
    try:
        return storable(str(words.subject(arguments, call.result) or ""))
    except Exception as error:  # noqa: BLE001 - somebody else's code
        log.warning("tool.words_failed", tool=call.name, error=repr(error)[:300])
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
    rows: Any = result
    if isinstance(result, dict):
        lists = [cast(list[Any], value) for value in cast(Json, result).values() if isinstance(value, list)]
        rows = lists[0] if lists else None
    if not isinstance(rows, list) or not rows:
        return ""
    listed = cast(list[Any], rows)
    lines = _table(listed) if all(isinstance(row, dict) for row in listed) else [f"- {_cell(row)}" for row in listed]
    more = [f"… and {len(listed) - ROWS_MAX} more"] if len(listed) > ROWS_MAX else []
    head = 2 if lines and lines[0].startswith("|") else 0
    return "\n".join(lines[: ROWS_MAX + head]) + "".join(f"\n\n{line}" for line in more)


def _table(rows: list[Json]) -> list[str]:
    """Columns that hold single values, without ids and times, which nobody reads, and without empty columns."""
    names = [
        name
        for name, value in rows[0].items()
        if not isinstance(value, dict | list)
        and name != "id"
        and not name.endswith(("_id", "_at"))
        and any(_cell(row.get(name)) for row in rows)
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
