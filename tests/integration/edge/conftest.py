"""auth_edge and conversation_store, as they are, on a real bus and a real Postgres."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from auth_edge.testing import RunningEdge, running_edge
from contracts.services import Service
from conversation_store.app import open_store
from conversation_store.settings import Settings as StoreSettings


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    """The operator's connection, with the streams in place."""
    async with Bus.open(ServiceSettings(nats_url=nats_url), service=Service.OPERATOR) as bus:
        await provision(bus)
        yield bus


@pytest.fixture
async def store(bus: Bus, nats_url: str, database_url: str) -> AsyncIterator[Any]:
    settings = StoreSettings.model_validate({"nats_url": nats_url, "database_url": database_url})
    async with open_store(settings) as store:
        yield store


@pytest.fixture
async def edge(nats_url: str, tmp_path: Path, store: Any) -> AsyncIterator[RunningEdge]:
    async with running_edge(nats_url, tmp_path) as running:
        yield running
