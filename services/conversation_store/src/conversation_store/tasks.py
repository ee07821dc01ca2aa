"""The todos."""

from contracts.commands import AddTask, DeleteTask, UpdateTask
from contracts.events import TaskChanged
from contracts.ids import TaskId
from contracts.queries import GetTask, ListTasks
from contracts.replies import TaskDeleted, TaskPage, TaskReply, TaskView

from conversation_store import access
from conversation_store.cursors import decode_cursor, encode_cursor
from conversation_store.database import Transaction
from conversation_store.effects import once
from conversation_store.outbox import enqueue
from conversation_store.statements import Statements
from conversation_store.turns.rules import quota_exceeded
from conversation_store.views import task_view

sql = Statements.beside(__file__)


async def add_task(transaction: Transaction, command: AddTask, task_id: TaskId, *, tasks_max: int) -> TaskReply:
    """Add a todo; the same effect key gives the todo that it has added before. Raises TerminalError (quota_exceeded).

    Of todos that are added in the same moment a few more may be kept.
    """
    user_id = command.principal.user_id

    async def add() -> TaskReply:
        if await transaction.value(sql.know_user, command, tasks_max=tasks_max) >= tasks_max:
            raise quota_exceeded(f"At most {tasks_max} todos are kept.", "tasks")
        row = await transaction.row(sql.add, command, task_id=task_id)
        assert row is not None  # an upsert always gives one row
        return TaskReply(task=await _tell(transaction, user_id, "task.added", task_view(row)))

    return await once(transaction, command.principal, command.effect_key, TaskReply, "add_task", add)


async def update_task(transaction: Transaction, command: UpdateTask) -> TaskReply:
    """Change a todo. Raises TerminalError: forbidden, not_found."""
    user_id = command.principal.user_id

    async def update() -> TaskReply:
        row = await transaction.row(sql.update, command)
        if row is None:
            raise await access.missing(transaction, "task", command.task_id)
        return TaskReply(task=await _tell(transaction, user_id, "task.updated", task_view(row)))

    return await once(transaction, command.principal, command.effect_key, TaskReply, "update_task", update)


async def delete_task(transaction: Transaction, command: DeleteTask) -> TaskDeleted:
    """Delete a todo. Raises TerminalError: forbidden, not_found."""
    user_id = command.principal.user_id

    async def delete() -> TaskDeleted:
        row = await transaction.row(sql.delete, command)
        if row is None:
            raise await access.missing(transaction, "task", command.task_id)
        task = await _tell(transaction, user_id, "task.deleted", task_view(row))
        return TaskDeleted(task_id=task.task_id, title=task.title)

    return await once(transaction, command.principal, command.effect_key, TaskDeleted, "delete_task", delete)


async def get_task(transaction: Transaction, query: GetTask) -> TaskReply:
    """One todo. Raises TerminalError: forbidden, not_found."""
    row = await transaction.row(sql.get, query)
    if row is None:
        raise await access.missing(transaction, "task", query.task_id)
    return TaskReply(task=task_view(row))


async def list_tasks(transaction: Transaction, query: ListTasks) -> TaskPage:
    """A page of the user's todos. Raises TerminalError (invalid_request) for a cursor that is none."""
    created_at, task_id = decode_cursor(query.after, is_ascending=query.order == "asc")
    rows = await transaction.rows(
        sql.oldest_first if query.order == "asc" else sql.newest_first,
        query,
        created_at=created_at,
        task_id=task_id,
        pattern=None if query.search is None else f"%{_escaped(query.search)}%",
        limit=query.limit + 1,
    )
    data = tuple(task_view(row) for row in rows[: query.limit])
    if len(rows) <= query.limit:
        return TaskPage(data=data, has_more=False)
    return TaskPage(data=data, has_more=True, after=encode_cursor(data[-1].created_at, data[-1].task_id))


async def _tell(transaction: Transaction, user_id: str, change: str, task: TaskView) -> TaskView:
    event = TaskChanged.model_validate({"type": change, "task": task})
    await enqueue.enqueue(transaction, user_id, [enqueue.task_changed(user_id, event)])
    return task


def _escaped(text: str) -> str:
    """A text in which LIKE finds nothing but itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
