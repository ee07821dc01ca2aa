"""DELTAS keeps things for a time: what is asked for later is said to be gone, and told from the store."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from actor_kit.bus import Bus

from tests.integration.relay.kit import (
    Books,
    Event,
    EventStream,
    Run,
    RunningRelay,
    connect,
    make_streams,
    names_of,
    relay_of,
    run_path,
    text_of,
)

KEPT_SECONDS = 2.0


@pytest.fixture
async def forgetful(nats_url: str, plain_bus: Bus, tmp_path: Path) -> AsyncIterator[RunningRelay]:
    """A relay over a DELTAS that keeps two seconds."""
    await make_streams(plain_bus, max_age_seconds=KEPT_SECONDS, duplicate_window_seconds=KEPT_SECONDS)
    async with relay_of(nats_url, tmp_path) as relay:
        yield relay


async def until_empty(bus: Bus) -> None:
    async with asyncio.timeout(20):
        while await bus.direct_get_last("DELTAS", "delta.>") is not None:
            await asyncio.sleep(0.05)


async def take(stream: EventStream, count: int) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(20):
        async for event in stream:
            events.append(event)
            if len(events) == count:
                break
    return events


async def speak(run: Run) -> None:
    await asyncio.sleep(0.1)
    await run.begin()
    await run.say("later ")


async def test_everything_that_expired_is_told_from_the_store(
    forgetful: RunningRelay, plain_bus: Bus, books: Books
) -> None:
    run = Run(plain_bus)
    books.add_run(run, "completed")
    books.add_item(run, "msg_answer", "the answer")
    await run.begin()
    await run.end()
    await until_empty(plain_bus)
    conversation = f"/api/alice/conversations/{run.conversation_id}/stream"

    for place in ("", str(run.sequences[1]), str(run.sequences[-1])):
        async with connect(forgetful, run_path(run), last_event_id=place) as stream:
            assert names_of(await stream.all()) == ["reset", "thread.item.done", "run.completed"]
        async with connect(forgetful, run_path(run), last_event_id=stream.last_event_id) as stream:
            assert stream.response.status_code == 204

    async with connect(forgetful, conversation, last_event_id=str(run.sequences[1])) as stream:
        later = Run(plain_bus, conversation_id=run.conversation_id)
        speaking = asyncio.create_task(speak(later))
        events = await take(stream, 6)
        await speaking
        assert names_of(events)[:2] == ["reset", "thread.item.done"]
        assert text_of(events) == "later "

    async with connect(forgetful, "/api/alice/stream", last_event_id=str(run.sequences[1])) as stream:
        assert names_of(await take(stream, 1)) == ["reset"]


async def test_a_viewer_of_an_empty_deltas_comes_back_without_a_reset(
    forgetful: RunningRelay, plain_bus: Bus, books: Books
) -> None:
    run = Run(plain_bus)
    books.add_run(run)
    for path in (f"/api/alice/conversations/{run.conversation_id}/stream", "/api/alice/stream"):
        await until_empty(plain_bus)
        place = ""
        async with connect(forgetful, path) as stream:
            async for line in stream.response.aiter_lines():
                if line.startswith("id: "):
                    place = line.removeprefix("id: ")
                    break
        assert place == "0"
        await run.say("meanwhile ")
        async with connect(forgetful, path, last_event_id=place) as stream:
            assert text_of(await take(stream, 1)) == "meanwhile "


async def test_a_run_that_outlives_deltas_goes_on_after_a_reset(
    forgetful: RunningRelay, plain_bus: Bus, books: Books
) -> None:
    run = Run(plain_bus)
    books.add_run(run)
    books.add_item(run, "msg_user", "the question", role="user")
    await run.begin()
    await until_empty(plain_bus)
    await run.say("still here ")
    for place in ("", str(run.sequences[0])):
        async with connect(forgetful, run_path(run), last_event_id=place) as stream:
            events = await take(stream, 3)
        assert names_of(events)[:2] == ["reset", "thread.item.done"]
        assert text_of(events) == "still here "
