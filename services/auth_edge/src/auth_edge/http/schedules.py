"""Schedules: a user makes, lists, pauses and deletes them."""

from contracts.commands import CreateSchedule, DeleteSchedule, UpdateSchedule
from contracts.queries import ListSchedules
from fastapi import Response

from auth_edge.http.bodies import NewSchedule, Schedule, ScheduleChange, ScheduleList
from auth_edge.http.call import UserCall, user_router
from auth_edge.http.documented import problems, with_headers
from auth_edge.http.parameters import ScheduleIdInPath
from auth_edge.http.requester import KnownRequester

router = user_router("schedules")


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
