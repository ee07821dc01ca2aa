"""The actor loop over a work queue: pull for free slots, handle side by side, settle by what the handler did."""

import asyncio
import base64
import time
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from functools import partial
from types import TracebackType
from typing import Self

import structlog
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from contracts.events import DeadLetter
from contracts.message import Message
from contracts.streams import ConsumerSpec
from contracts.subjects import parse_subject, subject_of
from opentelemetry.trace import SpanKind
from pydantic import ValidationError

from actor_kit.actor import Actor, Delivery
from actor_kit.bus import Bus, Pulled
from actor_kit.metrics import DEAD_LETTERS_COUNT, HANDLED_SECONDS, IN_FLIGHT, QUEUE_WAIT_SECONDS
from actor_kit.provision import check_consumer
from actor_kit.requests import invalid_request
from actor_kit.slots import Slots
from actor_kit.telemetry import traced
from actor_kit.watchdog import on_stall

log = structlog.get_logger()

HEARTBEATS_PER_ACK_WAIT = 4
BUG_RETRY_SECONDS = 1.0
PULL_ERROR_PAUSE_SECONDS = 0.5
PAUSE_PER_STALL = 1.5
"""After how many times LOOP_STALL_SECONDS_MAX a message that made the loop stand still comes again: by then the process
was ended and started anew, and has worked for the others.
"""


Room = Callable[[int], int]
"""Of so many free slots, how many to ask for now; 0: none for the moment. What is asked for comes, however late."""


@asynccontextmanager
async def at_work(mailboxes: Sequence["Mailbox"]) -> AsyncGenerator[None]:
    """All of them work while the block runs, and stop side by side: none takes anything on while another drains."""
    async with AsyncExitStack() as opening:
        for mailbox in mailboxes:
            await opening.enter_async_context(mailbox)
        opening.pop_all()  # all are open: from here on they are closed side by side
    try:
        yield
    finally:
        await asyncio.gather(*(mailbox.__aexit__(None, None, None) for mailbox in mailboxes))


