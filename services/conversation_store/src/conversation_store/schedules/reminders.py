"""The reminder of a todo: a schedule that follows its date, and is there while there is something to remind of."""

from datetime import UTC, datetime, time

from contracts.due import Due
from contracts.ids import RunId, new_schedule_id
from contracts.replies import TaskView

from conversation_store.database import Transaction
from conversation_store.recurrence import zone_or_utc
from conversation_store.statements import Statements

sql = Statements.beside(__file__)

HOUR_OF_ALL_DAY = time(9)
"""Of a todo whose day alone was meant: nobody wants to be reminded when that begins, at midnight."""


async def follow(
    transaction: Transaction, user_id: str, task: TaskView, *, is_gone: bool, run_id: RunId | None
) -> None:
    """Make the reminder as the todo now is: made, moved, worded anew, or taken away.

    ``run_id``: the run whose tool has changed the todo; a reminder that is made then is told in its conversation.
    """
    found = await transaction.row(sql.find, user_id=user_id, task_id=task.task_id)
    assert found is not None  # one row, of the time at least
    at = None if is_gone or task.completed or task.due is None else remind_at(task.due)
    is_known = found["schedule_id"] is not None
    if at is None or (at != found["due_at"] and at <= found["now"]):
        if is_known:
            await transaction.execute(sql.forget, user_id=user_id, task_id=task.task_id)
        return
    assert task.due is not None
    told = {"user_id": user_id, "task_id": task.task_id, "text": task.title, "due_at": at, "time_zone": task.due.zone}
    if is_known:
        await transaction.execute(sql.change, **told)
    else:
        await transaction.execute(sql.make, **told, schedule_id=new_schedule_id(), run_id=run_id)


def remind_at(due: Due) -> datetime:
    """When to remind of it (UTC)."""
    if not due.all_day:
        return due.at
    zone = zone_or_utc(due.zone)
    return datetime.combine(due.at.astimezone(zone).date(), HOUR_OF_ALL_DAY, zone).astimezone(UTC)
