"""Looks after runs that nobody works on, and after purges that are due: Postgres is the record, not the queue."""

import asyncio
import time
from contextlib import suppress
from types import TracebackType
from typing import Self

import structlog
from actor_kit.bus import Bus
from contracts.errors import NatterError
from contracts.identity import Principal
from contracts.ids import new_id
from contracts.streams import DELTAS

from conversation_store import access, metrics, reports, tasks
from conversation_store.database import Database, Row, Transaction
from conversation_store.file_sweeper import FileSweeper
from conversation_store.outbox import enqueue
from conversation_store.runs import claim, finish
from conversation_store.schedules import fire
from conversation_store.settings import Settings
from conversation_store.statements import Statements, json_text
from conversation_store.turns.rules import assistant_not_served
from conversation_store.waiting import release

log = structlog.get_logger()
sql = Statements.beside(__file__)

RUNS_PER_SWEEP_MAX = 500
CONVERSATIONS_PER_SWEEP_MAX = 100
"""So that what is due after a setting was changed is deleted over time, and holds nobody up."""
RETENTION_SECONDS = 60.0
"""To look for old conversations reads all of them: not with each sweep, unless there were more than a batch."""


class Sweeper:
    """``async with Sweeper(...)`` sweeps every ``sweep_seconds`` while the block runs, in any number of replicas."""

    def __init__(self, bus: Bus, database: Database, files: FileSweeper, settings: Settings) -> None:
        self._bus = bus
        self._database = database
        self.files = files
        self._settings = settings
        self._retention_due = 0.0

    async def __aenter__(self) -> Self:
        self._sweeping = asyncio.create_task(self._sweep_for_ever())
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._sweeping.cancel()
        with suppress(asyncio.CancelledError):
            await self._sweeping

    async def _sweep_for_ever(self) -> None:
        while True:
            await asyncio.sleep(self._settings.sweep_seconds)
            try:
                await self.sweep()
            except NatterError as error:
                log.warning("sweep.waits", code=error.code)
            except Exception:
                log.exception("sweep.failed")

    async def sweep(self) -> dict[str, int]:
        """Take care of every overdue run, and of the purges that are due; returns how often what was done."""
        outcomes: dict[str, int] = {}
        for _ in range(RUNS_PER_SWEEP_MAX):
            outcome = await self._database.transact(None, self._take_care_of_one)
            if outcome is None:
                break
            if outcome == "nothing":
                continue
            outcomes[outcome] = outcomes.get(outcome, 0) + 1
            metrics.RUNS_SWEPT.labels(outcome).inc()
        if outcomes:
            log.warning("sweep.took_care", **outcomes)
        await self.expire_waiting()
        await self.fire_due()
        await self.purge_due()
        await self.delete_untouched()
        await self.files.sweep()
        await self.measure()
        return outcomes

    async def fire_due(self) -> int:
        """Begin the turns of schedules that are due; returns how many those were."""
        return await fire.fire_due(self._database, self._settings.turn_bounds)

    async def expire_waiting(self) -> int:
        """Let runs go on whose questions nobody has answered in time; returns how many questions those were."""
        count = 0
        for _ in range(RUNS_PER_SWEEP_MAX):
            expired = await self._database.transact(None, self._expire_one)
            if expired is None:
                break
            count += expired
        metrics.RUNS_WAITING.set(await self._database.transact(None, lambda t: t.value(sql.count_waiting)))
        return count

    async def _expire_one(self, transaction: Transaction) -> int | None:
        found = await transaction.row(sql.lock_expired)
        if found is None:
            return None
        run = await access.owned_run(transaction, Principal(user_id=found["user_id"]), found["run_id"])
        return await release.expire(transaction, found["user_id"], run) if run["status"] == "waiting" else 0

    async def measure(self) -> None:
        """Tell at /metrics how many runs are not finished; every replica tells the same."""
        found = await self._database.transact(None, reports.totals)
        for state in ("queued", "enqueued", "running", "waiting"):
            metrics.RUNS_UNFINISHED.labels(state).set(found[state])
        metrics.OLDEST_QUEUED_SECONDS.set(found["oldest_queued_seconds"])

    async def _take_care_of_one(self, transaction: Transaction) -> str | None:
        """Lock a run that nobody works on, and request it again; end it where it was stopped, tried too often, or where
        its assistant is offered no more.

        Returns what was done: "nothing" where another replica was first, None where no run is overdue.
        """
        overdue_seconds = self._settings.run_overdue_seconds
        found = await transaction.row(sql.lock_overdue, overdue_seconds=overdue_seconds)
        if found is None:
            return None
        run_id, user_id, conversation_id = found["run_id"], found["user_id"], found["conversation_id"]
        run = await transaction.row(sql.state, run_id=run_id, user_id=user_id, overdue_seconds=overdue_seconds)
        if run is None:
            return "nothing"
        if ended := await self._end_what_has_no_hope(transaction, {**found, **run}):
            return ended
        await transaction.execute(sql.count_request, run_id=run_id, user_id=user_id)
        if await transaction.value(sql.waits_in_outbox, conversation_id=conversation_id):
            return "waiting"
        requested = enqueue.run_requested(user_id, conversation_id, run_id, found["assistant_id"])
        await enqueue.enqueue(transaction, user_id, [requested])
        return "requested"

    async def _end_what_has_no_hope(self, transaction: Transaction, run: Row) -> str | None:
        """End a run that need not be requested again; returns how, or None where it is to go on."""
        run_id, user_id = run["run_id"], run["user_id"]
        if run["cancel_requested"]:
            await finish.end_run(transaction, user_id, run_id, "cancelled")
            return "cancelled"
        if run["epoch"] - run["epoch_waited"] >= self._settings.run_attempts_max:
            await claim.give_up(transaction, user_id, run_id)
            return "failed"
        if run["assistant_id"] not in self._settings.assistants:
            error = assistant_not_served()
            await finish.end_run(
                transaction, user_id, run_id, "failed", error_code=error.code, error_detail=error.detail
            )
            return "failed"
        return None

    async def purge_due(self) -> None:
        """Purge erased users' subjects, and the todos that were deleted a while ago.

        A purge that fails keeps its row, and is done again.
        """

        async def purge(transaction: Transaction) -> None:
            for row in await transaction.rows(sql.take_due_purges):
                await self._bus.purge(DELTAS.name, row["subject_filter"])
            await transaction.execute(sql.forget_token_floors)
            await transaction.execute(sql.forget_deleted_tasks, seconds=tasks.UNDO_SECONDS_MAX)

        await self._database.transact(None, purge)

    async def delete_untouched(self) -> int:
        """Delete a batch of the conversations that are older than ``retention_days``, and note how many.

        The note is a receipt, as that of an erasure: counts, and nothing about whose they were.
        """
        days, now = self._settings.retention_days, time.monotonic()
        if days is None or now < self._retention_due:
            return 0

        async def delete(transaction: Transaction) -> int:
            limits = {"seconds": days * 86_400.0, "limit": CONVERSATIONS_PER_SWEEP_MAX}
            count: int = await transaction.value(sql.delete_untouched, **limits)
            if count:
                counts = json_text({"conversations": count, "retention": 1})
                await transaction.execute(sql.write_receipt, receipt_id=new_id("retention"), counts=counts)
            return count

        count = await self._database.transact(None, delete)
        if count:
            log.info("retention.deleted", conversations=count)
        if count < CONVERSATIONS_PER_SWEEP_MAX:
            self._retention_due = now + RETENTION_SECONDS
        return count
