"""The user as a whole: the request budget, the export, the erasure."""

from contracts.commands import EraseUser, TakeRequestPermit
from contracts.errors import Code, RetryableError, TerminalError
from contracts.events import ChatKitDelta
from contracts.identity import Principal
from contracts.ids import new_id
from contracts.replies import ErasureReceipt, RateChecked
from contracts.subjects import subject_filter

from conversation_store.database import Transaction
from conversation_store.rules import check_scope
from conversation_store.translate import json_text

# A minute that begins with the first request in it; one statement, on an unlogged table. The count goes on beyond the
# limit: what it was before is the count less what was asked for.
TAKE_PERMITS = """
insert into chat.request_budget as b (user_id, window_started_at, requests_count) values ($1, now(), $2)
on conflict (user_id) do update set
    requests_count = case when b.window_started_at <= now() - interval '60 seconds' then 0
                          else least(b.requests_count, 1000000000) end + $2,
    window_started_at = case when b.window_started_at <= now() - interval '60 seconds' then now()
                             else b.window_started_at end
returning requests_count,
    greatest(0, extract(epoch from window_started_at + interval '60 seconds' - now()))::float8 as reset_seconds
"""

LOCK_USER = 'select 1 from chat."user" where user_id = $1 for update'
RUNNING = "select run_id from chat.run where user_id = $1 and status = 'running'"
COUNTS = """
select (select count(*) from chat.conversation where user_id = $1) as conversations,
       (select count(*) from chat.message where user_id = $1) as messages,
       (select count(*) from chat.run where user_id = $1) as runs,
       (select count(*) from chat.session_item where user_id = $1) as session_items,
       (select count(*) from chat.tool_call where user_id = $1) as tool_calls,
       (select count(*) from chat.task where user_id = $1) as tasks,
       (select count(*) from chat.feedback where user_id = $1) as feedback
"""
# The user's row takes with it whatever a foreign key ties to it; the others have no key, to be cheap to write.
DELETE = (
    'delete from chat."user" where user_id = $1',
    "delete from chat.outbox where user_id = $1",
    "delete from chat.request_budget where user_id = $1",
)
RECEIPT = "insert into chat.erasure_receipt (receipt_id, erased_at, counts) values ($1, now(), $2::jsonb)"
PURGE_LATER = """
insert into chat.due_purge (subject_filter, due_at)
select $1, now() + make_interval(secs => s) from unnest($2::text[]::float8[]) s on conflict do nothing
"""


async def take_request_permit(transaction: Transaction, command: TakeRequestPermit) -> RateChecked:
    """Count requests, as many of those asked for as there is room. Raises RetryableError (rate_limited) for none."""
    limit = command.requests_per_minute_max
    row = await transaction.row(TAKE_PERMITS, command.principal.user_id, command.permits)
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


async def erase_user(transaction: Transaction, command: EraseUser, *, purge_delay_seconds: float) -> ErasureReceipt:
    """Delete everything of the user, and note that DELTAS is to be purged: now, and again when runners have stopped.

    The receipt says how much, and nothing about whose it was.
    """
    principal = command.principal
    check_not_bound(principal)
    user_id = principal.user_id
    await transaction.value(LOCK_USER, user_id)
    transaction.runs_to_stop += [row["run_id"] for row in await transaction.rows(RUNNING, user_id)]
    row = await transaction.row(COUNTS, user_id)
    counts: dict[str, int] = dict(row) if row is not None else {}
    for statement in DELETE:
        await transaction.execute(statement, user_id)
    receipt_id = new_id("erasure")
    await transaction.execute(RECEIPT, receipt_id, json_text(counts))
    await transaction.execute(
        PURGE_LATER, subject_filter(ChatKitDelta, user_id=user_id), ["0", str(purge_delay_seconds)]
    )
    erased_at = await transaction.value("select now()")
    return ErasureReceipt(receipt_id=receipt_id, erased_at=erased_at, counts=counts)


def check_not_bound(principal: Principal) -> None:
    """A chat session does not speak for the user as a whole. Raises TerminalError (forbidden)."""
    check_scope(principal, None)
    if principal.scope != "full":
        raise TerminalError(Code.FORBIDDEN, "A chat session cannot do this.")
