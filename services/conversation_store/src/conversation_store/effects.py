"""The inbox: what makes a tool's effect on a user's rows happen once."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from contracts.commands import EffectKey
from contracts.errors import Code, TerminalError
from contracts.identity import Principal
from contracts.replies import ScheduleReply, TaskDeleted, TaskReply, TasksCleared, TasksRestored

from conversation_store import access
from conversation_store.database import Transaction
from conversation_store.statements import Statements

ReplyT = TypeVar("ReplyT", TaskReply, TaskDeleted, TasksCleared, TasksRestored, ScheduleReply)

sql = Statements.beside(__file__)


async def once(
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
    call = {"run_id": key.run_id, "call_id": key.call_id, "user_id": principal.user_id}
    if await transaction.value(sql.handle, **call, message=name):
        reply = await effect()
        await transaction.execute(sql.keep_reply, **call, reply=reply.model_dump_json())
        return reply
    handled = await transaction.row(sql.handled, **call)
    if handled is None:
        raise await access.missing(transaction, "run", key.run_id)
    if handled["message"] != name:
        raise TerminalError(Code.INVALID_REQUEST, "This call has done something else.", field="effect_key")
    return reply_type.model_validate_json(handled["reply"]).model_copy(update={"replayed": True})
