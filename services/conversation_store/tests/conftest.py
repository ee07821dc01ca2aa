"""A running store for each test that asks for one."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from contracts.postgres_roles import OWNER
from conversation_store.migrate import migrate
from conversation_store.postgres_url import parse_postgres_url
from conversation_store.testing import Client, running_client, store_settings
from natter.servers.postgres import SUPERUSER
from natter_testing.servers import Databases


@pytest.fixture
async def client(nats_url: str, database_url: str) -> AsyncIterator[Client]:
    """A client of a running store, on an account and a database of the test's own."""
    async with running_client(store_settings(nats_url, database_url), database_url) as made:
        yield made


@pytest.fixture
def prepare_superuser(databases: Databases) -> Callable[[str], Awaitable[str]]:
    """Give a database the role of the policies, as a migration by such a user does, and return a superuser's URL."""

    async def prepare(url: str) -> str:
        as_superuser = url.replace(f"//{OWNER}:", f"//{SUPERUSER}:", 1)
        databases.execute(
            "do $$ begin if not exists (select from pg_roles where rolname = 'natter_store')"
            " then create role natter_store nologin; end if; end $$"
        )
        await migrate(parse_postgres_url(as_superuser), "0004", start_seconds_max=10)
        await migrate(parse_postgres_url(as_superuser), "head", start_seconds_max=10)
        connection: Any = await asyncpg.connect(as_superuser)
        await connection.execute(f"grant all on all tables in schema chat to {OWNER}")  # it owns the older ones
        await connection.close()
        return as_superuser

    return prepare
