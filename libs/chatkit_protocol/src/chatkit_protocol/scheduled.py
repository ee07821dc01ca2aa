"""What the model is told of a turn that nobody's message began, and how that is read again (by the demo model)."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

Kind = Literal["reminder", "prompt"]

_WHAT: Final[dict[Kind, str]] = {
    "reminder": "The user asked to be reminded of the text below. Remind them of it now, briefly.",
    "prompt": "The user scheduled the request below. Carry it out now; they have not just written.",
}
_LATE: Final = " It comes late, as the system was away when it was due: say so."
_TOLD: Final = re.compile(
    r"\[(reminder|prompt) due (\d{4}-\d\d-\d\d \d\d:\d\d) ([^\]\n]{1,100})\] ([^\n]*)\n\n(.*)", re.S
)


@dataclass(frozen=True)
class Scheduled:
    """What a turn of a schedule is about. ``due``: the date and the time, and the name of their zone."""

    kind: Kind
    text: str
    due: str
    zone: str
    is_late: bool


def told(kind: Kind, text: str, due_at: datetime, zone: str, *, is_late: bool) -> str:
    """As a user's message to the model: the text is what a user wrote, or a model for them, and has no more weight."""
    return f"[{kind} due {due_at:%Y-%m-%d %H:%M} {zone}] {_WHAT[kind]}{_LATE if is_late else ''}\n\n{text}"


def read(message: str) -> Scheduled | None:
    """What `told` has written, None where a message is another one."""
    match = _TOLD.fullmatch(message)
    if match is None:
        return None
    kind: Kind = "reminder" if match[1] == "reminder" else "prompt"
    return Scheduled(kind, match[5], match[2], match[3], match[4].endswith(_LATE))
