"""Deltas over real NATS: in order, merged while an ack is awaited, repeated safely, refused to a fenced attempt."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any, cast

import pytest
from actor_kit.bus import Bus, PublishAck, StoredMessage
from actor_kit.bus.publishing import OnAck
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from agent_runner.frames import LATE_LOOP_DELAY_SECONDS, Frames
from agent_runner.publisher import DeltaPublisher, FencedError
from agent_runner.shown import read_shown
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from contracts.events import EVENT_HEADER, RunEvent
from contracts.message import PAYLOAD_BYTES_MAX
from contracts.services import Service


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    async with Bus.open(ServiceSettings(nats_url=nats_url), service=Service.AGENT_RUNNER) as connected:
        await provision(connected)
        yield connected


class ForgetfulBus:
    """The real bus, except that an ack gets lost now and then, as on a broken connection."""

    def __init__(self, bus: Bus, lose_every: int, *, store_it: bool) -> None:
        self._bus = bus
        self._lose_every = lose_every
        self._store_it = store_it
        self._count = 0

    def publish_then(self, on_ack: OnAck, *args: Any, **kwargs: Any) -> None:
        async def publish() -> None:
            try:
                on_ack(await self.publish_stored(*args, **kwargs))
            except NatterError as error:
                on_ack(error)

        self._publishing = asyncio.create_task(publish())

    async def publish_stored(self, *args: Any, **kwargs: Any) -> PublishAck:
        self._count += 1
        is_lost = self._count % self._lose_every == 0
        if is_lost and not self._store_it:
            raise RetryableError(Code.BUS_UNAVAILABLE, "lost before it was stored")
        ack = await self._bus.publish_stored(*args, **kwargs)
        if is_lost:
            raise RetryableError(Code.BUS_UNAVAILABLE, "the ack was lost")
        return ack

    async def direct_get_last(self, stream: str, subject: str) -> StoredMessage | None:
        return await self._bus.direct_get_last(stream, subject)


def publisher(bus: Any, epoch: int = 1, *, loop_delay_seconds: float = 0.0) -> DeltaPublisher:
    frames = Frames(lambda: loop_delay_seconds)
    return DeltaPublisher(
        cast("Bus", bus), frames, user_id="u.*", conversation_id="conv_1", run_id="run_1", epoch=epoch
    )


async def stored(bus: Bus, one: DeltaPublisher) -> list[dict[str, Any]]:
    messages, _ = await bus.direct_get("DELTAS", one.subject, batch_max=1_000)
    return [json.loads(message.payload) for message in messages]


def text_of(events: list[dict[str, Any]]) -> str:
    return "".join(event["update"]["delta"] for event in events if event["type"] == "thread.item.updated")


async def test_the_first_delta_leaves_at_once_and_a_fast_model_is_merged(bus: Bus) -> None:
    one = publisher(bus)
    one.start(0)
    one.text_delta("msg_1", 0, "0 ")
    await asyncio.sleep(0)
    for number in range(1, 500):
        one.text_delta("msg_1", 0, f"{number} ")
    await one.flush()
    events = await stored(bus, one)
    assert events[0]["update"]["delta"] == "0 "
    assert text_of(events) == "".join(f"{number} " for number in range(500))
    assert len(events) == one.published_count == 2
    await one.close()


async def test_a_busy_process_sends_frames_and_the_first_word_and_structure_at_once(bus: Bus) -> None:
    one = publisher(bus, loop_delay_seconds=LATE_LOOP_DELAY_SECONDS)
    one.start(0)
    one.text_delta("msg_1", 0, "first ")
    await asyncio.sleep(0.02)
    for word in ("held ", "and ", "merged "):
        one.text_delta("msg_1", 0, word)
        await asyncio.sleep(0.005)
    shown = await stored(bus, one)
    assert next(event["update"]["delta"] for event in shown) == "first "
    await asyncio.sleep(0.15)
    one.text_delta("msg_1", 0, "before ")
    one.text_delta("msg_1", 0, "structure")
    one.event({"type": "notice"})
    await one.flush()
    events = await stored(bus, one)
    assert events[-1] == {"type": "notice"}
    assert text_of(events) == "first held and merged before structure"
    assert one.published_count < 7
    await one.close()


async def test_a_flush_lets_go_what_a_frame_holds(bus: Bus) -> None:
    one = publisher(bus, loop_delay_seconds=LATE_LOOP_DELAY_SECONDS)
    one.start(0)
    for number in range(20):
        one.text_delta("msg_1", 0, f"{number} ")
        await one.flush()
    assert text_of(await stored(bus, one)) == "".join(f"{number} " for number in range(20))
    assert one.published_count == 20
    await one.close()


async def test_nothing_leaves_after_it_was_closed(bus: Bus) -> None:
    one = publisher(bus)
    one.start(0)
    one.text_delta("msg_1", 0, "in flight ")
    one.text_delta("msg_1", 1, "pending ")
    await one.close()
    one.text_delta("msg_1", 2, "late ")
    # The stream stores in order: what left before this is stored when this is.
    await bus.publish_stored(f"{one.subject}_behind", b"{}")
    assert text_of(await stored(bus, one)) == "in flight "


async def test_a_slow_model_is_never_merged(bus: Bus) -> None:
    one = publisher(bus)
    one.start(0)
    for number in range(20):
        one.text_delta("msg_1", 0, f"{number} ")
        await one.flush()
    assert len(await stored(bus, one)) == 20
    await one.close()


async def test_deltas_of_different_items_and_events_between_keep_their_order(bus: Bus) -> None:
    one = publisher(bus)
    one.start(0)
    one.text_delta("msg_1", 0, "a")
    one.text_delta("msg_2", 0, "b")
    one.event({"type": "progress_update", "text": "between"})
    one.text_delta("msg_2", 0, "c")
    one.text_delta("msg_2", 1, "d")
    await one.flush()
    assert [event.get("text") or event["update"]["delta"] for event in await stored(bus, one)] == [
        "a",
        "b",
        "between",
        "c",
        "d",
    ]
    await one.close()


@pytest.mark.parametrize("store_it", [True, False], ids=["ack lost", "message lost"])
async def test_what_was_lost_is_published_again_and_stored_once(bus: Bus, store_it: bool) -> None:
    one = publisher(ForgetfulBus(bus, 3, store_it=store_it))
    one.start(0)
    for number in range(9):
        one.text_delta("msg_1", number, str(number))  # different parts are not merged
    async with asyncio.timeout(20):
        await one.flush()
    assert text_of(await stored(bus, one)) == "012345678"
    await one.close()


async def test_an_event_that_no_message_holds_is_told_and_holds_up_nothing(bus: Bus) -> None:
    one = publisher(bus)
    one.start(0)
    one.text_delta("msg_1", 0, "a")
    one.event({"type": "progress_update", "text": "x" * PAYLOAD_BYTES_MAX})
    one.text_delta("msg_1", 0, "b")
    with pytest.raises(TerminalError) as refused:
        await asyncio.wait_for(one.flush(), 5)
    assert refused.value.code == Code.PAYLOAD_TOO_LARGE
    one.text_delta("msg_1", 0, "c")
    await one.flush()
    assert text_of(await stored(bus, one)) == "abc"
    await one.close()


async def test_a_fenced_attempt_stops_and_shows_nothing_more(bus: Bus) -> None:
    old, new = publisher(bus, epoch=1), publisher(bus, epoch=2)
    old.start(0)
    old.text_delta("msg_1", 0, "old")
    await old.flush()
    new.start(0)  # what it read is stale: it goes on after what the earlier attempt wrote
    new.run_event(RunEvent(type="run.restarted", run_id="run_1", conversation_id="conv_1", epoch=2))
    await new.flush()
    old.text_delta("msg_1", 0, "zombie")
    with pytest.raises(FencedError):
        await old.flush()
    with pytest.raises(FencedError):
        old.text_delta("msg_1", 0, "zombie")
    new.text_delta("msg_2", 0, "new")
    await new.flush()
    assert text_of(await stored(bus, new)) == "oldnew"
    await old.close()
    await new.close()


async def test_nothing_is_published_after_a_run_has_ended(bus: Bus) -> None:
    one = publisher(bus)
    end = RunEvent(type="run.cancelled", run_id="run_1", conversation_id="conv_1", epoch=1)
    await bus.publish_stored(one.subject, end.encode(), {EVENT_HEADER: "run"})
    one.start(0)
    one.text_delta("msg_1", 0, "late")
    with pytest.raises(FencedError):
        await one.flush()
    assert [event["type"] for event in await stored(bus, one)] == ["run.cancelled"]
    await one.close()


async def test_what_the_store_wrote_before_the_run_is_no_fence_and_was_not_shown_by_a_runner(bus: Bus) -> None:
    one = publisher(bus)
    user_item = {"type": "thread.item.done", "item": {"id": "msg_0", "type": "user_message"}}
    await bus.publish_stored(one.subject, json.dumps(user_item).encode())
    one.start(0)
    one.event({"type": "thread.item.added", "item": {"id": "msg_1", "type": "assistant_message"}})
    one.event({"type": "thread.item.added", "item": {"id": "msg_2", "type": "assistant_message"}})
    one.event({"type": "thread.item.removed", "item_id": "msg_2"})
    await one.flush()
    assert [item["id"] for item in (await read_shown(bus, one.subject)).whole_items()] == ["msg_1"]
    await one.close()


async def test_what_was_shown_is_read_up_to_what_the_stream_has_acknowledged(bus: Bus) -> None:
    """A server of a cluster that answers may be behind the one that has acknowledged."""
    one = publisher(bus)
    one.start(0)
    one.event({"type": "thread.item.added", "item": {"id": "msg_1", "type": "assistant_message"}})
    await one.flush()
    reading = asyncio.create_task(read_shown(bus, one.subject, up_to_sequence=one.last_sequence + 1))
    await asyncio.sleep(0.05)
    assert not reading.done()
    one.event({"type": "thread.item.added", "item": {"id": "msg_2", "type": "assistant_message"}})
    await one.flush()
    assert [item["id"] for item in (await reading).whole_items()] == ["msg_1", "msg_2"]
    with pytest.raises(RetryableError):
        await read_shown(bus, one.subject, up_to_sequence=one.last_sequence + 1)
    await one.close()
