"""What the demo model makes of a turn that a schedule began: it reminds, or does as if the user had just asked."""

from collections.abc import Sequence
from typing import Any

from chatkit_protocol.scheduled import Scheduled, read

LATE = " (It was due at {due}, {zone}: I am late, because I was away.)"


def as_asked(items: str | Sequence[Any]) -> tuple[str | Sequence[Any], str]:
    """The input with each scheduled request as its user would have sent it, and what to say in front of the answer.

    Of a reminder that is to be told now, nothing but those words are to be said: the input is then empty.
    """
    if isinstance(items, str):
        return items, ""
    last = max((at for at, item in enumerate(items) if item.get("role") == "user"), default=None)
    asked: list[Any] = []
    before = ""
    for at, item in enumerate(items):
        due = _due(item)
        if due is not None and at == last:
            late = LATE.format(due=due.due, zone=due.zone) if due.is_late else ""
            if due.kind == "reminder":
                return "", f"Reminder: {due.text}{late}"
            before = f"{late.strip()}\n" if late else ""
        asked.append(item if due is None else {**item, "content": due.text})
    return asked, before


def _due(item: Any) -> Scheduled | None:
    if item.get("role") != "user":
        return None
    content = item.get("content")
    if isinstance(content, list) and len(content) == 1:  # pyright: ignore[reportUnknownArgumentType]
        content = content[0].get("text")  # pyright: ignore[reportUnknownVariableType,reportUnknownMemberType]
    return read(content) if isinstance(content, str) else None
