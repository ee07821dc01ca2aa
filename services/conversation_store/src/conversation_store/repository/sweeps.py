"""What nobody works on any more: found by the system, one run at a time, whichever replica comes first."""

from contracts.ids import RunId

from conversation_store.database import Row, Transaction
from conversation_store.repository import claims, outbox, runs

# Requested, and not claimed in time; the waiting doubles with each request, for a queue may just be long. Or claimed,
# and the lease ran out without another claim. RUNS may have lost the message: Postgres is the record. A conversation
# that somebody works on right now is passed over, so that it does not keep the sweep from the runs behind it.
LOCK_OVERDUE = """
select r.run_id, r.user_id, r.conversation_id
from chat.run r join chat.conversation c on c.conversation_id = r.conversation_id and c.user_id = r.user_id
where r.is_active and (
    (r.status = 'queued'
        and r.requested_at < now() - make_interval(secs => $1 * power(2, least(r.requests_count, 6) - 1)))
    or (r.status = 'running' and greatest(r.lease_expires_at, r.requested_at) < now() - make_interval(secs => $1))
)
order by r.requested_at limit 1 for no key update of c skip locked
"""
# Looked at again under the lock: the run may have ended, or been requested, since the search began.
STATE = """
select epoch, status, cancel_requested from chat.run
where run_id = $1 and user_id = $2 and is_active
  and (status = 'queued' or lease_expires_at < now()) and requested_at < now() - make_interval(secs => $3)
"""
REQUEST_AGAIN = """
update chat.run set requested_at = now(), requests_count = requests_count + 1
where run_id = $1 and user_id = $2
"""
# An unpublished request is on its way: asking again would only add to the queue.
IS_WAITING_IN_OUTBOX = "select 1 from chat.outbox where ordering_key = $1 limit 1"
DUE_PURGES = """
delete from chat.due_purge where (subject_filter, due_at) in (
    select subject_filter, due_at from chat.due_purge where due_at <= now() order by due_at limit 20
    for update skip locked
) returning subject_filter
"""


async def lock_overdue(transaction: Transaction, overdue_seconds: float) -> Row | None:
    """Find a run that nobody works on though it is its conversation's turn, and lock its conversation.

    Returns run_id, user_id and conversation_id; None where there is no such run, or others hold all of them.
    """
    return await transaction.row(LOCK_OVERDUE, overdue_seconds)


async def take_care(transaction: Transaction, found: Row, *, overdue_seconds: float, attempts_max: int) -> str:
    """Request a run that was found and locked again, or end it: cancelled where that was asked for, failed after too
    many attempts.

    Returns what was done; "nothing" where another replica was first.
    """
    run_id: RunId = found["run_id"]
    user_id, conversation_id = found["user_id"], found["conversation_id"]
    run = await transaction.row(STATE, run_id, user_id, overdue_seconds)
    if run is None:
        return "nothing"
    if run["cancel_requested"]:
        await runs.end_run(transaction, user_id, run_id, "cancelled")
        return "cancelled"
    if run["epoch"] >= attempts_max:
        await claims.give_up(transaction, user_id, run_id)
        return "failed"
    await transaction.execute(REQUEST_AGAIN, run_id, user_id)
    if await transaction.value(IS_WAITING_IN_OUTBOX, conversation_id):
        return "waiting"
    await outbox.enqueue(transaction, user_id, [outbox.run_requested(user_id, conversation_id, run_id)])
    return "requested"


async def take_due_purges(transaction: Transaction) -> list[str]:
    """The subject filters to purge now; they are forgotten when the transaction commits."""
    return [row["subject_filter"] for row in await transaction.rows(DUE_PURGES)]
