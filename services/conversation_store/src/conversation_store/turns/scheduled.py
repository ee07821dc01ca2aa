"""A turn that a schedule begins: it is begun like a user's, and comes from no other service."""

from datetime import datetime
from typing import Literal

from contracts.assistants import TimeZone
from contracts.commands import BeginTurn
from contracts.ids import ScheduleId
from contracts.message import Body
from contracts.replies import ScheduleKind
from contracts.text import MessageText


class ScheduledPrompt(Body):
    """What a schedule says at its time. No message is shown of it; the model is told what is due.

    ``due_at``: in the schedule's ``time_zone``. ``is_late``: nothing was running then.
    """

    type: Literal["scheduled"] = "scheduled"
    schedule_id: ScheduleId
    kind: ScheduleKind
    text: MessageText
    due_at: datetime
    time_zone: TimeZone
    is_late: bool = False


class ScheduledTurn(BeginTurn):
    """The one turn whose input is no word of its user's at this moment."""

    input: ScheduledPrompt  # pyright: ignore[reportIncompatibleVariableOverride]  never on the bus
