"""The servers of the tests are real, and tests do not meet on them."""

import asyncio
import signal

import asyncpg
import nats
from natter.servers.ports import free_port
from natter.servers.postgres import Postgres
from natter.testing import Databases, NatsAccounts, RunningServer, temporary_directory


async def test_every_test_has_a_nats_account_of_its_own(nats_accounts: NatsAccounts) -> None:
    for url in (nats_accounts.new_url(), nats_accounts.new_url()):
        connection = await nats.connect(url)
        jetstream = connection.jetstream()
        assert await jetstream.streams_info() == []
        await jetstream.add_stream(name="DELTAS", subjects=["delta.>"])
        assert (await jetstream.publish("delta.a", b"x")).seq == 1
        await connection.close()


async def test_every_test_has_a_database_of_its_own(databases: Databases) -> None:
    for url in (databases.create(), databases.create()):
        connection = await asyncpg.connect(url)
        assert await connection.fetchval("select count(*) from pg_class where relname = 'x'") == 0
        await connection.execute("create table x ()")
        assert not await connection.fetchval("select rolsuper from pg_roles where rolname = current_user")
        await connection.close()
        databases.drop(url)


def test_any_text_can_be_the_password() -> None:
    with temporary_directory() as directory:
        server = Postgres(directory / "postgres", free_port(), "a'b\\c d", durable=False)
        server.initialise()
        running = RunningServer(server, directory / "postgres.log", signal.SIGINT, server.run_as)
        running.start()
        try:
            server.create_owner_and_database()
            server.create_owner_and_database()
            assert asyncio.run(_current_user(server.url)) == "natter"
        finally:
            running.stop()


async def _current_user(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("select current_user")
    finally:
        await connection.close()
