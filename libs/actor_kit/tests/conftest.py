"""Two parties on one bus, with the streams in place."""

from collections.abc import AsyncIterator, Callable

import pytest
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from contracts.services import Service


@pytest.fixture
def settings(nats_url: str) -> ServiceSettings:
    return ServiceSettings(nats_url=nats_url)


@pytest.fixture
async def store_bus(settings: ServiceSettings) -> AsyncIterator[Bus]:
    async with Bus.open(settings, service=Service.CONVERSATION_STORE) as bus:
        await provision(bus)
        yield bus


@pytest.fixture
async def runner_bus(settings: ServiceSettings, store_bus: Bus) -> AsyncIterator[Bus]:
    async with Bus.open(settings, service=Service.AGENT_RUNNER) as bus:
        yield bus


@pytest.fixture
def subject_of_run() -> Callable[[str], str]:
    return lambda run_id: f"delta.dXNlcg.conv_1.{run_id}"
