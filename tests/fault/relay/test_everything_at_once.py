"""Random disconnects, relay restarts, NATS restarts and duplicate attaches over a count to N: exact text, always."""

import asyncio
import socket
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from actor_kit.bus import Bus
from actor_kit.settings import ServiceSettings
from contracts.errors import RetryableError
from contracts.services import Service
from hypothesis import HealthCheck, Phase, example, given, settings
from hypothesis import strategies as st
from natter.servers.ports import free_port
from natter_testing.servers import RunningServer, start_nats, temporary_directory

from tests.integration.relay.kit import Event, Run, RunningRelay, connect, make_streams, relay_of, run_path, text_of

NUMBERS = 60
RELAYS = 2

CHAOS = st.lists(
    st.tuples(st.integers(5, NUMBERS), st.sampled_from(["relay 0", "relay 1", "relay 0", "relay 1", "nats"])),
    max_size=4,
    unique_by=lambda step: step[0],
)
CUTS = st.lists(st.lists(st.integers(1, 25), max_size=8), min_size=2, max_size=4)


@dataclass
class RestartableRelay:
    """A relay that comes back on the same port."""

    nats_url: str
    folder: Path
    port: int = field(default_factory=free_port)
    running: AsyncExitStack = field(default_factory=AsyncExitStack)
    relay: RunningRelay | None = None

    async def start(self) -> None:
        settings_of_test = {"relay_heartbeat_seconds": 0.5, "relay_audit_seconds": 1.0, "drain_timeout_seconds": 1}
        self.relay = await self.running.enter_async_context(
            relay_of(self.nats_url, self.folder, port=self.port, **settings_of_test)
        )

    async def restart(self) -> None:
        await self.running.aclose()
        await self.start()


class PatientRun(Run):
    """A publisher that says a thing again until the stream has it, as store and runner do."""

    async def put(self, payload: bytes, headers: dict[str, str] | None = None) -> int:
        message_id = f"{self.run_id}.{len(self.sequences)}"
        while True:
            with suppress(RetryableError):
                ack = await self.bus.publish_stored(
                    self.subject, payload, headers, message_id=message_id, timeout_seconds=1
                )
                self.sequences.append(ack.sequence)
                return ack.sequence
            await asyncio.sleep(0.05)


@pytest.mark.timeout(300)  # several restarts of NATS; on a machine that has time it takes some ten seconds
@settings(
    max_examples=2,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@example(chaos=[(15, "relay 0"), (30, "nats"), (45, "relay 1")], cuts=[[3] * 6, [], [1, 20]])
@given(chaos=CHAOS, cuts=CUTS)
async def test_every_viewer_reads_the_exact_text(chaos: list[tuple[int, str]], cuts: list[list[int]]) -> None:
    with temporary_directory() as folder:
        nats, accounts = start_nats(folder)
        try:
            await scenario(nats, accounts.new_url(), folder, dict(chaos), cuts)
        finally:
            nats.stop()


async def scenario(
    nats: RunningServer, nats_url: str, folder: Path, chaos: dict[int, str], cuts: list[list[int]]
) -> None:
    relays = [RestartableRelay(nats_url, folder) for _ in range(RELAYS)]
    async with (
        Bus.open(ServiceSettings(nats_url=nats_url), service=Service.AGENT_RUNNER) as bus,
        AsyncExitStack() as stack,
    ):
        await make_streams(bus)
        for relay in relays:
            await relay.start()
            stack.push_async_callback(relay.running.aclose)
        run = PatientRun(bus)
        await run.begin()
        watching = [asyncio.create_task(watch(relays, run, list(plan), number)) for number, plan in enumerate(cuts)]
        for number in range(1, NUMBERS + 1):
            await run.count(number, number)
            await asyncio.sleep(0.002)
            if (what := chaos.get(number)) is not None:
                await disturb(what, nats, relays)
        await run.end()
        expected = "".join(f"{number} " for number in range(1, NUMBERS + 1))
        for events in await asyncio.gather(*watching):
            assert text_of(events) == expected
            assert [event.data["type"] for event in events if event.name == "run"] == ["run.started", "run.completed"]


async def disturb(what: str, nats: RunningServer, relays: list[RestartableRelay]) -> None:
    if what == "nats":
        await asyncio.to_thread(nats.stop)
        await asyncio.to_thread(nats.start)
    else:
        await relays[int(what[-1])].restart()


async def watch(relays: list[RestartableRelay], run: Run, plan: list[int], first: int) -> list[Event]:
    """Watch as a browser does: come back with the last id, cut off after as many events as the plan says."""
    events: list[Event] = []
    place, attempts = "", first
    async with asyncio.timeout(60):
        while not events or events[-1].data.get("type") != "run.completed":
            relay = relays[attempts % len(relays)].relay
            attempts += 1
            assert relay is not None
            cut_after = plan.pop(0) if plan else None
            with suppress(httpx.TransportError, socket.error):
                async with connect(relay, run_path(run), last_event_id=place) as stream:
                    if stream.response.status_code == 200:
                        taken = 0
                        async for event in stream:
                            events.append(event)
                            place, taken = event.last_event_id, taken + 1
                            if taken == cut_after:
                                break
                    else:
                        assert stream.response.status_code == 503
            await asyncio.sleep(0.01)
    return events
