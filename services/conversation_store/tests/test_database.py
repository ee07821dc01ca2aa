"""The pool and its transactions, where Postgres is not as it should be."""

import asyncio
import random

import pytest
from contracts.errors import Code, RetryableError, TerminalError
from conversation_store.database import Database, Transaction
from conversation_store.driver import asyncpg
from conversation_store.testing import store_settings


async def test_a_wrong_password_is_said_at_once_and_in_words(database_url: str, nats_url: str) -> None:
    settings = store_settings(nats_url, database_url.replace(":test@", ":hunter2@"))
    with pytest.raises(TerminalError) as refused:
        async with asyncio.timeout(10), Database.open(settings):
            pass
    assert refused.value.code == Code.STORE_UNAVAILABLE
    assert "password authentication failed" in refused.value.detail
    assert "keeps the password that its data (in Docker: its volume) was made with" in refused.value.detail
    assert "hunter2" not in refused.value.detail


async def test_a_database_without_tables_is_not_ready(empty_database_url: str, nats_url: str) -> None:
    async def read(transaction: Transaction) -> int:
        return await transaction.connection.fetchval("select count(*) from chat.task")

    async with Database.open(store_settings(nats_url, empty_database_url)) as database:
        assert not await database.is_well()
        with pytest.raises(RetryableError) as refused:
            await database.transact("alice", read)
        assert refused.value.code == Code.STORE_UNAVAILABLE


async def test_a_statement_that_takes_too_long_is_ended(database_url: str, nats_url: str) -> None:
    async def sleep(transaction: Transaction) -> None:
        await transaction.connection.execute("select pg_sleep(20)")

    async with Database.open(store_settings(nats_url, database_url, statement_seconds_max=0.2)) as database:
        with pytest.raises(RetryableError) as refused:
            await database.transact("alice", sleep)
        assert refused.value.code == Code.DEADLINE_EXCEEDED


async def test_two_that_lock_each_other_both_get_through(database_url: str, nats_url: str) -> None:
    """Postgres ends one of the two; it is tried again."""
    async with Database.open(store_settings(nats_url, database_url)) as database:
        async with database.transaction("alice") as transaction:
            await transaction.connection.execute("insert into chat.\"user\" (user_id) values ('alice')")
            await transaction.connection.execute(
                "insert into chat.task (task_id, user_id, title) values ('t1', 'alice', '0'), ('t2', 'alice', '0')"
            )
        both_hold_one = asyncio.Barrier(2)

        def lock(first: str, second: str) -> asyncio.Task[None]:
            is_first_time = True

            async def work(transaction: Transaction) -> None:
                nonlocal is_first_time
                await transaction.connection.execute(
                    "update chat.task set title = title || 'x' where task_id = $1", first
                )
                if is_first_time:
                    is_first_time = False
                    await both_hold_one.wait()
                await transaction.connection.execute(
                    "update chat.task set title = title || 'x' where task_id = $1", second
                )

            return asyncio.create_task(database.transact("alice", work))

        await asyncio.gather(lock("t1", "t2"), lock("t2", "t1"))
        async with database.transaction("alice") as transaction:
            titles = [row["title"] for row in await transaction.connection.fetch("select title from chat.task")]
        assert titles == ["0xx", "0xx"]


async def test_a_transaction_survives_the_end_of_its_server_process_at_any_moment(
    database_url: str, nats_url: str
) -> None:
    """A real race: in some tries Postgres' last words arrive between two statements, before the connection's end."""
    chance = random.Random(13)
    async with Database.open(store_settings(nats_url, database_url)) as database:

        async def survive() -> int:
            ending: asyncio.Task[None] | None = None

            async def work(transaction: Transaction) -> int:
                nonlocal ending
                process = await transaction.connection.fetchval("select pg_backend_pid()")
                if ending is None:
                    ending = asyncio.create_task(end(process))
                    for _ in range(chance.randrange(200)):
                        await asyncio.sleep(0)
                return await transaction.connection.fetchval("select 7")

            async def end(process: int) -> None:
                await database.transact(
                    None, lambda t: t.connection.fetchval("select pg_terminate_backend($1)", process)
                )

            try:
                return await database.transact("alice", work)
            finally:
                if ending is not None:
                    await ending

        assert [await survive() for _ in range(60)] == [7] * 60


async def test_a_pool_that_is_used_up_is_an_error_that_says_to_come_back(database_url: str, nats_url: str) -> None:
    settings = store_settings(nats_url, database_url, database_pool_size_max=1, database_retry_seconds_max=0.1)

    async def read(transaction: Transaction) -> int:
        return await transaction.connection.fetchval("select 1")

    async with Database.open(settings) as database:
        async with database.transaction("alice"):
            with pytest.raises(RetryableError) as refused:
                await database.transact("alice", read)
        assert refused.value.code == Code.STORE_UNAVAILABLE
        assert await database.transact("alice", read) == 1


async def test_a_user_who_asks_for_much_waits_behind_themselves(database_url: str, nats_url: str) -> None:
    order: list[str] = []

    async with Database.open(store_settings(nats_url, database_url, database_pool_size_max=1)) as database:

        async def ask(user: str) -> None:
            async def work(transaction: Transaction) -> None:
                order.append(user)
                await transaction.connection.execute("select pg_sleep(0.005)")

            await database.transact(user, work)

        await asyncio.gather(*(ask("flood") for _ in range(40)), ask("quiet"))
    assert len(order) == 41
    assert order.index("quiet") <= 3


async def test_what_need_not_last_is_committed_without_waiting_for_the_disk(database_url: str, nats_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    name = await connection.fetchval("select current_database()")
    await connection.execute(f'alter database "{name}" set synchronous_commit = on')  # the tests' server has it off
    await connection.close()

    async def setting(transaction: Transaction) -> str:
        return await transaction.connection.fetchval("show synchronous_commit")

    async with Database.open(store_settings(nats_url, database_url)) as database:
        assert await database.transact("alice", setting, is_durable=False) == "off"
        assert await database.transact("alice", setting) == "on"
