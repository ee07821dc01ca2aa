"""A store process that is killed at the worst moment: what was accepted is published once, by another one."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from contracts.commands import BeginTurn, ClaimRun, CreateSchedule
from contracts.errors import RetryableError
from contracts.queries import ListConversations
from contracts.replies import TurnBegun
from contracts.services import Service
from conversation_store.migrate import migrate
from conversation_store.postgres_url import parse_postgres_url
from conversation_store.testing import ALICE, user_message
from natter_testing.servers import start_postgres

from tests.postgres_proxy import PostgresProxy, postgres_proxy

START_SECONDS_MAX = 30


class StoreProcess:
    """One `python -m conversation_store`."""

    def __init__(self, nats_url: str, database_url: str) -> None:
        self.environment = {
            **os.environ,
            "NATS_URL": nats_url,
            "DATABASE_URL": f"{database_url}?pgbouncer=true",  # so that every statement's text passes the proxy
            "OUTBOX_POLL_SECONDS": "0.1",
            "LOG_LEVEL": "error",
        }
        self.process: asyncio.subprocess.Process | None = None

    async def start(self, bus: Bus) -> None:
        """Start it and wait until it answers."""
        self.process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "conversation_store", env=self.environment
        )
        async with asyncio.timeout(START_SECONDS_MAX):
            while True:
                with contextlib.suppress(RetryableError):
                    await bus.request(ListConversations(principal=ALICE), timeout_seconds=1)
                    return

    def kill(self) -> None:
        if self.process is not None and self.process.returncode is None:
            self.process.kill()

    async def stop(self) -> int:
        """Kill it where it lives, and return how it ended."""
        self.kill()
        return await self.process.wait() if self.process else 0


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    settings = ServiceSettings.model_validate({"nats_url": nats_url})
    async with Bus.open(settings, service=Service.OPERATOR) as made:
        await provision(made)
        yield made


@pytest.fixture
async def proxy(database_url: str) -> AsyncIterator[PostgresProxy]:
    async with postgres_proxy(database_url) as made:
        yield made


CRASH_POINTS = {
    "before the commit": ("cut_before", b"commit", 0),
    "between the commit and the publish": ("cut_after", b"commit", 1),
    "between the publish and the removal": ("cut_before", b"delete from chat.outbox", 1),
    "after the removal, before its commit": ("cut_after", b"delete from chat.outbox", 1),
}


@pytest.mark.parametrize(("cut", "where", "turns_count"), CRASH_POINTS.values(), ids=CRASH_POINTS.keys())
async def test_a_turn_is_published_once_wherever_the_store_is_killed(
    nats_url: str, database_url: str, bus: Bus, proxy: PostgresProxy, cut: str, where: bytes, turns_count: int
) -> None:
    first = StoreProcess(nats_url, proxy.url_of(database_url))
    first.environment |= {"OUTBOX_POLL_SECONDS": "60", "SWEEP_SECONDS": "60"}  # no commit but the turn's
    second = StoreProcess(nats_url, database_url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(first.stop)
        stack.push_async_callback(second.stop)
        await first.start(bus)
        proxy.on_cut = first.kill
        command = BeginTurn(principal=ALICE, input=user_message("survive"), idempotency_key="k", body_hash="h")
        begin = asyncio.create_task(bus.request(command, timeout_seconds=2))
        setattr(proxy, cut, where)
        answered = (await asyncio.gather(begin, return_exceptions=True))[0]
        async with asyncio.timeout(10):
            while not proxy.cuts:
                await asyncio.sleep(0.01)
        assert await first.stop() == -9
        assert await stored_turns(database_url) == turns_count
        await second.start(bus)
        turn = await bus.request(command)  # the caller asks again with its key
        assert turn.replayed == bool(turns_count)
        assert isinstance(answered, RetryableError | TurnBegun)
        assert isinstance(answered, RetryableError) or answered.run_id == turn.run_id
        await published(database_url)
        messages, _ = await bus.direct_get("DELTAS", "delta.>")
        assert [b'"type":"thread.created"' in message.payload for message in messages] == [True, False]
        assert await stored_turns(database_url) == 1
        claim = ClaimRun(principal=ALICE, run_id=turn.run_id, runner_id="runner_1", lease_seconds=5)
        assert (await bus.request(claim)).epoch == 1


WHILE_FIRING = {
    "before the schedule has its next time": {"cut_before": b"update chat.schedule"},
    "between its next time and the commit": {"cut_after": b"update chat.schedule"},
    "between the commit and the publish": {"arms": (b"schedule.fired", b"commit")},
    "between the publish and the removal": {"cut_before": b"delete from chat.outbox"},
}


MORE_OF_THE_SAME = {name for name in WHILE_FIRING if name != "between the commit and the publish"}


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(where, id=name, marks=[pytest.mark.thorough] if name in MORE_OF_THE_SAME else [])
        for name, where in WHILE_FIRING.items()
    ],
)
async def test_what_is_due_begins_one_turn_wherever_the_store_is_killed(
    nats_url: str, database_url: str, bus: Bus, proxy: PostgresProxy, where: dict[str, Any]
) -> None:
    first = StoreProcess(nats_url, proxy.url_of(database_url))
    first.environment |= {"OUTBOX_POLL_SECONDS": "60", "SWEEP_SECONDS": "0.5"}
    second = StoreProcess(nats_url, database_url)
    second.environment |= {"SWEEP_SECONDS": "0.5"}
    async with AsyncExitStack() as stack:
        stack.push_async_callback(first.stop)
        stack.push_async_callback(second.stop)
        await first.start(bus)
        await bus.request(CreateSchedule(principal=ALICE, text="call mum", due_at=due_in(3600)))
        proxy.on_cut = first.kill
        for name, text in where.items():
            setattr(proxy, name, text)
        await system_value(database_url, FALL_DUE)
        async with asyncio.timeout(10):
            while not proxy.cuts:
                await asyncio.sleep(0.01)
        assert await first.stop() == -9
        await second.start(bus)
        await everything_fired(database_url, 1)
        assert await fired_and_requested(bus) == (1, 1)


@pytest.mark.thorough
async def test_what_falls_due_while_postgres_restarts_begins_one_turn_each_of_two_replicas(
    nats_url: str, bus: Bus, tmp_path: Path
) -> None:
    postgres, databases = await asyncio.to_thread(start_postgres, tmp_path)
    database_url = databases.create()
    await migrate(parse_postgres_url(database_url), "head", start_seconds_max=10)
    stores = [StoreProcess(nats_url, database_url) for _ in range(2)]
    async with AsyncExitStack() as stack:
        stack.callback(postgres.stop)
        for store in stores:
            store.environment |= {"SWEEP_SECONDS": "0.2"}
            stack.push_async_callback(store.stop)
            await store.start(bus)
        for seconds in range(6):
            made = await bus.request(CreateSchedule(principal=ALICE, text="call mum", due_at=due_in(3600)))
            due = f"update chat.schedule set next_due_at = now() + interval '{seconds / 2} seconds'"
            await system_value(database_url, f"{due} where schedule_id = '{made.schedule.schedule_id}' returning 1")
        await asyncio.sleep(0.7)
        await asyncio.to_thread(postgres.stop)  # a kill would lose commits: the one of tests does not wait for its disk
        await asyncio.to_thread(postgres.start)
        await everything_fired(database_url, 6)
        assert await fired_and_requested(bus) == (6, 6)


FALL_DUE = "update chat.schedule set next_due_at = now() - interval '1 second' returning 1"


def due_in(seconds: float) -> datetime:
    return datetime.now(UTC) + timedelta(seconds=seconds)


async def everything_fired(database_url: str, count: int) -> None:
    """That many turns, and after some sweeps of all replicas no more; all that they tell is published."""
    async with asyncio.timeout(20):
        while await system_value(database_url, "select count(*) from chat.schedule where status = 'active'"):
            await asyncio.sleep(0.05)
    await published(database_url)
    await asyncio.sleep(1)
    assert await system_value(database_url, "select count(*) from chat.run where schedule_id is not null") == count
    assert await system_value(database_url, "select count(distinct schedule_id) from chat.run") == count


async def fired_and_requested(bus: Bus) -> tuple[int, int]:
    """How often viewers are told that something is due, and runners asked."""
    fired, _ = await bus.direct_get("DELTAS", "delta.*.schedules.fired")
    requested = await bus.client.jetstream().stream_info("RUNS")
    return len(fired), requested.state.messages


async def stored_turns(database_url: str) -> int:
    return await system_value(database_url, "select count(*) from chat.run")


async def published(database_url: str) -> None:
    async with asyncio.timeout(10):
        while await system_value(database_url, "select count(*) from chat.outbox"):
            await asyncio.sleep(0.05)


async def system_value(database_url: str, sql: str) -> int:
    connection = await asyncpg.connect(database_url)
    try:
        await connection.execute("select set_config('app.system', 'on', false)")
        return await connection.fetchval(sql)
    finally:
        await connection.close()


async def test_a_store_stops_on_sigterm_and_says_why_it_cannot_start(
    nats_url: str, database_url: str, bus: Bus, empty_database_url: str
) -> None:
    store = StoreProcess(nats_url, database_url)
    await store.start(bus)
    assert store.process is not None
    store.process.terminate()
    async with asyncio.timeout(10):
        assert await store.process.wait() == 0
    lost = StoreProcess(nats_url, "postgresql://natter:wrong@127.0.0.1:1/none")
    lost.environment["DATABASE_START_SECONDS_MAX"] = "0.5"
    lost.process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "conversation_store", env=lost.environment, stderr=asyncio.subprocess.PIPE
    )
    _, stderr = await asyncio.wait_for(lost.process.communicate(), 20)
    assert lost.process.returncode == 1
    assert b"store_unavailable" in stderr
    assert b"wrong" not in stderr
