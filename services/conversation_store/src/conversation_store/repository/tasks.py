"""The todos, and the inbox that makes a tool's effect on them happen once."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from contracts.commands import AddTask, DeleteTask, EffectKey, UpdateTask
from contracts.errors import Code, TerminalError
from contracts.events import TaskChanged
from contracts.identity import Principal
from contracts.ids import TaskId
from contracts.queries import GetTask, ListTasks
from contracts.replies import TaskDeleted, TaskPage, TaskReply, TaskView

from conversation_store.database import Transaction
from conversation_store.repository import access, outbox
from conversation_store.repository.cursors import decode_cursor, encode_cursor
from conversation_store.repository.rows import TASK_COLUMNS, task_view

ReplyT = TypeVar("ReplyT", TaskReply, TaskDeleted)

KNOW_USER = 'insert into chat."user" (user_id) values ($1) on conflict (user_id) do nothing'
# A repeated transaction brings the same id: what the first one stored is then returned.
ADD = f"""
insert into chat.task as t (task_id, user_id, title, description) values ($1, $2, $3, $4)
on conflict (task_id) do update set task_id = excluded.task_id returning {TASK_COLUMNS}
"""
UPDATE = f"""
update chat.task t
set title = coalesce($3, t.title), description = coalesce($4, t.description),
    completed = coalesce($5, t.completed), updated_at = now()
where t.task_id = $1 and t.user_id = $2 returning {TASK_COLUMNS}
"""
DELETE = f"delete from chat.task t where t.task_id = $1 and t.user_id = $2 returning {TASK_COLUMNS}"
GET = f"select {TASK_COLUMNS} from chat.task t where t.task_id = $1 and t.user_id = $2"
LIST = f"""
select {TASK_COLUMNS} from chat.task t
where t.user_id = $1 and (t.created_at, t.task_id) {{beyond}} ($2, $3)
  and ($4::boolean is null or t.completed = $4)
  and ($5::text is null or t.title ilike $5 or t.description ilike $5)
order by t.created_at {{order}}, t.task_id {{order}} limit $6
"""
LIST_SQL = {"asc": LIST.format(beyond=">", order="asc"), "desc": LIST.format(beyond="<", order="desc")}

HANDLE = """
insert into chat.handled_message (run_id, call_id, user_id, message)
select run_id, $3, user_id, $4 from chat.run where run_id = $1 and user_id = $2
on conflict (run_id, call_id) do nothing returning 1
"""
HANDLED = "select message, reply from chat.handled_message where run_id = $1 and call_id = $2 and user_id = $3"
KEEP_REPLY = "update chat.handled_message set reply = $4::jsonb where run_id = $1 and call_id = $2 and user_id = $3"


async def add_task(transaction: Transaction, command: AddTask, task_id: TaskId) -> TaskReply:
    """Add a todo; the same effect key gives the todo that it has added before."""
    user_id = command.principal.user_id

    async def add() -> TaskReply:
        await transaction.execute(KNOW_USER, user_id)
        row = await transaction.row(ADD, task_id, user_id, command.title, command.description)
        assert row is not None  # an upsert always gives one row
        return TaskReply(task=await _tell(transaction, user_id, "task.added", task_view(row)))

    return await _once(transaction, command.principal, command.effect_key, TaskReply, "add_task", add)


async def update_task(transaction: Transaction, command: UpdateTask) -> TaskReply:
    """Change a todo. Raises TerminalError: forbidden, not_found."""
    user_id = command.principal.user_id

    async def update() -> TaskReply:
        changes = (command.title, command.description, command.completed)
        row = await transaction.row(UPDATE, command.task_id, user_id, *changes)
        if row is None:
            raise await access.missing(transaction, "task", command.task_id)
        return TaskReply(task=await _tell(transaction, user_id, "task.updated", task_view(row)))

    return await _once(transaction, command.principal, command.effect_key, TaskReply, "update_task", update)


async def delete_task(transaction: Transaction, command: DeleteTask) -> TaskDeleted:
    """Delete a todo. Raises TerminalError: forbidden, not_found."""
    user_id = command.principal.user_id

    async def delete() -> TaskDeleted:
        row = await transaction.row(DELETE, command.task_id, user_id)
        if row is None:
            raise await access.missing(transaction, "task", command.task_id)
        task = await _tell(transaction, user_id, "task.deleted", task_view(row))
        return TaskDeleted(task_id=task.task_id, title=task.title)

    return await _once(transaction, command.principal, command.effect_key, TaskDeleted, "delete_task", delete)


async def get_task(transaction: Transaction, query: GetTask) -> TaskReply:
    row = await transaction.row(GET, query.task_id, query.principal.user_id)
    if row is None:
        raise await access.missing(transaction, "task", query.task_id)
    return TaskReply(task=task_view(row))


async def list_tasks(transaction: Transaction, query: ListTasks) -> TaskPage:
    """A page of the user's todos. Raises TerminalError (invalid_request) for a cursor that is none."""
    created_at, task_id = decode_cursor(query.after, is_ascending=query.order == "asc")
    rows = await transaction.rows(
        LIST_SQL[query.order],
        query.principal.user_id,
        created_at,
        task_id,
        query.completed,
        None if query.search is None else f"%{_escaped(query.search)}%",
        query.limit + 1,
    )
    data = tuple(task_view(row) for row in rows[: query.limit])
    if len(rows) <= query.limit:
        return TaskPage(data=data, has_more=False)
    return TaskPage(data=data, has_more=True, after=encode_cursor(data[-1].created_at, data[-1].task_id))


async def _tell(transaction: Transaction, user_id: str, change: str, task: TaskView) -> TaskView:
    event = TaskChanged.model_validate({"type": change, "task": task})
    await outbox.enqueue(transaction, user_id, [outbox.task_changed(user_id, event)])
    return task


async def _once(
    transaction: Transaction,
    principal: Principal,
    key: EffectKey | None,
    reply_type: type[ReplyT],
    name: str,
    effect: Callable[[], Awaitable[ReplyT]],
) -> ReplyT:
    """Do an effect, or give the answer that its key got before. Of two at once, one waits for the other's commit."""
    if key is None:
        return await effect()
    if await transaction.value(HANDLE, key.run_id, principal.user_id, key.call_id, name):
        reply = await effect()
        body = reply.model_dump_json()
        await transaction.execute(KEEP_REPLY, key.run_id, key.call_id, principal.user_id, body)
        return reply
    handled = await transaction.row(HANDLED, key.run_id, key.call_id, principal.user_id)
    if handled is None:
        raise await access.missing(transaction, "run", key.run_id)
    if handled["message"] != name:
        raise TerminalError(Code.INVALID_REQUEST, "This call has done something else.", field="effect_key")
    return reply_type.model_validate_json(handled["reply"]).model_copy(update={"replayed": True})


def _escaped(text: str) -> str:
    """A text in which LIKE finds nothing but itself."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
