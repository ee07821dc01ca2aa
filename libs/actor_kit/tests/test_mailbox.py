"""The actor loop settles by what the handler did."""

import asyncio
import base64
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from actor_kit.actor import Actor, Delivery, Handlers
from actor_kit.bus import Bus
from actor_kit.bus.admin import StreamAdmin
from actor_kit.mailbox import Mailbox
from actor_kit.provision import consumer_config
from contracts.commands import RunRequested
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from contracts.events import DeadLetter
from contracts.message import Message
from contracts.streams import RUNS_MAILBOX
from contracts.subjects import subject_of

SUBJECT = subject_of(RunRequested, assistant_id="todo", user_id="alice", conversation_id="conv_1")


def request(number: int = 1) -> bytes:
    return RunRequested(user_id="alice", conversation_id="conv_1", run_id=f"run_{number}").encode()


@dataclass(frozen=True)
class Runner(Actor):
    behave: Callable[[RunRequested, Delivery], Exception | None]
    seen: asyncio.Queue[tuple[str, int]] = field(default_factory=asyncio.Queue)
    exhausted: list[str] = field(default_factory=list)
    hold: asyncio.Event | None = None

    @property
    def handlers(self) -> Handlers:
        return {RunRequested: self.on_run_requested}

    async def on_run_requested(self, command: RunRequested, delivery: Delivery) -> None:
        self.seen.put_nowait((command.run_id, delivery.attempt))
        if self.hold is not None:
            await self.hold.wait()
        if error := self.behave(command, delivery):
            raise error

    async def on_exhausted(self, message: Message, delivery: Delivery, error: NatterError) -> None:
        assert isinstance(message, RunRequested)
        self.exhausted.append(f"{message.run_id} {error.code}")


async def next_seen(runner: Runner, timeout_seconds: float = 5) -> tuple[str, int]:
    return await asyncio.wait_for(runner.seen.get(), timeout_seconds)


async def dead_letters(bus: Bus) -> list[DeadLetter]:
    messages, _ = await bus.direct_get("DEAD_LETTERS", "dead_letter.>")
    return [DeadLetter.decode(message.payload) for message in messages]


async def queue_is_empty(bus: Bus) -> bool:
    state = (await bus.client.jetstream().stream_info("RUNS")).state
    return state.messages == 0


async def eventually(condition: Callable[[], object], timeout_seconds: float = 5) -> None:
    deadline = asyncio.get_running_loop().time() + timeout_seconds
    while True:
        verdict = condition()
        if await verdict if asyncio.iscoroutine(verdict) else verdict:
            return
        assert asyncio.get_running_loop().time() < deadline, "it did not happen in time"
        await asyncio.sleep(0.02)


async def test_a_message_that_was_handled_is_gone(store_bus: Bus, runner_bus: Bus) -> None:
    runner = Runner(lambda _command, _delivery: None)
    async with Mailbox(runner_bus, runner, spec=RUNS_MAILBOX, slots=4):
        await store_bus.publish_stored(SUBJECT, request())
        assert await next_seen(runner) == ("run_1", 1)
        await eventually(lambda: queue_is_empty(store_bus))
    assert await dead_letters(store_bus) == []


async def test_a_retryable_error_comes_again_after_its_delay(store_bus: Bus, runner_bus: Bus) -> None:
    def once(_command: RunRequested, delivery: Delivery) -> Exception | None:
        return RetryableError(Code.RUN_LEASED, "wait", retry_after_seconds=0.3) if delivery.attempt == 1 else None

    runner = Runner(once)
    async with Mailbox(runner_bus, runner, spec=RUNS_MAILBOX, slots=1):
        await store_bus.publish_stored(SUBJECT, request())
        await next_seen(runner)
        started = asyncio.get_running_loop().time()
        assert await next_seen(runner) == ("run_1", 2)
        assert asyncio.get_running_loop().time() - started > 0.25
        await eventually(lambda: queue_is_empty(store_bus))


async def test_a_terminal_error_is_a_dead_letter_with_its_reason(store_bus: Bus, runner_bus: Bus) -> None:
    runner = Runner(lambda _command, _delivery: TerminalError(Code.NOT_FOUND, "no such run"))
    async with Mailbox(runner_bus, runner, spec=RUNS_MAILBOX, slots=1):
        await store_bus.publish_stored(SUBJECT, request())
        await next_seen(runner)
        await eventually(lambda: queue_is_empty(store_bus))
    [letter] = await dead_letters(store_bus)
    assert (letter.code, letter.message, letter.subject) == ("not_found", "RunRequested", SUBJECT)
    assert base64.b64decode(letter.payload_base64) == request()
    assert runner.exhausted == ["run_1 not_found"]


