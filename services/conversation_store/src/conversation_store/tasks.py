"""The todos."""

from datetime import UTC, datetime
from typing import Literal

from contracts.commands import (
    AddTask,
    ClearTasks,
    DeleteTask,
    EffectKey,
    Move,
    RestoreClearedTasks,
    RestoreTask,
    UpdateTask,
)
from contracts.due import Due
from contracts.events import TaskChanged, TasksChanged
from contracts.ids import TaskId
from contracts.queries import GetTask, ListTasks
from contracts.replies import TaskCounts, TaskDeleted, TaskPage, TaskReply, TasksCleared, TasksRestored, TaskView

from conversation_store import access, attachments
from conversation_store.cursors import decode_cursor, decode_place, encode_cursor, encode_place
from conversation_store.database import Row, Transaction
from conversation_store.effects import once
from conversation_store.outbox import enqueue
from conversation_store.recurrence import next_due
from conversation_store.schedules import reminders
from conversation_store.statements import Statements
from conversation_store.turns.rules import quota_exceeded
from conversation_store.views import task_view

UNDO_SECONDS_MAX = 600
"""How long a deletion can be taken back; the sweeper forgets what is older."""

sql = Statements.beside(__file__)


async def add_task(transaction: Transaction, command: AddTask, task_id: TaskId, *, tasks_max: int) -> TaskReply:
    """Add a todo; the same effect key gives the todo that it has added before. Raises TerminalError (quota_exceeded).

    Of todos that are added in the same moment a few more may be kept.
    """
    user_id = command.principal.user_id

    async def add() -> TaskReply:
        await _check_quota(transaction, user_id, tasks_max)
        run_id = command.effect_key and command.effect_key.run_id
        attached = await attachments.use_in_task(transaction, command.principal, command.attachment_ids)
        row = await transaction.row(
            sql.add, command, task_id=task_id, due=_json(command.due), run_id=run_id, attachment_ids=attached
        )
        assert row is not None  # an upsert always gives one row
        return TaskReply(task=await _tell(transaction, user_id, "task.added", task_view(row), command.effect_key))

    return await once(transaction, command.principal, command.effect_key, TaskReply, "add_task", add)


async def update_task(
    transaction: Transaction, command: UpdateTask, next_task_id: TaskId, *, tasks_max: int
) -> TaskReply:
    """Change a todo. ``next_task_id``: of the one that is added where this one comes again and is completed.

    Raises TerminalError: forbidden, not_found, quota_exceeded.
    """
    user_id = command.principal.user_id

    async def update() -> TaskReply:
        before = await transaction.row(sql.lock, command)
        if before is None:
            raise await access.missing(transaction, "task", command.task_id)
        attached = None
        if command.attachment_ids is not None:
            attached = await attachments.use_in_task(transaction, command.principal, command.attachment_ids)
        due = None if command.clear_due else command.due or task_view(before).due
        next_task, next_id = None, before["next_task_id"]
        if command.completed and not before["completed"] and due and (again := next_due(due, datetime.now(UTC))):
            await _check_quota(transaction, user_id, tasks_max)
            next_task, next_id = await _add_next(transaction, command, next_task_id, again), next_task_id
            due = due.model_copy(update={"recurrence": None})  # the next one has it: this one is over
        elif command.completed is False and next_id is not None:
            taken_back = await _take_back_next(transaction, user_id, next_id)
            due = due and due.model_copy(update={"recurrence": taken_back or due.recurrence})
            next_id = None
        position = None if command.move is None else await _position(transaction, command, command.move)
        row = await transaction.row(
            sql.update, command, due=_json(due), position=position, next_task_id=next_id, attachment_ids=attached
        )
        assert row is not None  # it is locked
        task = await _tell(transaction, user_id, "task.updated", task_view(row), command.effect_key)
        return TaskReply(task=task, next_task=next_task)

    return await once(transaction, command.principal, command.effect_key, TaskReply, "update_task", update)


