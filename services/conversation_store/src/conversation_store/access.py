"""Who may ask: the rules of the registry in one place. Each returns what it found, or raises why not.

Another's row is `forbidden`, an unknown id `not_found`; with TELLS_OTHERS_IDS=false both are `not_found`. Under
row-level security both look the same to a user's transaction; `chat.exists_for_anyone` tells them apart and tells
nothing else.
"""

from typing import Any, Literal

from actor_kit.proof import RunProof
from contracts.errors import Code, TerminalError
from contracts.identity import Principal
from contracts.ids import ConversationId, RunId

from conversation_store.database import Row, Transaction
from conversation_store.metrics import FENCED_WRITES
from conversation_store.runs.rules import RunState, refusal_of_write
from conversation_store.statements import Statements

Kind = Literal["conversation", "message", "run", "task", "attachment"]

sql = Statements.beside(__file__)


def check_scope(principal: Principal, conversation_id: ConversationId | None) -> None:
    """A token that is bound to a conversation opens that one only. Raises TerminalError (forbidden)."""
    if principal.conversation_id is not None and principal.conversation_id != conversation_id:
        raise TerminalError(Code.FORBIDDEN, "This session is for another conversation.")


async def missing(transaction: Transaction, kind: Kind, row_id: str) -> TerminalError:
    """The error for a row that a user's statement did not find.

    One of theirs may be in another conversation, or deleted.
    """
    own = {"message": sql.own_message, "task": sql.own_task}.get(kind)
    if own is not None and await transaction.value(own, row_id=row_id, user_id=transaction.user_id):
        return TerminalError.not_found(kind)
    if transaction.tells_others_ids and await transaction.value(sql.exists_for_anyone, kind=kind, row_id=row_id):
        return TerminalError.forbidden(kind)
    return TerminalError.not_found(kind)


def item_gone() -> TerminalError:
    """For an item that is not there any more, or that is on another branch."""
    return TerminalError(Code.ITEM_GONE, "This item is not there any more.", field="message_id")


async def owned_conversation(
    transaction: Transaction, principal: Principal, conversation_id: ConversationId, *, lock: bool = False
) -> None:
    """Raises TerminalError (forbidden, not_found). With ``lock``, nobody else changes its runs until the commit."""
    check_scope(principal, conversation_id)
    statement = sql.lock_conversation if lock else sql.own_conversation
    found = await transaction.value(statement, conversation_id=conversation_id, user_id=principal.user_id)
    if found is None:
        raise await missing(transaction, "conversation", conversation_id)


async def owned_run(transaction: Transaction, principal: Principal, run_id: RunId) -> Row:
    """The run's row (`find_run`). Raises TerminalError (forbidden, not_found)."""
    row = await transaction.row(sql.find_run, run_id=run_id, user_id=principal.user_id)
    if row is None:
        raise await missing(transaction, "run", run_id)
    check_scope(principal, row["conversation_id"])
    return row


async def locked_run(transaction: Transaction, principal: Principal, run_id: RunId) -> Row:
    """The same, with its conversation locked first: what the row says holds until the commit."""
    await lock_run(transaction, principal, run_id)
    return await owned_run(transaction, principal, run_id)


async def lock_run(transaction: Transaction, principal: Principal, run_id: RunId) -> None:
    """Lock the run's conversation: what is read of it from now on holds until the commit."""
    locked = await transaction.value(sql.lock_conversation_of_run, run_id=run_id, user_id=principal.user_id)
    if locked is None:
        raise await missing(transaction, "run", run_id)
    check_scope(principal, locked)


async def refused_write(transaction: Transaction, principal: Principal, run_id: RunId, epoch: int) -> TerminalError:
    """Why a write that carries an epoch touched no row."""
    FENCED_WRITES.inc()
    return refusal_of_write(run_state(await owned_run(transaction, principal, run_id)), epoch=epoch)


async def check_run_goes_on(transaction: Transaction, request: Any, run: RunProof) -> None:
    """A run's token is good while its attempt works, and changes something for a named call only.

    Raises TerminalError (run_finished, run_stale_epoch, not_found; invalid_request where a change names no call).
    """
    if getattr(request, "effect_key", run) is None:
        raise TerminalError(Code.INVALID_REQUEST, "A run's change names the call that it is for.", field="effect_key")
    row = await transaction.row(sql.find_run, run_id=run.run_id, user_id=transaction.user_id)
    if row is None:
        raise TerminalError.not_found("run")
    if row["status"] != "running" or row["epoch"] != run.epoch:
        raise refusal_of_write(run_state(row), epoch=run.epoch)


def run_state(row: Row) -> RunState:
    return RunState(
        status=row["status"],
        is_active=row["is_active"],
        epoch=row["epoch"],
        runner_id=row["runner_id"],
        lease_seconds=row["lease_seconds"] or 0.0,
        epoch_waited=row["epoch_waited"],
    )
