"""Three NATS servers, DELTAS on each: followers answer direct gets, a server is restarted, and nothing shows it."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import httpx
import nats.errors
import pytest
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from contracts.services import Service
from natter.servers.nats import Nats, Routes
from natter.servers.ports import free_port
from natter_testing.servers import RunningServer, temporary_directory
from stream_relay.channel import Hub

from tests.integration.relay.kit import Event, Run, RunningRelay, connect, relay_of, run_path, text_of

SERVERS = 3
NUMBERS = 80


@pytest.fixture
async def servers() -> AsyncIterator[list[RunningServer]]:
    with temporary_directory() as folder:
        ports = [free_port() for _ in range(SERVERS)]
        running: list[RunningServer] = []
        for number, port in enumerate(ports):
            directory = folder / str(number)
            server = Nats(
                directory, free_port(), free_port(), name=f"n{number}", routes=Routes(port, ports, "of-the-routes")
            )
            server.initialise()
            running.append(RunningServer(server, directory / "nats.log"))
        await asyncio.gather(*(asyncio.to_thread(server.start) for server in running))
        yield running
        for server in running:
            server.stop()


def url_of(server: RunningServer) -> str:
    assert isinstance(server.server, Nats)
    return server.server.url


async def make_replicated_streams(bus: Bus) -> int:
    """Create the streams with three replicas; returns the number of the server that leads DELTAS."""
    await provision(bus, replicas=SERVERS)
    async with asyncio.timeout(20):
        while True:
            with suppress(TimeoutError, nats.errors.Error):
                answer = await bus.client.request("$JS.API.STREAM.INFO.DELTAS", b"", timeout=5)
                leader = json.loads(answer.data).get("cluster", {}).get("leader")
                if leader:
                    return int(leader[1:])
            await asyncio.sleep(0.1)


async def test_viewers_of_followers_read_the_exact_text_through_a_restart(
    servers: list[RunningServer], tmp_path: Path
) -> None:
    async with Bus.open(ServiceSettings(nats_url=url_of(servers[0])), service=Service.AGENT_RUNNER) as bus:
        leader = await make_replicated_streams(bus)
        followers = [number for number in range(SERVERS) if number not in (0, leader)]
        restarted = followers[0]
        urls = [url_of(servers[number]) for number in (restarted, 0)]
        async with (
            relay_of(",".join(urls), tmp_path) as one,
            relay_of(",".join(reversed(urls)), tmp_path) as two,
        ):
            run = Run(bus)
            await run.begin()
            seeded = random.Random(7)
            plans = [[seeded.randint(1, 12) for _ in range(9)] for _ in range(5)]
            watching = [asyncio.create_task(watch([one, two], run, plan)) for plan in plans]
            for number in range(1, NUMBERS + 1):
                await run.count(number, number)
                if number == NUMBERS // 2:
                    await asyncio.to_thread(servers[restarted].stop)
                    await asyncio.to_thread(servers[restarted].start)
            await run.end()
            for events in await asyncio.gather(*watching):
                assert text_of(events) == run.text


async def watch(relays: list[RunningRelay], run: Run, plan: list[int]) -> list[Event]:
    events: list[Event] = []
    place, attempts = "", len(plan)
    async with asyncio.timeout(40):
        while not events or events[-1].data.get("type") != "run.completed":
            cut_after = plan.pop() if plan else None
            attempts += 1
            taken = 0
            with suppress(httpx.TransportError):
                async with connect(relays[attempts % 2], run_path(run), last_event_id=place) as stream:
                    if stream.response.status_code != 200:
                        await asyncio.sleep(0.05)
                        continue
                    async for event in stream:
                        events.append(event)
                        place, taken = event.last_event_id or place, taken + 1
                        if taken == cut_after:
                            break
    return events


async def test_relays_are_told_who_leads_deltas(
    servers: list[RunningServer], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = asyncio.Event()
    monkeypatch.setattr(Hub, "on_leader_elected", lambda _: told.set())
    async with Bus.open(ServiceSettings(nats_url=url_of(servers[0])), service=Service.AGENT_RUNNER) as bus:
        await make_replicated_streams(bus)
        async with relay_of(url_of(servers[1]), tmp_path):
            await bus.client.request("$JS.API.STREAM.LEADER.STEPDOWN.DELTAS", b"", timeout=5)
            async with asyncio.timeout(20):
                await told.wait()