class Mailbox:
    """``async with Mailbox(bus, actor, spec=…, slots=32)`` works while the block runs; then it takes nothing new,
    lets what is under way finish, and cancels what does not within ``drain_timeout_seconds`` (nak'ed: another
    replica takes it at once). ``slots`` may be shared with other mailboxes. ``room`` holds back while the process has
    enough to do; a mailbox that has nothing to do always takes one, where there is a slot.
    """

    def __init__(
        self,
        bus: Bus,
        actor: Actor,
        *,
        spec: ConsumerSpec,
        slots: Slots | int,
        drain_timeout_seconds: float = 5.0,
        room: Room = int,
    ) -> None:
        self._bus = bus
        self._actor = actor
        self._spec = spec
        self._slots = Slots(slots) if isinstance(slots, int) else slots
        self._taken = 0
        self._room = room
        self._drain_timeout_seconds = drain_timeout_seconds
        self._consumer = bus.pull_consumer(spec)
        self._working: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Begin to work. Raises TerminalError where the consumer on the server is not as `spec` says."""
        await check_consumer(self._bus, self._spec)
        await self._consumer.open()
        self._slots.sharers += 1
        self._loop = asyncio.create_task(self._run(), name=f"mailbox-{self._spec.name}")
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._loop.cancel()
        with suppress(asyncio.CancelledError):
            await self._loop
        self._slots.sharers -= 1
        self._slots.give_back(self._taken)
        with suppress(NatterError):
            await self._consumer.close()
        if self._working:
            _, unfinished = await asyncio.wait(self._working, timeout=self._drain_timeout_seconds)
            for task in unfinished:
                task.cancel()
            await asyncio.gather(*unfinished, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            try:
                await self._take_slots()
                pulled = await self._consumer.next(self._taken, is_brief=self._slots.are_scarce)
            except Exception:
                log.exception("mailbox.pull_failed")
                await asyncio.sleep(PULL_ERROR_PAUSE_SECONDS)
                continue
            if pulled is not None:
                self._taken -= 1  # it goes to the work, which gives it back
                task = asyncio.create_task(self._work(pulled))
                self._working.add(task)
                task.add_done_callback(self._done)

    async def _take_slots(self) -> None:
        """Have a slot for each message that may come, and as many more as there is room for; at least one where this
        mailbox has nothing to do, however long that takes.
        """
        expected = self._consumer.expected_count
        self._slots.give_back(self._taken - expected)
        self._taken = expected
        self._taken += self._slots.take_at_most(self._room_now() - self._taken)
        if self._taken == 0 and (self._slots.free <= 0 or not self._working):
            await self._slots.take_one()
            self._taken = 1
            if self._room_now() == 0:
                self._slots.give_back(1)
                self._taken = 0

    def _room_now(self) -> int:
        """How many messages to expect; one that has nothing to do always expects one."""
        return max(self._room(self._slots.free + self._taken), 0 if self._working else 1)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._working.discard(task)
        self._slots.give_back(1)

    async def _work(self, pulled: Pulled) -> None:
        with IN_FLIGHT.labels(self._spec.name).track_inprogress(), self._traced(pulled):
            on_stall(partial(self._tell_of_stall, pulled))
            heartbeat = asyncio.create_task(self._keep(pulled))
            try:
                await self._settle(pulled)
            except asyncio.CancelledError:
                await pulled.nak(0)
                raise
            except Exception:
                log.exception("mailbox.settle_failed", subject=pulled.subject)
            finally:
                heartbeat.cancel()

    def _traced(self, pulled: Pulled) -> traced:
        return traced(pulled.headers, f"process {self._spec.name}", SpanKind.CONSUMER)

    async def _keep(self, pulled: Pulled) -> None:
        """Say "in progress" so that a live handler is never doubled, however long it takes."""
        while True:
            await asyncio.sleep(self._spec.ack_wait_seconds / HEARTBEATS_PER_ACK_WAIT)
            try:
                await pulled.in_progress()
            except Exception as error:  # noqa: BLE001  the next one may pass
                log.warning("mailbox.in_progress_failed", error=repr(error))

    async def _tell_of_stall(self, pulled: Pulled) -> None:
        """Called by the watchdog, in another loop than this mailbox's."""
        async with self._bus.another() as bus:
            await pulled.nak_over(bus.client, PAUSE_PER_STALL * bus.settings.loop_stall_seconds_max)
            message_type = self._type_of(pulled.subject)
            if message_type is not None:
                await self._actor.on_stalled(message_type.decode(pulled.payload), bus)

    async def _settle(self, pulled: Pulled) -> None:
        delivery = Delivery(pulled.subject, pulled.headers, pulled.attempt, self._spec.max_deliver)
        started = time.monotonic()
        if pulled.attempt == 1:
            QUEUE_WAIT_SECONDS.labels(self._spec.name).observe(pulled.age_seconds)
        message_type = self._type_of(pulled.subject)
        message: Message | None = None
        error: NatterError | None = None
        try:
            if message_type is None:
                raise TerminalError(Code.UNKNOWN_MESSAGE, "No handler takes messages of this subject.")  # noqa: TRY301
            message = message_type.decode(pulled.payload)
            await self._actor.handlers[message_type](message, delivery)
        except ValidationError as invalid:
            error = invalid_request(invalid)
        except NatterError as problem:
            error = problem
        except Exception:
            log.exception("mailbox.handler_failed", subject=pulled.subject, attempt=delivery.attempt)
            error = RetryableError(Code.INTERNAL, "The handler failed.", retry_after_seconds=BUG_RETRY_SECONDS)
        name = message_type.__name__ if message_type else "unknown"
        HANDLED_SECONDS.labels(name, error.code if error else "ok").observe(time.monotonic() - started)
        if error is None:
            await pulled.ack()
        elif isinstance(error, RetryableError) and not delivery.is_last_attempt:
            log.info("mailbox.retry", subject=pulled.subject, code=error.code, attempt=delivery.attempt)
            await pulled.nak(error.retry_after_seconds or BUG_RETRY_SECONDS)
        else:
            await self._give_up(pulled, name, message, delivery, error)

    def _type_of(self, subject: str) -> type[Message] | None:
        for message_type in self._actor.handlers:
            with suppress(ValueError):
                parse_subject(message_type, subject)
                return message_type
        return None

    async def _give_up(
        self, pulled: Pulled, name: str, message: Message | None, delivery: Delivery, error: NatterError
    ) -> None:
        """Tell whoever waits, keep the message as a dead letter, and only then terminate it."""
        if message is not None:
            await self._actor.on_exhausted(message, delivery, error)
        service = str(self._bus.service)
        letter = DeadLetter(
            service=service,
            message=name,
            subject=pulled.subject,
            code=error.code,
            detail=error.detail,
            deliveries_count=delivery.attempt,
            headers=pulled.headers,
            payload_base64=base64.b64encode(pulled.payload).decode(),
        )
        await self._bus.publish_stored(
            subject_of(DeadLetter, service=service, message=name),
            letter.encode(),
            message_id=f"dead.{self._spec.stream}.{pulled.stream_sequence}",
        )
        await pulled.term()
        DEAD_LETTERS_COUNT.labels(name, error.code).inc()
        log.error("mailbox.dead_letter", subject=pulled.subject, code=error.code, attempt=delivery.attempt)
