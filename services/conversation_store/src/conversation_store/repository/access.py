"""Who may ask: the rules of the registry in one place. Each returns what it found, or raises why not.

Another's row is `forbidden`, an unknown id `not_found`. Under row-level security both look the same to a user's
transaction; `chat.exists_for_anyone` tells them apart and tells nothing else.
"""

from typing import Literal

from contracts.errors import TerminalError
from contracts.identity import Principal
from contracts.ids import ConversationId, RunId

from conversation_store.database import Row, Transaction
from conversation_store.rules import RunState, check_scope, refusal_of_write

Kind = Literal["conversation", "message", "run", "task"]

FIND_RUN = """
select run_id, conversation_id, status, is_active, epoch, runner_id, turn, user_message_id, cancel_requested,
       greatest(0, extract(epoch from lease_expires_at - now()))::float8 as lease_seconds
from chat.run where run_id = $1 and user_id = $2
"""
OWN_MESSAGE = "select 1 from chat.message where message_id = $1 and user_id = $2"
LOCK_CONVERSATION_OF_RUN = """
select c.conversation_id from chat.run r join chat.conversation c using (conversation_id)
where r.run_id = $1 and r.user_id = $2 for no key update of c
"""


async def missing(transaction: Transaction, kind: Kind, row_id: str) -> TerminalError:
    """The error for a row that a user's statement did not find (one of theirs may be in another conversation)."""
    if kind == "message" and await transaction.value(OWN_MESSAGE, row_id, transaction.user_id):
        return TerminalError.not_found(kind)
    if await transaction.value("select chat.exists_for_anyone($1, $2)", kind, row_id):
        return TerminalError.forbidden(kind)
    return TerminalError.not_found(kind)


async def owned_conversation(
    transaction: Transaction, principal: Principal, conversation_id: ConversationId, *, lock: bool = False
) -> None:
    """Raises TerminalError (forbidden, not_found). With ``lock``, nobody else changes its runs until the commit."""
    check_scope(principal, conversation_id)
    sql = "select 1 from chat.conversation where conversation_id = $1 and user_id = $2"
    if lock:
        sql += " for no key update"
    if await transaction.value(sql, conversation_id, principal.user_id) is None:
        raise await missing(transaction, "conversation", conversation_id)


async def owned_run(transaction: Transaction, principal: Principal, run_id: RunId) -> Row:
    """The run's row (`FIND_RUN`). Raises TerminalError (forbidden, not_found)."""
    row = await transaction.row(FIND_RUN, run_id, principal.user_id)
    if row is None:
        raise await missing(transaction, "run", run_id)
    check_scope(principal, row["conversation_id"])
    return row


async def locked_run(transaction: Transaction, principal: Principal, run_id: RunId) -> Row:
    """The same, with its conversation locked first: what the row says holds until the commit."""
    if await transaction.value(LOCK_CONVERSATION_OF_RUN, run_id, principal.user_id) is None:
        raise await missing(transaction, "run", run_id)
    return await owned_run(transaction, principal, run_id)


async def refused_write(transaction: Transaction, principal: Principal, run_id: RunId, epoch: int) -> TerminalError:
    """Why a write that carries an epoch touched no row."""
    return refusal_of_write(run_state(await owned_run(transaction, principal, run_id)), epoch=epoch)


def run_state(row: Row) -> RunState:
    return RunState(
        status=row["status"],
        is_active=row["is_active"],
        epoch=row["epoch"],
        runner_id=row["runner_id"],
        lease_seconds=row["lease_seconds"] or 0.0,
    )
