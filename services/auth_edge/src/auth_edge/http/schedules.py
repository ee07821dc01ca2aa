"""Schedules: a user makes, lists, pauses and deletes them."""

from datetime import datetime
from typing import Annotated, Self

from contracts.assistants import TimeZone
from contracts.commands import CreateSchedule, CronExpression, DeleteSchedule, ScheduleText, UpdateSchedule
from contracts.ids import AssistantId, ConversationId, RunId, ScheduleId
from contracts.queries import ListSchedules
from contracts.replies import ScheduleKind, ScheduleStatus, ScheduleView
from fastapi import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from auth_edge.http.bodies import Sent
from auth_edge.http.call import UserCall, user_router
from auth_edge.http.documented import problems, with_headers
from auth_edge.http.parameters import ScheduleIdInPath
from auth_edge.http.requester import KnownRequester

router = user_router("schedules")


class NewSchedule(Sent):
    """A turn that is to begin at a time: `due_at`, or whenever `cron` says so."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "list my tasks", "cron": "0 9 * * FRI", "time_zone": "Europe/Zurich"}]}
    )

    kind: ScheduleKind = Field("prompt", description="Do what the text says, or remind the user of it.")
    text: ScheduleText
    due_at: Annotated[AwareDatetime, Field(strict=False)] | None = Field(
        None, description="With its offset from UTC, such as 2027-03-01T09:00:00+01:00."
    )
    cron: CronExpression | None = Field(
        None, description="Minute, hour, day of the month, month, day of the week, as the clock on the wall shows them."
    )
    time_zone: TimeZone | None = Field(
        None, description="As IANA names it; absent: that of the header Natter-Time-Zone, else UTC."
    )
    conversation_id: ConversationId | None = Field(
        None, description="Where its turns are; absent: in a conversation of its own, which the first one begins."
    )
    assistant_id: AssistantId | None = Field(None, description="Who answers in a conversation of its own.")


class ScheduleChange(Sent):
    """Pause a schedule, or let it go on."""

    paused: bool


class Schedule(BaseModel):
    """A schedule; without `next_due_at` it is paused or done. `last_error_code`: why its last turn did not begin."""

    schedule_id: ScheduleId
    kind: ScheduleKind
    text: str
    status: ScheduleStatus
    due_at: datetime | None
    cron: str | None
    time_zone: str
    conversation_id: ConversationId | None
    assistant_id: AssistantId | None
    next_due_at: datetime | None
    last_due_at: datetime | None
    last_run_id: RunId | None
    last_error_code: str | None
    created_at: datetime

    @classmethod
    def of(cls, view: ScheduleView) -> Self:
        return cls(**view.model_dump())


class ScheduleList(BaseModel):
    """Schedules, the newest first."""

    data: list[Schedule]


@router.post(
    "/schedules",
    status_code=201,
    summary="Schedule a turn",
    responses={201: with_headers("Location"), **problems(404)},
)
async def create_schedule(call: UserCall, response: Response, sent: NewSchedule, requester: KnownRequester) -> Schedule:
    """Begins a turn at a time, once or again and again, as if its text were sent then; it begins within seconds.

    Times that were missed while the service was down are made up for by one turn, which is told that it is late.
    """
    command = CreateSchedule(principal=call.principal, requester=requester, **sent.model_dump())
    schedule = Schedule.of((await call.ask(command)).schedule)
    response.headers["Location"] = f"schedules/{schedule.schedule_id}"
    return schedule


@router.get("/schedules", summary="List schedules")
async def list_schedules(call: UserCall) -> ScheduleList:
    """The newest first. Todos with a due time remind of themselves, and are not among them."""
    found = await call.ask(ListSchedules(principal=call.principal))
    return ScheduleList(data=[Schedule.of(view) for view in found.data])


@router.patch("/schedules/{schedule_id}", summary="Pause a schedule", responses=problems(404))
async def update_schedule(call: UserCall, schedule_id: ScheduleIdInPath, sent: ScheduleChange) -> Schedule:
    """Pauses it, or lets it go on. Times of a cron expression that fell into the pause are left out."""
    command = UpdateSchedule(principal=call.principal, schedule_id=schedule_id, paused=sent.paused)
    return Schedule.of((await call.ask(command)).schedule)


@router.delete("/schedules/{schedule_id}", status_code=204, summary="Delete a schedule", responses=problems(404))
async def delete_schedule(call: UserCall, schedule_id: ScheduleIdInPath) -> None:
    """Begins no turns any more; those that it has begun stay."""
    await call.ask(DeleteSchedule(principal=call.principal, schedule_id=schedule_id))
