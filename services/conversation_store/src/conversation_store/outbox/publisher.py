"""Publishes what the transactions put into the outbox: at once from the memory of this process, else from the table."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Sequence
from contextlib import suppress
from functools import partial
from types import TracebackType
from typing import Any, Self

import structlog
from actor_kit import tracing
from actor_kit.bus import Bus
from actor_kit.telemetry import inject_trace, traced
from contracts.errors import NatterError, RetryableError, TerminalError
from contracts.events import EVENT_HEADER, RunCancelRequested, TokensRevoked
from contracts.ids import RunId
from contracts.streams import DELTAS
from contracts.subjects import subject_of
from opentelemetry.trace import SpanKind

from conversation_store import metrics
from conversation_store.database import Database, OutboxRow, Transaction
from conversation_store.settings import Settings
from conversation_store.statements import Statements
from conversation_store.views import loads

log = structlog.get_logger()
sql = Statements.beside(__file__)

FAILURE_PAUSE_SECONDS = 0.5
REMOVAL_PAUSE_SECONDS = 0.005
OPENING_AGE_SECONDS_MAX = 1.0
MEASURE_SECONDS = 2.0
CHECKED_MESSAGES_MAX = 5_000


class OutboxPublisher:
    """Publishes rows in order per key, and removes them: at least once, and once by Nats-Msg-Id.

    ``async with OutboxPublisher(...)`` publishes while the block runs, in two ways. What a transaction of this process
    enqueued goes out right after its commit, without being read again. What that leaves behind (the process died, the
    bus was away, rows of the key waited before) is taken from the table by any replica: each takes the keys that no
    other holds. Both may publish the same row; each does it in order, and JetStream keeps the first.
    """

    def __init__(self, bus: Bus, database: Database, settings: Settings) -> None:
        self._bus = bus
        self._database = database
        self._settings = settings
        self._woken = asyncio.Event()
        self._published = asyncio.Event()
        self._to_remove: list[int] = []
        self._under_way: set[asyncio.Task[None]] = set()
        self._measured_at = 0.0

    async def __aenter__(self) -> Self:
        self._database.on_committed = self.on_committed
        self._loops = [asyncio.create_task(self._publish_for_ever()), asyncio.create_task(self._remove_for_ever())]
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        if self._under_way:
            await asyncio.wait(self._under_way, timeout=1)
        for loop in self._loops:
            loop.cancel()
        await asyncio.gather(*self._loops, return_exceptions=True)

    def on_committed(self, transaction: Transaction) -> None:
        """Called after each commit: what it enqueued is published now, and runners are told to stop."""
        if transaction.enqueued:
            self._start(self._publish_enqueued(transaction.enqueued))
        if transaction.wakes_outbox:
            self._woken.set()
        for run_id in transaction.runs_to_stop:
            self._start(self._say_stop(run_id))
        if transaction.tokens_revoked is not None:
            self._start(self._say_revoked(transaction.tokens_revoked))

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _say_stop(self, run_id: RunId) -> None:
        event = RunCancelRequested(run_id=run_id)
        with suppress(NatterError):  # it may be lost: the renewal of the lease says the same
            await self._bus.publish(subject_of(RunCancelRequested, run_id=run_id), event.encode())

    async def _say_revoked(self, event: TokensRevoked) -> None:
        with suppress(NatterError):  # it may be lost: the streams end with their tokens
            await self._bus.publish(subject_of(TokensRevoked, user_id=event.user_id), event.encode())

    async def _publish_for_ever(self) -> None:
        while True:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._woken.wait(), self._settings.outbox_poll_seconds)
            self._woken.clear()
            went_well = await self._safely(self._publish_all)
            went_well &= await self._safely(self._measure)  # the lag matters most while nothing goes out
            if not went_well:
                await asyncio.sleep(FAILURE_PAUSE_SECONDS)

    @staticmethod
    async def _safely(work: Callable[[], Awaitable[None]]) -> bool:
        """Whether it went well. Whatever it was, the publisher goes on: what it did not publish is still there."""
        try:
            await work()
        except NatterError as error:
            log.warning("outbox.waits", code=error.code)
        except Exception:
            log.exception("outbox.failed")
        else:
            return True
        return False

    async def _publish_all(self) -> None:
        while await self.publish_waiting():
            pass

    async def publish_waiting(self) -> int:
        """Publish one batch from the table and return how many went out.

        Raises NatterError where the bus or Postgres is away.
        """
        problems: list[NatterError] = []

        async def publish_batch(transaction: Transaction) -> int:
            rows = await take(transaction, self._settings.outbox_batch_rows_max)
            published, failed = await self._publish_keys(rows)
            problems.extend(failed)
            if published:
                await remove(transaction, published)
            return len(published)

        count = await self._database.transact(None, publish_batch)
        if problems and count == 0:
            raise problems[0]
        return count

    async def _publish_enqueued(self, rows: Sequence[OutboxRow]) -> None:
        """Publish what this process has just committed. What does not go out is left to the table's turn."""
        published, failed = await self._publish_keys(rows)
        self._to_remove += published
        self._published.set()
        if failed:
            self._woken.set()

    async def _remove_for_ever(self) -> None:
        """Remove what went out, all that came together at once.

        Nobody waits for it, but the claim of the run that was just requested has to get by. Where much is published,
        what comes within ``outbox_removal_seconds`` is removed together: a transaction for each end of a turn was a
        fifth of its statements.
        """
        removed_at = 0.0
        while True:
            await self._published.wait()
            next_at = removed_at + self._settings.outbox_removal_seconds
            await asyncio.sleep(max(REMOVAL_PAUSE_SECONDS, next_at - time.monotonic()))
            removed_at = time.monotonic()
            self._published.clear()
            published, self._to_remove = self._to_remove, []
            await self._safely(partial(self._remove, published))

    async def _remove(self, outbox_ids: Sequence[int]) -> None:
        # A row that comes back is published again, under an id that JetStream knows.
        await self._database.transact(None, lambda transaction: remove(transaction, outbox_ids), is_durable=False)

    async def _publish_keys(self, rows: Sequence[OutboxRow]) -> tuple[list[int], list[NatterError]]:
        """Publish rows, the keys side by side. Returns the ids of those that went out, and what failed."""
        by_key: dict[str, list[OutboxRow]] = defaultdict(list)
        for row in rows:
            by_key[row.ordering_key].append(row)
        results = await asyncio.gather(*(self._publish_key(key_rows) for key_rows in by_key.values()))
        published = [outbox_id for done, _ in results for outbox_id in done]
        return published, [problem for _, problem in results if problem is not None]

    async def _publish_key(self, rows: Sequence[OutboxRow]) -> tuple[list[int], NatterError | None]:
        """Publish one key's rows in order, up to the first that does not go out."""
        done: list[int] = []
        # The servers of a cluster elect who leads each stream: one may take a message while another has nobody to.
        in_one_go = "," not in self._settings.nats_url and _is_opening(rows)
        for burst in [rows] if in_one_go else [[row] for row in rows]:
            results = await asyncio.gather(*(self._publish(row) for row in burst), return_exceptions=True)
            for row, result in zip(burst, results, strict=True):
                if isinstance(result, RetryableError):
                    return done, result
                if isinstance(result, TerminalError):
                    metrics.OUTBOX_DROPPED.inc()
                    log.error("outbox.dropped", subject=row.subject, code=result.code)
                elif result is not None:
                    raise result
                done.append(row.outbox_id)
        return done, None

    async def _publish(self, row: OutboxRow) -> None:
        age_seconds = row.age_seconds
        if age_seconds > DELTAS.duplicate_window_seconds / 2 and await self._is_stored(row):
            return
        headers: dict[str, str] = loads(row.headers)
        with traced(headers, "publish outbox" if tracing.is_on() else "", SpanKind.PRODUCER):
            if tracing.is_on():
                inject_trace(headers)  # whoever handles it goes on from here
            await self._bus.publish_stored(row.subject, row.payload.encode(), headers, message_id=row.message_id)
        metrics.OUTBOX_PUBLISHED.inc()
        metrics.OUTBOX_DELAY_SECONDS.observe(age_seconds)

    async def _is_stored(self, row: OutboxRow) -> bool:
        """Whether an old row was published by someone who died before removing it: JetStream forgets ids in time."""
        if not row.subject.startswith("delta."):
            return False  # a second RunRequested finds its run claimed or finished
        sequence, pending = 1, 1
        for _ in range(CHECKED_MESSAGES_MAX // 256):
            messages, pending = await self._bus.direct_get(DELTAS.name, row.subject, from_sequence=sequence)
            if any(message.headers.get("Nats-Msg-Id") == row.message_id for message in messages):
                return True
            if not messages or not pending:
                return False
            sequence = messages[-1].sequence + 1
        return False

    async def _measure(self) -> None:
        if time.monotonic() - self._measured_at < MEASURE_SECONDS:
            return
        self._measured_at = time.monotonic()
        waiting, lag_seconds = await self._database.transact(None, lag)
        metrics.OUTBOX_WAITING.set(waiting)
        metrics.OUTBOX_LAG_SECONDS.set(lag_seconds)
        pool = self._database.pool
        metrics.DATABASE_CONNECTIONS.labels("idle").set(pool.get_idle_size())
        metrics.DATABASE_CONNECTIONS.labels("used").set(pool.get_size() - pool.get_idle_size())


def _is_opening(rows: Sequence[OutboxRow]) -> bool:
    """Whether these are the first deltas of a turn and the request of its run: they leave in one go.

    The first token waits for them. All else waits for the ack of the row before it, so that nothing is stored behind
    one that is lost. (One connection's messages are stored in the order they were sent.)
    """
    *deltas, last = rows
    return last.subject.startswith("run.") and all(
        EVENT_HEADER not in row.headers and row.age_seconds < OPENING_AGE_SECONDS_MAX for row in deltas
    )


async def take(transaction: Transaction, rows_max: int) -> list[OutboxRow]:
    """The oldest rows whose keys nobody else holds; their keys stay this transaction's until it ends."""
    return [OutboxRow(**row) for row in await transaction.rows(sql.take, rows_max=rows_max)]


async def remove(transaction: Transaction, outbox_ids: Sequence[int]) -> None:
    await transaction.execute(sql.remove, outbox_ids=[str(outbox_id) for outbox_id in outbox_ids])


async def lag(transaction: Transaction) -> tuple[int, float]:
    """How many rows wait, and the age of the oldest in seconds."""
    row = await transaction.row(sql.lag)
    return (row["waiting"], row["lag_seconds"]) if row else (0, 0.0)
