"""Tools with which an agent reminds its user, or does something for them, at a time."""

from datetime import datetime

from agents import FunctionTool

from natterkit.context import Context
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


def schedule_tools() -> list[FunctionTool]:
    """For an agent's ``tools``: `remind_me` and `schedule_request`. Its instructions should tell it the time."""
    return [remind_me, schedule_request]


async def _schedule(text: str, at: str | None, cron: str | None, *, reminds: bool) -> str:
    try:
        due_at = datetime.fromisoformat(at) if at else None
        await Context.current().schedule(text, at=due_at, cron=cron or None, reminds=reminds)
    except ValueError as error:
        return str(error)
    return f"Scheduled: {at or cron}."
