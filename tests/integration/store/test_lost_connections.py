"""Postgres as a cloud has it: connections are lost at any moment, and a sleeping compute wakes in seconds."""

import asyncio
import time
from collections.abc import AsyncIterator

import pytest
from contracts.commands import AddTask, AppendCheckpoint, DeleteTask, TruncateSession
from contracts.errors import Code, RetryableError
from contracts.message import Json
from contracts.queries import ListTasks
from conversation_store.testing import ALICE, Client, everything_published, running_client, store_settings

from tests.postgres_proxy import PostgresProxy, postgres_proxy


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[PostgresProxy]:
    async with postgres_proxy(database_url) as made:
        yield made


@pytest.fixture
async def client(nats_url: str, database_url: str, proxy: PostgresProxy) -> AsyncIterator[Client]:
    """A client of a store that reaches Postgres through the proxy. Its own look at the tables goes past it."""
    url = proxy.url_of(database_url) + "?pgbouncer=true"  # so that every statement's text passes the proxy
    settings = store_settings(nats_url, url, outbox_poll_seconds=30, sweep_seconds=60)
    async with running_client(settings, database_url) as made:
        yield made


WHERE = {
    "before the first statement": (b"begin; select", None),
    "while the turn is written": (b"insert into chat.conversation", None),
    "while the outbox is written": (b"insert into chat.outbox", None),
    "before the commit": (b"commit", None),
    "after the turn is written": (None, b"insert into chat.conversation"),
    "after the commit, before its answer": (None, b"commit"),
}


@pytest.mark.parametrize(("cut_before", "cut_after"), WHERE.values(), ids=WHERE.keys())
async def test_a_turn_survives_a_lost_connection_and_is_stored_once(
    client: Client, proxy: PostgresProxy, cut_before: bytes | None, cut_after: bytes | None
) -> None:
    await client.answer()
    await everything_published(client)
    await asyncio.sleep(0.05)  # nothing of the outbox is under way: the cut hits the turn
    proxy.cut_before, proxy.cut_after = cut_before, cut_after
    turn = await client.begin("once")
    assert proxy.cuts == 1
    assert not turn.replayed
    rows = await client.rows("select run_id from chat.message where content = 'once'")
    assert [row["run_id"] for row in rows] == [turn.run_id]
    assert len(await client.rows("select 1 from chat.run")) == 2
    await everything_published(client)
    shown = await client.deltas(f"delta.*.*.{turn.run_id}")
    assert [event["type"] for event in shown] == ["thread.created", "thread.item.done"]


@pytest.mark.parametrize("between", [b"update chat.run", b"insert into chat.message", b"insert into chat.outbox"])
async def test_a_run_is_finished_though_postgres_ends_between_two_statements(
    client: Client, proxy: PostgresProxy, between: bytes
) -> None:
    """Postgres' last words arrive when asyncpg waits for none; the next statement fails inside of asyncpg."""
    turn = await client.begin()
    claimed = await client.claim(turn.run_id)
    await everything_published(client)
    await asyncio.sleep(0.05)  # nothing of the outbox is under way: it is FinishRun that sends this text
    end_all = "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid()"
    proxy.end_server = lambda: client.database.execute(f"{end_all} and datname = current_database()")
    proxy.dies_after = between
    await client.finish(claimed, "done")
    assert proxy.cuts == 1
    assert [row["status"] for row in await client.rows("select status from chat.run")] == ["completed"]
    assert len(await client.rows("select 1 from chat.message where content = 'done'")) == 1


async def test_connections_that_were_lost_while_idle_are_not_noticed(client: Client, proxy: PostgresProxy) -> None:
    await asyncio.gather(*(client.begin() for _ in range(8)))
    await everything_published(client)
    proxy.cut_all()
    await asyncio.gather(*(client.begin() for _ in range(8)))
    assert len(await client.rows("select 1 from chat.run")) == 16


async def test_a_compute_that_wakes_up_is_waited_for(client: Client, proxy: PostgresProxy) -> None:
    await client.begin()
    proxy.is_away = True
    proxy.cut_all()

    async def wake() -> None:
        await asyncio.sleep(1)
        proxy.is_away = False

    waking = asyncio.create_task(wake())
    await client.begin("good morning")
    await waking


async def test_a_database_that_stays_away_is_an_error_within_three_seconds(
    client: Client, proxy: PostgresProxy
) -> None:
    await client.begin()
    proxy.is_away = True
    proxy.cut_all()
    started = time.monotonic()
    with pytest.raises(RetryableError) as refused:
        await client.ask(ListTasks(principal=ALICE), timeout_seconds=10)
    assert time.monotonic() - started < 3
    assert refused.value.code == Code.STORE_UNAVAILABLE
    assert refused.value.retry_after_seconds
    proxy.is_away = False
    await client.begin("back again")


async def test_what_cannot_be_repeated_is_not(client: Client, proxy: PostgresProxy) -> None:
    """Lost in the commit, nobody knows whether it happened: these say so, and the caller looks."""
    task = (await client.ask(AddTask(principal=ALICE, title="milk"))).task
    turn = await client.begin()
    await client.claim(turn.run_id)
    await everything_published(client)
    await asyncio.sleep(0.05)
    said: Json = {"type": "message", "role": "assistant", "content": "x"}
    run = {"principal": ALICE, "run_id": turn.run_id, "epoch": 1}
    await client.ask(AppendCheckpoint(**run, step=0, session_items=(said, said)))
    truncate = TruncateSession(principal=ALICE, conversation_id=turn.conversation_id, items_count=1)
    for command in (truncate, DeleteTask(principal=ALICE, task_id=task.task_id)):
        proxy.cut_after = b"commit"
        with pytest.raises(RetryableError) as refused:
            await client.ask(command)
        assert refused.value.code == Code.STORE_UNAVAILABLE
    assert len(await client.rows("select 1 from chat.session_item where not is_input")) == 1
    assert await client.rows("select 1 from chat.task where deleted_at is null") == []


async def test_a_todo_whose_commit_was_in_doubt_is_added_once(client: Client, proxy: PostgresProxy) -> None:
    await client.begin()
    await everything_published(client)
    await asyncio.sleep(0.05)
    proxy.cut_after = b"commit"
    added = (await client.ask(AddTask(principal=ALICE, title="milk"))).task
    assert [row["task_id"] for row in await client.rows("select task_id from chat.task")] == [added.task_id]
