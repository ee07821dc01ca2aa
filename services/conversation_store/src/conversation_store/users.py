"""The user as a whole: the request budget, the export, the erasure."""

from contracts.commands import BeginExport, EraseUser, RevokeTokens, TakeRequestPermit
from contracts.errors import Code, RetryableError, TerminalError
from contracts.events import ChatKitDelta, TokensRevoked
from contracts.identity import Principal
from contracts.ids import new_id
from contracts.replies import Done, ErasureReceipt, RateChecked, TokensFloor
from contracts.subjects import subject_filter

from conversation_store import audit
from conversation_store.access import check_scope
from conversation_store.database import Transaction
from conversation_store.statements import Statements, json_text

sql = Statements.beside(__file__)


async def take_request_permit(transaction: Transaction, command: TakeRequestPermit) -> RateChecked:
    """Count requests, as many of those asked for as there is room. Raises RetryableError (rate_limited) for none."""
    limit = command.requests_per_minute_max
    row = await transaction.row(sql.take_permits, command)
    assert row is not None  # an upsert always gives one row
    left = limit - (row["requests_count"] - command.permits)
    if left <= 0:
        raise RetryableError(
            Code.RATE_LIMITED,
            "Too many requests in a minute.",
            retry_after_seconds=max(1.0, round(row["reset_seconds"], 1)),
        )
    granted = min(command.permits, left)
    return RateChecked(limit=limit, remaining=left - granted, reset_seconds=row["reset_seconds"], granted=granted)


async def begin_export(transaction: Transaction, command: BeginExport) -> Done:
    """Count an export of everything, and note it. Raises RetryableError (rate_limited), TerminalError (forbidden)."""
    check_not_bound(command.principal)
    row = await transaction.row(sql.count_export, command)
    assert row is not None  # an upsert always gives one row
    if row["exports_count"] > command.exports_per_hour_max:
        wait_seconds = max(1.0, round(row["reset_seconds"], 1))
        raise RetryableError(Code.RATE_LIMITED, "Too many exports in an hour.", retry_after_seconds=wait_seconds)
    await audit.note(transaction, command.principal.user_id, "data_exported", format=command.format)
    return Done()


async def revoke_tokens(transaction: Transaction, command: RevokeTokens) -> TokensFloor:
    """Let older tokens hold no more, and have relays end their streams. Runs go on: their messages were accepted."""
    check_not_bound(command.principal)
    await audit.note(transaction, command.principal.user_id, "tokens_revoked")
    return await _raise_floor(transaction, command.principal.user_id)


async def _raise_floor(transaction: Transaction, user_id: str) -> TokensFloor:
    """What other requests of the user have begun is waited for; what they begin from now on waits for this."""
    await transaction.value(sql.lock_tokens, user_id=user_id)
    valid_from = await transaction.value(sql.raise_floor, user_id=user_id)
    transaction.tokens_revoked = TokensRevoked(user_id=user_id, valid_from_seconds=int(valid_from.timestamp()))
    return TokensFloor(valid_from=valid_from)


async def erase_user(transaction: Transaction, command: EraseUser, *, purge_delay_seconds: float) -> ErasureReceipt:
    """Delete everything of the user, and note that DELTAS is to be purged: now, and again when runners have stopped.

    The receipt says how much, and nothing about whose it was.
    """
    principal = command.principal
    check_not_bound(principal)
    user_id = principal.user_id
    await _raise_floor(transaction, user_id)
    await transaction.value(sql.lock_user, command)
    transaction.runs_to_stop += [row["run_id"] for row in await transaction.rows(sql.running, command)]
    row = await transaction.row(sql.counts, command)
    counts: dict[str, int] = dict(row) if row is not None else {}
    for statement in (sql.delete_user, sql.delete_outbox, sql.delete_budget, sql.delete_usage):
        await transaction.execute(statement, command)
    receipt_id = new_id("erasure")
    await audit.note(transaction, user_id, "data_erased", **counts)
    await transaction.execute(sql.write_receipt, receipt_id=receipt_id, counts=json_text(counts))
    await transaction.execute(
        sql.purge_later,
        subject_filter=subject_filter(ChatKitDelta, user_id=user_id),
        delays_seconds=["0", str(purge_delay_seconds)],
    )
    erased_at = await transaction.value(sql.time)
    return ErasureReceipt(receipt_id=receipt_id, erased_at=erased_at, counts=counts)


def check_not_bound(principal: Principal) -> None:
    """A chat session does not speak for the user as a whole. Raises TerminalError (forbidden)."""
    check_scope(principal, None)
    if principal.scope != "full":
        raise TerminalError(Code.FORBIDDEN, "A chat session cannot do this.")
