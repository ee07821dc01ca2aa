"""A running store for each test that asks for one."""

from collections.abc import AsyncIterator

import pytest
from conversation_store.testing import Client, running_client, store_settings


@pytest.fixture
async def client(nats_url: str, database_url: str) -> AsyncIterator[Client]:
    """A client of a running store, on an account and a database of the test's own."""
    async with running_client(store_settings(nats_url, database_url), database_url) as made:
        yield made
