"""NATS goes away and comes back: viewers wait and lose nothing, new ones wait a little, then are told."""

import asyncio
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from actor_kit.bus import Bus
from actor_kit.settings import ServiceSettings
from contracts.services import Service
from natter_testing.servers import RunningServer, start_nats, temporary_directory

from tests.fault.relay.raw_viewer import RawViewer
from tests.integration.relay.kit import Run, RunningRelay, connect, make_streams, names_of, relay_of, run_path, text_of

LONG = "x" * 30_000


@dataclass
class Stack:
    nats: RunningServer
    bus: Bus
    relay: RunningRelay

    async def stop_nats(self) -> None:
        await asyncio.to_thread(self.nats.stop)

    async def start_nats(self) -> None:
        await asyncio.to_thread(self.nats.start)
        async with asyncio.timeout(10):
            while not self.bus.is_connected:
                await asyncio.sleep(0.02)


@pytest.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    with temporary_directory() as folder:
        nats, accounts = start_nats(folder)
        url = accounts.new_url()
        async with Bus.open(ServiceSettings(nats_url=url), service=Service.AGENT_RUNNER) as bus:
            await make_streams(bus)
            async with relay_of(url, tmp_path, relay_queue_frames_max=4) as relay:
                yield Stack(nats, bus, relay)
        nats.stop()


async def test_viewers_wait_for_the_bus_and_lose_nothing(stack: Stack) -> None:
    run = Run(stack.bus)
    await run.begin()
    slow = await RawViewer.open(stack.relay, run_path(run), receive_buffer_bytes=4096)
    for number in range(250):
        await run.say(f"{number} {LONG}")
    async with connect(stack.relay, run_path(run)) as stream:
        reading = asyncio.create_task(stream.all(seconds_max=20))
        await asyncio.sleep(0.1)
        await stack.stop_nats()
        reading_slowly = asyncio.create_task(slow.read_events())  # it has overflowed: what it needs is in DELTAS
        await asyncio.sleep(0.5)
        assert not reading.done()
        assert not reading_slowly.done()
        await stack.start_nats()
        await run.say("after")
        await run.end()
        for events in await asyncio.gather(reading, reading_slowly):
            assert text_of(events) == run.text
            assert names_of(events)[-1] == "run.completed"


async def test_who_connects_before_the_relay_has_found_the_bus_again_waits_a_little(stack: Stack) -> None:
    run = Run(stack.bus)
    await run.begin()
    await run.end()
    await stack.stop_nats()
    await asyncio.to_thread(stack.nats.start)
    async with connect(stack.relay, run_path(run)) as stream:
        assert stream.response.status_code == 200
        assert names_of(await stream.all())[-1] == "run.completed"


async def test_who_connects_while_the_bus_stays_away_is_told_within_three_seconds(stack: Stack) -> None:
    await stack.stop_nats()
    started = time.monotonic()
    async with connect(stack.relay, "/api/alice/runs/run_1/stream") as stream:
        await stream.response.aread()
    assert stream.response.status_code == 503
    assert stream.response.json()["code"] == "bus_unavailable"
    assert time.monotonic() - started < 4  # three seconds, and a busy machine
    await stack.start_nats()
