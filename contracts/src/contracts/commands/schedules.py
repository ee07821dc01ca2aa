"""Commands about schedules: turns that begin at a time instead of with a message."""

from typing import Annotated, ClassVar

from pydantic import AfterValidator, AwareDatetime, Field, StringConstraints

from contracts.assistants import Requester, TimeZone
from contracts.commands.tasks import EffectKey
from contracts.identity import Principal
from contracts.ids import AssistantId, ConversationId, ScheduleId
from contracts.message import Command
from contracts.replies import Done, ScheduleKind, ScheduleReply
from contracts.text import refuse_nul

ScheduleText = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000), AfterValidator(refuse_nul)
]
CronExpression = Annotated[
    str, StringConstraints(pattern=r"^[A-Za-z0-9*/,#-]+( [A-Za-z0-9*/,#-]+){4}$", max_length=100)
]
"""Five fields: minute, hour, day of the month, month, day of the week."""


class CreateSchedule(Command[ScheduleReply]):
    """Begin a turn at ``due_at``, or whenever ``cron`` says so in ``time_zone``: one of the two is given.
    The zone is the requester's where none is named; ``requester`` itself is that of the run, where a run's tool asks.

    ``kind`` "reminder": the assistant tells the user the text; "prompt": it does what the text asks for. The turn is in
    the conversation that is named, else, or where ``is_own_conversation``, in one of the schedule's own: a run's tool
    names its conversation in any case. Errors: invalid_request (a time that is over, a
    cron expression or a zone that is none, or too often), quota_exceeded, forbidden, not_found, assistant_unknown.
    """

    subject_template: ClassVar[str] = "command.conversation_store.create_schedule"
    principal: Principal
    kind: ScheduleKind = "prompt"
    text: ScheduleText
    due_at: AwareDatetime | None = None
    cron: CronExpression | None = None
    time_zone: TimeZone | None = None
    conversation_id: ConversationId | None = None
    is_own_conversation: bool = False
    assistant_id: AssistantId | None = None
    requester: Requester | None = None
    effect_key: EffectKey | None = None


class UpdateSchedule(Command[ScheduleReply]):
    """Pause a schedule, or let it go on: of what was due meanwhile, only a single time is made up for.

    Errors: not_found, invalid_request (it is done).
    """

    subject_template: ClassVar[str] = "command.conversation_store.update_schedule"
    principal: Principal
    schedule_id: ScheduleId
    paused: Annotated[bool, Field(description="Whether it is to be paused.")]
    effect_key: EffectKey | None = None


class DeleteSchedule(Command[Done]):
    """Forget a schedule; turns that it has begun stay. Errors: not_found."""

    subject_template: ClassVar[str] = "command.conversation_store.delete_schedule"
    principal: Principal
    schedule_id: ScheduleId
    effect_key: EffectKey | None = None