async def test_a_bug_is_tried_to_the_bound_and_then_a_dead_letter(
    store_bus: Bus, runner_bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actor_kit.mailbox.BUG_RETRY_SECONDS", 0.05)
    runner = Runner(lambda _command, _delivery: ValueError("bug"))
    async with Mailbox(runner_bus, runner, spec=RUNS_MAILBOX, slots=1):
        await store_bus.publish_stored(SUBJECT, request())
        attempts = [(await next_seen(runner))[1] for _ in range(RUNS_MAILBOX.max_deliver)]
        assert attempts == list(range(1, RUNS_MAILBOX.max_deliver + 1))
        await eventually(lambda: queue_is_empty(store_bus))
    [letter] = await dead_letters(store_bus)
    assert (letter.code, letter.deliveries_count) == ("internal", RUNS_MAILBOX.max_deliver)
    assert runner.exhausted == ["run_1 internal"]


async def test_a_payload_that_cannot_be_read_is_a_dead_letter_at_once(store_bus: Bus, runner_bus: Bus) -> None:
    runner = Runner(lambda _command, _delivery: None)
    async with Mailbox(runner_bus, runner, spec=RUNS_MAILBOX, slots=1):
        await store_bus.publish_stored(SUBJECT, b"{not json")
        await eventually(lambda: queue_is_empty(store_bus))
    [letter] = await dead_letters(store_bus)
    assert letter.code == "invalid_request"


async def test_a_mailbox_takes_what_it_has_room_for_and_one_when_it_is_idle(store_bus: Bus, runner_bus: Bus) -> None:
    hold, room = asyncio.Event(), [0]
    runner = Runner(lambda _command, _delivery: None, hold=hold)
    for number in range(6):
        await store_bus.publish_stored(SUBJECT, request(number))
    async with Mailbox(runner_bus, runner, spec=RUNS_MAILBOX, slots=8, room=lambda free: min(free, room[0])):
        await next_seen(runner)
        with pytest.raises(TimeoutError):
            await next_seen(runner, 1.5)
        room[0] = 2  # at a time
        seen = [await next_seen(runner) for _ in range(5)]
        assert len({run_id for run_id, _ in seen}) == 5
        hold.set()
        await queue_is_empty(store_bus)


async def test_never_more_is_taken_than_there_are_slots(store_bus: Bus, runner_bus: Bus) -> None:
    busy = Runner(lambda _command, _delivery: None, hold=asyncio.Event())
    other = Runner(lambda _command, _delivery: None)
    async with Mailbox(runner_bus, busy, spec=RUNS_MAILBOX, slots=2):
        for number in range(5):
            await store_bus.publish_stored(SUBJECT, request(number))
        await next_seen(busy)
        await next_seen(busy)
        await asyncio.sleep(0.2)
        assert busy.seen.empty()
        async with Mailbox(runner_bus, other, spec=RUNS_MAILBOX, slots=8):
            assert {(await next_seen(other))[0] for _ in range(3)} == {"run_2", "run_3", "run_4"}
        assert busy.hold is not None
        busy.hold.set()


async def test_a_slow_handler_keeps_its_message(store_bus: Bus, runner_bus: Bus) -> None:
    await store_bus.client.request("$JS.API.CONSUMER.DELETE.RUNS.agent_runner_todo", b"")
    spec = replace(RUNS_MAILBOX, ack_wait_seconds=0.5)
    await StreamAdmin(store_bus.client).create_consumer("RUNS", consumer_config(spec))
    runner = Runner(lambda _command, _delivery: None, hold=asyncio.Event())
    async with Mailbox(runner_bus, runner, spec=spec, slots=2):
        await store_bus.publish_stored(SUBJECT, request())
        await next_seen(runner)
        await asyncio.sleep(1.5)
        assert runner.seen.empty(), "it was delivered a second time"
        assert runner.hold is not None
        runner.hold.set()
        await eventually(lambda: queue_is_empty(store_bus))


async def test_what_does_not_finish_before_the_stop_goes_to_another_replica(store_bus: Bus, runner_bus: Bus) -> None:
    stopping = Runner(lambda _command, _delivery: None, hold=asyncio.Event())
    other = Runner(lambda _command, _delivery: None)
    async with Mailbox(runner_bus, stopping, spec=RUNS_MAILBOX, slots=1, drain_timeout_seconds=0.1):
        await store_bus.publish_stored(SUBJECT, request())
        await next_seen(stopping)
    async with Mailbox(runner_bus, other, spec=RUNS_MAILBOX, slots=1):
        assert await next_seen(other, 2) == ("run_1", 2)


async def test_a_message_that_no_handler_takes_is_a_dead_letter_with_its_reason(
    store_bus: Bus, runner_bus: Bus
) -> None:
    async with Mailbox(runner_bus, Actor(), spec=RUNS_MAILBOX, slots=1):
        await store_bus.publish_stored(SUBJECT, request())
        await eventually(lambda: queue_is_empty(store_bus))
    [letter] = await dead_letters(store_bus)
    assert (letter.code, letter.message) == ("unknown_message", "unknown")


async def test_a_consumer_that_falls_silent_takes_no_message_that_comes_after_it(store_bus: Bus) -> None:
    """A paused process, or a host that lost its power, leaves its connection and its open requests behind."""
    spec = replace(RUNS_MAILBOX, ack_wait_seconds=1.0)
    await StreamAdmin(store_bus.client).create_consumer(spec.stream, consumer_config(spec))
    silent, alive = store_bus.pull_consumer(spec), store_bus.pull_consumer(spec)
    await silent.open()
    await alive.open()
    asking = asyncio.create_task(silent.next(3))
    await asyncio.sleep(0.1)
    asking.cancel()
    await asyncio.sleep(0.75 * spec.ack_wait_seconds)  # the earliest at which what it had could come again
    await store_bus.publish_stored(SUBJECT, request())
    pulled = await alive.next(1)
    assert pulled is not None
    assert pulled.attempt == 1
    await pulled.ack()
    await silent.close()
    await alive.close()


async def test_an_idle_consumer_is_never_without_a_request_for_long(store_bus: Bus) -> None:
    spec = replace(RUNS_MAILBOX, ack_wait_seconds=1.0)
    await StreamAdmin(store_bus.client).create_consumer(spec.stream, consumer_config(spec))
    consumer = store_bus.pull_consumer(spec)
    await consumer.open()

    async def first() -> float:
        while (pulled := await consumer.next(1)) is None:
            pass
        await pulled.ack()
        return asyncio.get_running_loop().time()

    waiting = asyncio.create_task(first())
    await asyncio.sleep(0.6 * spec.ack_wait_seconds)  # the first request has expired
    published_at = asyncio.get_running_loop().time()
    await store_bus.publish_stored(SUBJECT, request())
    assert await waiting - published_at < 0.25
    await consumer.close()
