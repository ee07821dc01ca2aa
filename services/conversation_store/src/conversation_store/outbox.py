"""Publishes what the transactions put into the outbox: at once for this replica's own, soon for another's."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import structlog
from actor_kit.bus import Bus
from contracts.errors import NatterError, RetryableError, TerminalError
from contracts.events import RunCancelRequested
from contracts.ids import RunId
from contracts.streams import DELTAS
from contracts.subjects import subject_of

from conversation_store import metrics
from conversation_store.database import Database, Row, Transaction
from conversation_store.repository import outbox
from conversation_store.repository.rows import loads
from conversation_store.settings import Settings

log = structlog.get_logger()

FAILURE_PAUSE_SECONDS = 0.5
MEASURE_SECONDS = 2.0
CHECKED_MESSAGES_MAX = 5_000


class OutboxPublisher:
    """Takes rows, publishes them in order per key, removes them: at least once, and once by Nats-Msg-Id.

    ``async with OutboxPublisher(...)`` publishes while the block runs. Any number of replicas may do it: each takes
    the keys that no other holds.
    """

    def __init__(self, bus: Bus, database: Database, settings: Settings) -> None:
        self._bus = bus
        self._database = database
        self._settings = settings
        self._woken = asyncio.Event()
        self._words: set[asyncio.Task[None]] = set()
        self._measured_at = 0.0

    async def __aenter__(self) -> Self:
        self._database.on_committed = self.on_committed
        self._publishing = asyncio.create_task(self._publish_for_ever())
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._publishing.cancel()
        with suppress(asyncio.CancelledError):
            await self._publishing
        if self._words:
            await asyncio.wait(self._words, timeout=1)

    def on_committed(self, transaction: Transaction) -> None:
        """Called after each commit: what it enqueued is published now, and runners are told to stop."""
        if transaction.wakes_outbox:
            self._woken.set()
        for run_id in transaction.runs_to_stop:
            word = asyncio.create_task(self._say_stop(run_id))
            self._words.add(word)
            word.add_done_callback(self._words.discard)

    async def _say_stop(self, run_id: RunId) -> None:
        event = RunCancelRequested(run_id=run_id)
        with suppress(NatterError):  # it may be lost: the renewal of the lease says the same
            await self._bus.publish(subject_of(RunCancelRequested, run_id=run_id), event.encode())

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
        """Publish one batch and return how many went out. Raises NatterError where the bus or Postgres is away."""
        problems: list[NatterError] = []

        async def publish_batch(transaction: Transaction) -> int:
            rows = await outbox.take(transaction, self._settings.outbox_batch_rows_max)
            by_key: dict[str, list[Row]] = defaultdict(list)
            for row in rows:
                by_key[row["ordering_key"]].append(row)
            results = await asyncio.gather(*(self._publish_key(key_rows) for key_rows in by_key.values()))
            published = [outbox_id for done, _ in results for outbox_id in done]
            problems.extend(problem for _, problem in results if problem is not None)
            if published:
                await outbox.remove(transaction, published)
            return len(published)

        count = await self._database.transact(None, publish_batch)
        if problems and count == 0:
            raise problems[0]
        return count

    async def _publish_key(self, rows: Sequence[Row]) -> tuple[list[int], NatterError | None]:
        """Publish one key's rows in order, up to the first that does not go out."""
        done: list[int] = []
        for row in rows:
            try:
                await self._publish(row)
            except TerminalError as error:
                metrics.OUTBOX_DROPPED.inc()
                log.error("outbox.dropped", subject=row["subject"], code=error.code)  # noqa: TRY400  no traceback
            except RetryableError as error:
                return done, error
            done.append(row["outbox_id"])
        return done, None

    async def _publish(self, row: Row) -> None:
        age_seconds: float = row["age_seconds"]
        if age_seconds > DELTAS.duplicate_window_seconds / 2 and await self._is_stored(row):
            return
        await self._bus.publish_stored(
            row["subject"], row["payload"].encode(), loads(row["headers"]), message_id=row["message_id"]
        )
        metrics.OUTBOX_PUBLISHED.inc()
        metrics.OUTBOX_DELAY_SECONDS.observe(age_seconds)

    async def _is_stored(self, row: Row) -> bool:
        """Whether an old row was published by someone who died before removing it: JetStream forgets ids in time."""
        if not row["subject"].startswith("delta."):
            return False  # a second RunRequested finds its run claimed or finished
        sequence, pending = 1, 1
        for _ in range(CHECKED_MESSAGES_MAX // 256):
            messages, pending = await self._bus.direct_get(DELTAS.name, row["subject"], from_sequence=sequence)
            if any(message.headers.get("Nats-Msg-Id") == row["message_id"] for message in messages):
                return True
            if not messages or not pending:
                return False
            sequence = messages[-1].sequence + 1
        return False

    async def _measure(self) -> None:
        if time.monotonic() - self._measured_at < MEASURE_SECONDS:
            return
        self._measured_at = time.monotonic()
        waiting, lag_seconds = await self._database.transact(None, outbox.lag)
        metrics.OUTBOX_WAITING.set(waiting)
        metrics.OUTBOX_LAG_SECONDS.set(lag_seconds)
        pool = self._database.pool
        metrics.DATABASE_CONNECTIONS.labels("idle").set(pool.get_idle_size())
        metrics.DATABASE_CONNECTIONS.labels("used").set(pool.get_size() - pool.get_idle_size())