async def delete_task(transaction: Transaction, command: DeleteTask) -> TaskDeleted:
    """Delete a todo, so that it can be restored for a while. Raises TerminalError: forbidden, not_found."""
    user_id = command.principal.user_id

    async def delete() -> TaskDeleted:
        row = await transaction.row(sql.delete, command)
        if row is None:
            raise await access.missing(transaction, "task", command.task_id)
        task = await _tell(transaction, user_id, "task.deleted", task_view(row))
        return TaskDeleted(task_id=task.task_id, title=task.title)

    return await once(transaction, command.principal, command.effect_key, TaskDeleted, "delete_task", delete)


async def clear_tasks(transaction: Transaction, command: ClearTasks) -> TasksCleared:
    """Delete all that are completed, so that they can be restored for a while."""
    user_id = command.principal.user_id

    async def clear() -> TasksCleared:
        cleared = await transaction.row(sql.clear, command)
        assert cleared is not None  # a count always gives one row
        await _tell_of_many(transaction, user_id, "tasks.cleared", cleared["count"])
        return TasksCleared(**cleared)

    return await once(transaction, command.principal, command.effect_key, TasksCleared, "clear_tasks", clear)


async def restore_task(transaction: Transaction, command: RestoreTask) -> TaskReply:
    """Take a deletion back. Raises TerminalError: forbidden, not_found, also where that is too long ago."""
    user_id = command.principal.user_id

    async def restore() -> TaskReply:
        row = await transaction.row(sql.restore, command, undo_seconds=UNDO_SECONDS_MAX)
        if row is None:
            raise await access.missing(transaction, "task", command.task_id)
        return TaskReply(task=await _tell(transaction, user_id, "task.added", task_view(row)))

    return await once(transaction, command.principal, command.effect_key, TaskReply, "restore_task", restore)


async def restore_cleared_tasks(transaction: Transaction, command: RestoreClearedTasks) -> TasksRestored:
    """Take a clearing back; how many todos came back says whether that was too long ago."""
    user_id = command.principal.user_id

    async def restore() -> TasksRestored:
        count = await transaction.execute(sql.restore_cleared, command, undo_seconds=UNDO_SECONDS_MAX)
        await _tell_of_many(transaction, user_id, "tasks.restored", count)
        return TasksRestored(count=count)

    key, name = command.effect_key, "restore_cleared_tasks"
    return await once(transaction, command.principal, key, TasksRestored, name, restore)


async def get_task(transaction: Transaction, query: GetTask) -> TaskReply:
    """One todo. Raises TerminalError: forbidden, not_found."""
    row = await transaction.row(sql.get, query)
    if row is None:
        raise await access.missing(transaction, "task", query.task_id)
    return TaskReply(task=task_view(row))


async def list_tasks(transaction: Transaction, query: ListTasks) -> TaskPage:
    """A page of the user's todos. Raises TerminalError (invalid_request) for a cursor that is none."""
    pattern = None if query.search is None else f"%{_escaped(query.search)}%"
    rows = await _rows(transaction, query, pattern)
    data = tuple(task_view(row) for row in rows[: query.limit])
    counts = await _counts(transaction, query, rows)
    if len(rows) <= query.limit:
        return TaskPage(data=data, has_more=False, counts=counts)
    return TaskPage(data=data, has_more=True, after=_cursor(query, data[-1]), counts=counts)


async def _counts(transaction: Transaction, query: ListTasks, rows: list[Row]) -> TaskCounts | None:
    """Of the whole list, with its first page: each row brings them, so that they are asked for alone where none is."""
    if query.after is not None:
        return None
    if rows:
        return TaskCounts.model_validate_json(rows[0]["counts"])
    is_empty = (query.completed, query.filter, query.search) == (None, None, None)
    counted = None if is_empty else await transaction.value(sql.count, query)
    return TaskCounts(open=0, done=0, due=0) if counted is None else TaskCounts.model_validate_json(counted)


