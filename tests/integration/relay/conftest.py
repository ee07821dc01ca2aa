"""A bus with the streams in place, a store that answers, and a relay, all of one test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from actor_kit.bus import Bus
from actor_kit.settings import ServiceSettings
from contracts.services import Service

from tests.integration.relay.kit import Books, Run, RunningRelay, make_streams, relay_of, store_of_tests


@pytest.fixture
async def plain_bus(nats_url: str) -> AsyncIterator[Bus]:
    """The publishers' connection, in place of the store's and the runner's; no stream is there yet."""
    async with Bus.open(ServiceSettings(nats_url=nats_url), service=Service.AGENT_RUNNER) as bus:
        yield bus


@pytest.fixture
async def bus(plain_bus: Bus) -> Bus:
    """The same, with the streams in place."""
    await make_streams(plain_bus)
    return plain_bus


@pytest.fixture
async def books(nats_url: str) -> AsyncIterator[Books]:
    async with store_of_tests(nats_url, Books()) as books:
        yield books


@pytest.fixture
async def relay(nats_url: str, bus: Bus, tmp_path: Path) -> AsyncIterator[RunningRelay]:
    async with relay_of(nats_url, tmp_path) as relay:
        yield relay


@pytest.fixture
async def run(bus: Bus) -> Run:
    return Run(bus)
