"""What is done at a time."""

from datetime import datetime
from typing import Literal

from contracts.ids import (
    AssistantId,
    ConversationId,
    RunId,
    ScheduleId,
)
from contracts.message import Body, Reply

ScheduleKind = Literal["reminder", "prompt"]

ScheduleStatus = Literal["active", "paused", "done"]


class ScheduleView(Body):
    """A schedule. ``next_due_at``: absent where it is paused or done. ``last_run_id``: the turn that it began last.

    ``last_error_code``: why it could not begin one at ``last_due_at``.
    """

    schedule_id: ScheduleId
    kind: ScheduleKind
    text: str
    status: ScheduleStatus
    due_at: datetime | None = None
    cron: str | None = None
    time_zone: str
    conversation_id: ConversationId | None = None
    assistant_id: AssistantId | None = None
    next_due_at: datetime | None = None
    last_due_at: datetime | None = None
    last_run_id: RunId | None = None
    last_error_code: str | None = None
    created_at: datetime


class ScheduleReply(Reply):
    """One schedule. ``replayed``: the same effect key has made it before."""

    schedule: ScheduleView
    replayed: bool = False


class ScheduleList(Reply):
    """All schedules of a user, the newest first. Reminders of todos are told with the todos."""

    data: tuple[ScheduleView, ...]