async def _rows(transaction: Transaction, query: ListTasks, pattern: str | None) -> list[Row]:
    """One more than is asked for, which says whether there are more."""
    completed = query.completed if query.filter is None else query.filter == "done"
    page = {"pattern": pattern, "is_first": query.after is None, "limit": query.limit + 1}
    if query.sort == "list" and query.filter == "due":
        due_at, task_id = decode_cursor(query.after, is_ascending=True)
        return await transaction.rows(sql.by_date, query, due_at=due_at, task_id=task_id, **page)
    if query.sort == "list":
        after_completed, after_position, task_id = decode_place(query.after)
        place = {"after_completed": after_completed, "after_position": after_position, "task_id": task_id}
        return await transaction.rows(sql.by_position, query, **place, completed=completed, **page)
    created_at, task_id = decode_cursor(query.after, is_ascending=query.order == "asc")
    return await transaction.rows(
        sql.oldest_first if query.order == "asc" else sql.newest_first,
        query,
        created_at=created_at,
        task_id=task_id,
        has_date=query.filter == "due",
        completed=completed,
        **page,
    )


def _cursor(query: ListTasks, last: TaskView) -> str:
    if query.sort == "created":
        return encode_cursor(last.created_at, last.task_id)
    if query.filter == "due" and last.due is not None:
        return encode_cursor(last.due.at, last.task_id)
    return encode_place(last.completed, last.position, last.task_id)


async def _check_quota(transaction: Transaction, user_id: str, tasks_max: int) -> None:
    if await transaction.value(sql.know_user, user_id=user_id, tasks_max=tasks_max) >= tasks_max:
        raise quota_exceeded(f"At most {tasks_max} todos are kept.", "tasks")


def _json(due: Due | None) -> str | None:
    return None if due is None else due.model_dump_json()


async def _add_next(transaction: Transaction, command: UpdateTask, next_task_id: TaskId, due: Due) -> TaskView:
    """The todo that comes after one that is being completed; what is changed with it is not handed on."""
    row = await transaction.row(sql.add_next, command, next_task_id=next_task_id, due=_json(due))
    assert row is not None  # the todo is locked
    return await _tell(transaction, command.principal.user_id, "task.added", task_view(row), command.effect_key)


async def _take_back_next(transaction: Transaction, user_id: str, next_task_id: TaskId) -> str | None:
    """Delete what completing has added, if nobody has touched it; how it comes again, None where it stays."""
    row = await transaction.row(sql.take_back_next, user_id=user_id, next_task_id=next_task_id)
    if row is None:
        return None
    await _tell(transaction, user_id, "task.deleted", task_view(row))
    recurrence: str | None = row["recurrence"]
    return recurrence


async def _position(transaction: Transaction, command: UpdateTask, move: Move) -> float:
    """The number of the place that is asked for. Raises TerminalError (not_found) where the other todo is not there."""
    if move.task_id is None:
        at_end: float = await transaction.value(sql.place_at_end, command, is_first=move.to == "first")
        return at_end
    for _ in range(2):
        place = await transaction.row(sql.place_beside, command, other_id=move.task_id, is_before=move.to == "before")
        assert place is not None  # a row is always given
        if not place["is_found"]:
            raise await access.missing(transaction, "task", move.task_id)
        if place["position"] is not None:
            return float(place["position"])
        count = await transaction.execute(sql.spread, command)
        await _tell_of_many(transaction, command.principal.user_id, "tasks.reordered", count)
    raise AssertionError("there is room after todos were spread")


async def _tell(
    transaction: Transaction, user_id: str, change: str, task: TaskView, key: EffectKey | None = None
) -> TaskView:
    is_gone, run_id = change == "task.deleted", None if key is None else key.run_id
    await reminders.follow(transaction, user_id, task, is_gone=is_gone, run_id=run_id)
    event = TaskChanged.model_validate({"type": change, "task": task})
    await enqueue.enqueue(transaction, user_id, [enqueue.task_changed(user_id, event)])
    return task


async def _tell_of_many(
    transaction: Transaction,
    user_id: str,
    change: Literal["tasks.cleared", "tasks.restored", "tasks.reordered"],
    count: int,
) -> None:
    if count:
        event = TasksChanged(type=change, count=count)
        await enqueue.enqueue(transaction, user_id, [enqueue.tasks_changed(user_id, event)])


def _escaped(text: str) -> str:
    """A text in which LIKE finds nothing but itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
