"""Tools with which an agent reminds its user, or does something for them, at a time; and looks after what is due."""

from datetime import datetime

from agents import FunctionTool

from natterkit.context import Context
from natterkit.scheduled import Schedule
from natterkit.tools import function_tool


@function_tool(repeatable=True)
async def remind_me(text: str, at: str | None = None, cron: str | None = None) -> str:
    """Remind the user of something at a time, or again and again. Give either `at` or `cron`.

    Args:
        text: What to remind them of, in their language.
        at: Date and time on the user's clock, such as 2027-03-01T09:00.
        cron: Five cron fields on the user's clock, such as "0 9 * * FRI" for Fridays at nine.
    """
    return await _schedule(text, at, cron, reminds=True)


@function_tool(repeatable=True)
async def schedule_request(text: str, at: str | None = None, cron: str | None = None) -> str:
    """Carry out a request of the user later, or again and again. Give either `at` or `cron`.

    Args:
        text: The request, as the user would write it then.
        at: Date and time on the user's clock, such as 2027-03-01T09:00.
        cron: Five cron fields on the user's clock, such as "0 9 * * FRI" for Fridays at nine.
    """
    return await _schedule(text, at, cron, reminds=False)


@function_tool(repeatable=True)
async def list_schedules() -> str:
    """List the user's reminders and scheduled requests, with their ids and when they are due next."""
    context = Context.current()
    try:
        found = [one for one in await context.schedules() if one.status != "done"]
    except ValueError as error:
        return str(error)
    return "\n".join(_line(one, context) for one in found) or "Nothing is scheduled."


@function_tool(repeatable=True)
async def pause_schedule(schedule_id: str, paused: bool = True) -> str:
    """Pause a reminder or a scheduled request, or let it go on.

    Args:
        schedule_id: As `list_schedules` shows it.
        paused: False to let it go on.
    """
    try:
        await Context.current().pause_schedule(schedule_id, paused=paused)
    except ValueError as error:
        return str(error)
    return "Paused." if paused else "It goes on."


@function_tool(repeatable=True)
async def cancel_schedule(schedule_id: str) -> str:
    """Cancel a reminder or a scheduled request for good.

    Args:
        schedule_id: As `list_schedules` shows it.
    """
    try:
        await Context.current().delete_schedule(schedule_id)
    except ValueError as error:
        return str(error)
    return "Cancelled."


def schedule_tools() -> list[FunctionTool]:
    """For an agent's ``tools``: make, list, pause and cancel. Its instructions should tell it the time."""
    return [remind_me, schedule_request, list_schedules, pause_schedule, cancel_schedule]


async def _schedule(text: str, at: str | None, cron: str | None, *, reminds: bool) -> str:
    try:
        due_at = datetime.fromisoformat(at) if at else None
        await Context.current().schedule(text, at=due_at, cron=cron or None, reminds=reminds)
    except ValueError as error:
        return str(error)
    return f"Scheduled: {at or cron}."


def _line(schedule: Schedule, context: Context) -> str:
    """On the user's clock, as all that the model says of times."""
    due = schedule.next_due_at
    when = schedule.status if due is None else f"next {due.astimezone(context.now.tzinfo):%Y-%m-%d %H:%M}"
    again = "" if schedule.cron is None else f", cron {schedule.cron} in {schedule.time_zone}"
    return f"{schedule.id}: {'reminder' if schedule.reminds else 'request'} “{schedule.text}” ({when}{again})"
