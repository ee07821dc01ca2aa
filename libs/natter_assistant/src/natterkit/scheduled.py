"""What a user has scheduled."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True)
class Schedule:
    """A turn that begins at a time: once (``at``), or whenever ``cron`` says so in ``time_zone``.

    ``reminds``: the user is told the text; else it is done. ``next_due_at``: absent where it is paused or done.
    """

    id: str
    text: str
    reminds: bool
    status: Literal["active", "paused", "done"]
    at: datetime | None
    cron: str | None
    time_zone: str
    next_due_at: datetime | None
