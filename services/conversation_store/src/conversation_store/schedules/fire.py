"""Begins the turns of schedules that are due: each once, whatever is restarted meanwhile, in any number of replicas.

A turn, the schedule's next time and what viewers are told are one transaction: there is no moment between them. Time is
the database's. What fell due while nothing was running is begun once, and told as late.
"""

from functools import partial

import structlog
from contracts.assistants import Requester
from contracts.errors import Code, RetryableError, TerminalError
from contracts.events import ScheduleFired
from contracts.identity import Principal
from contracts.replies import TurnBegun

from conversation_store import metrics
from conversation_store.database import Database, Row, Transaction
from conversation_store.outbox import enqueue
from conversation_store.schedules import rules
from conversation_store.statements import Statements
from conversation_store.turns import begin
from conversation_store.turns.rules import TurnBounds
from conversation_store.turns.scheduled import ScheduledPrompt, ScheduledTurn

log = structlog.get_logger()
sql = Statements.beside(__file__)

DUE_PER_SWEEP_MAX = 500
DUE_OF_USER_MAX = 5
"""Of one user in one round: who has thousands due at once does not keep the others waiting."""
TITLE_CHARACTERS_MAX = 80


async def fire_due(database: Database, bounds: TurnBounds) -> int:
    """Begin the turns that are due now, and return how many those were.

    In rounds, of each user a few: all that is due is begun in this sweep, and nobody's waits for all of another's. What
    cannot begin yet is tried once, so that it does not hold up what is due after it.
    """
    fired, tried = 0, list[str]()
    while due := await database.transact(None, partial(_due, tried=tried)):
        for found in due:
            fired += await _fire(database, found, bounds)
        tried = [*tried, *(found["schedule_id"] for found in due)]
    return fired


async def _due(transaction: Transaction, tried: list[str]) -> list[Row]:
    """The next round; none where so many were tried that others of the sweeper's work must have their turn."""
    limits = {"due_max": DUE_PER_SWEEP_MAX - len(tried), "due_of_user_max": DUE_OF_USER_MAX, "tried": tried}
    return await transaction.rows(sql.due, **limits)


async def _fire(database: Database, found: Row, bounds: TurnBounds) -> bool:
    """Begin one turn; where it can never begin, note why, and wait for the next time. Raises NatterError (no store)."""
    schedule_id, user_id = found["schedule_id"], found["user_id"]
    new = begin.NewTurn()  # made here, so that a repeated transaction stores the same turn
    try:
        begun = await database.transact(user_id, lambda t: _begin(t, schedule_id, new, bounds))
    except TerminalError as error:
        log.warning("schedule.refused", schedule_id=schedule_id, code=error.code)
        metrics.SCHEDULES_FIRED.labels(error.code).inc()
        await database.transact(user_id, partial(_pass_over, schedule_id=schedule_id, error_code=error.code))
        return False
    except RetryableError as error:
        if error.code == Code.STORE_UNAVAILABLE:
            raise
        log.info("schedule.waits", schedule_id=schedule_id, code=error.code)  # it stays due
        return False
    if begun is None:
        return False
    metrics.SCHEDULES_FIRED.labels("ok").inc()
    return True


async def _begin(
    transaction: Transaction, schedule_id: str, new: begin.NewTurn, bounds: TurnBounds
) -> TurnBegun | None:
    """None where another replica was first, or is at it, or the schedule is paused or gone by now. Raises NatterError.

    Locks are taken in everybody's order: the user, the conversation (by `begin_turn`), the schedule.
    """
    user_id = str(transaction.user_id)
    if await transaction.value(sql.lock_user, user_id=user_id) is None:
        return None
    row = await transaction.row(sql.still_due, schedule_id=schedule_id, user_id=user_id)
    if row is None:
        return None
    due_at, late = row["next_due_at"], rules.is_late(row["next_due_at"], row["now"])
    prompt = ScheduledPrompt(
        schedule_id=schedule_id,
        kind=row["kind"],
        text=row["text"],
        due_at=due_at.astimezone(rules.zone_of(row["time_zone"])),
        time_zone=row["time_zone"],
        is_late=late,
    )
    command = ScheduledTurn(
        principal=Principal(user_id=user_id),
        conversation_id=row["known_conversation_id"],
        assistant_id=row["assistant_id"] if row["assistant_id"] in bounds.assistants else None,
        requester=Requester.decode(row["requester"].encode()),
        input=prompt,
        idempotency_key=f"{schedule_id}:{due_at:%Y%m%dT%H%M%SZ}",
        on_busy="enqueue",
    )
    begun = await begin.begin_turn(transaction, command, new, bounds)
    if row["known_conversation_id"] is None:
        title = prompt.text.splitlines()[0][:TITLE_CHARACTERS_MAX]
        await transaction.execute(
            sql.name_conversation, user_id=user_id, conversation_id=begun.conversation_id, title=title
        )
    await _advance(transaction, row, conversation_id=begun.conversation_id, run_id=begun.run_id)
    fired = ScheduleFired(
        **prompt.model_dump(exclude={"type", "time_zone"}),
        task_id=row["task_id"],
        conversation_id=begun.conversation_id,
        run_id=begun.run_id,
    )
    await enqueue.enqueue(transaction, user_id, [enqueue.schedule_fired(user_id, fired)])
    return begun


async def _pass_over(transaction: Transaction, *, schedule_id: str, error_code: str) -> None:
    row = await transaction.row(sql.still_due, schedule_id=schedule_id, user_id=transaction.user_id)
    if row is not None:
        await _advance(transaction, row, error_code=error_code)


async def _advance(
    transaction: Transaction,
    row: Row,
    *,
    conversation_id: str | None = None,
    run_id: str | None = None,
    error_code: str | None = None,
) -> None:
    """Give it its next time. Raises RetryableError where it was paused or deleted in this moment: nothing happens."""
    next_due_at = rules.next_due(row["cron"], row["time_zone"], row["now"])
    advanced = await transaction.execute(
        sql.advance,
        schedule_id=row["schedule_id"],
        user_id=transaction.user_id,
        due_at=row["next_due_at"],
        next_due_at=next_due_at,
        conversation_id=conversation_id,
        run_id=run_id,
        error_code=error_code,
    )
    if not advanced:
        raise RetryableError(Code.CONVERSATION_BUSY, "The schedule was changed in this moment.")
