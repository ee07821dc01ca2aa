"""Measure conversation_store: `python -m bench.store [--rows 1000000] [--samples 500] [--record]`.

A real NATS server and a real Postgres that syncs to disk, both on loopback; the store runs in this process. "at the
store" is the handler with its transactions, "over the bus" is what another service waits for. ``--record`` writes
the query plans to bench/store_plans.md.
"""

import argparse
import asyncio
import signal
import statistics
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import uvloop
from actor_kit.actor import Delivery
from contracts.commands import AppendCheckpoint, BeginTurn, ClaimRun, TakeRequestPermit
from contracts.identity import Principal
from contracts.message import Json
from contracts.queries import ListConversations, ListItems
from conversation_store import conversations, cursors, items
from conversation_store.outbox import publisher
from conversation_store.runs import claim
from conversation_store.statements import Statement
from conversation_store.testing import Client, assistant_item, running_client, store_settings, user_message
from conversation_store.turns import begin
from natter.servers.ports import free_port
from natter.servers.postgres import Postgres
from natter_testing.servers import RunningServer, migrate, start_nats, temporary_directory

from bench.store_seed import BIG, OWNER, seed

PLANS = Path(__file__).parent / "store_plans.md"
BENCH = Principal(user_id=OWNER)
NO_DELIVERY = Delivery("", {})


@asynccontextmanager
async def seeded_store(rows_count: int, *, is_pooled: bool = False) -> AsyncGenerator[Client]:
    """A store on tables of ``rows_count`` messages."""
    with temporary_directory() as folder:
        server = Postgres(folder / "postgres", free_port(), "bench", durable=True)
        server.initialise()
        postgres = RunningServer(server, folder / "postgres.log", signal.SIGINT, server.run_as)
        postgres.start()
        server.create_roles_and_database()
        nats, accounts = start_nats(folder)
        try:
            migrate(server.url)
            started = time.perf_counter()
            await seed(server.url, rows_count)
            print(f"seeded {rows_count} messages in {time.perf_counter() - started:.0f} s")
            settings = store_settings(
                accounts.new_url(), server.url, database_prepared_statements=not is_pooled, run_overdue_seconds=3600
            )
            async with running_client(settings, server.url) as client:
                yield client
        finally:
            nats.stop()
            postgres.stop()


async def measure(name: str, samples: int, act: Callable[[int], Awaitable[Any]]) -> None:
    """Call it one after the other; print the median and the 99th percentile in milliseconds."""
    for at in range(min(20, samples)):
        await act(-1 - at)
    seconds: list[float] = []
    for at in range(samples):
        started = time.perf_counter()
        await act(at)
        seconds.append(time.perf_counter() - started)
    report(name, seconds)


def report(name: str, seconds: Sequence[float]) -> None:
    centiles = statistics.quantiles(seconds, n=100)
    print(f"{name:<58} p50 {centiles[49] * 1e3:7.2f} ms   p99 {centiles[98] * 1e3:7.2f} ms")


async def measure_reads(client: Client, samples: int) -> None:
    newest = ListItems(principal=BENCH, conversation_id=BIG, limit=50, order="desc")
    middle = newest.model_copy(update={"after": "5000000000"})
    actor, database = client.store.actor, client.store.database

    async def one_query(_at: int) -> None:
        await database.transact(OWNER, lambda transaction: items.list_items(transaction, newest))

    await measure("list 50 of 10 000 messages: the query's transaction", samples, one_query)
    await measure(
        "list 50 of 10 000, newest: at the store", samples, lambda _: actor.on_list_items(newest, NO_DELIVERY)
    )
    await measure(
        "list 50 of 10 000, middle: at the store", samples, lambda _: actor.on_list_items(middle, NO_DELIVERY)
    )
    await measure("list 50 of 10 000, newest: over the bus", samples, lambda _: client.ask(newest))
    listed = ListConversations(principal=BENCH)
    await measure("list 20 conversations: over the bus", samples, lambda _: client.ask(listed))
    search = ListConversations(principal=BENCH, search="word77 word13")
    await measure(
        "search 10 000 messages of a user: over the bus", max(20, samples // 10), lambda _: client.ask(search)
    )
    permit = TakeRequestPermit(principal=BENCH, requests_per_minute_max=10**6)
    await measure("take a request permit: over the bus", samples, lambda _: client.ask(permit))


async def measure_turns(client: Client, samples: int) -> None:
    """Whole turns, step by step, and how long a runner waits for the word after the caller has its answer."""
    arrived: dict[str, float] = {}

    def on_requested(received: Any) -> None:
        arrived[received.subject.split(".")[2]] = time.perf_counter()

    await client.bus.subscribe("run.*.*.*.requested", on_requested)
    await client.bus.flush()
    times: dict[str, list[float]] = {name: [] for name in ("begin", "requested", "claim", "checkpoint", "finish")}

    async def timed(name: str, request: Any) -> Any:
        started = time.perf_counter()
        reply = await client.ask(request)
        times[name].append(time.perf_counter() - started)
        return reply

    said: tuple[Json, ...] = ({"type": "message", "role": "assistant", "content": "answer " * 50},)
    for at in range(samples):
        turn = await timed("begin", BeginTurn(principal=BENCH, input=user_message("question " * 20)))
        answered = time.perf_counter()
        while turn.conversation_id not in arrived:
            await asyncio.sleep(0)
        times["requested"].append(max(0.0, arrived[turn.conversation_id] - answered))
        claim = ClaimRun(principal=BENCH, run_id=turn.run_id, runner_id="bench", lease_seconds=30)
        claimed = await timed("claim", claim)
        run: dict[str, Any] = {"principal": BENCH, "run_id": turn.run_id, "epoch": claimed.epoch, "step": 0}
        await timed("checkpoint", AppendCheckpoint(**run, session_items=said))
        started = time.perf_counter()
        await client.finish(claimed, principal=BENCH, items=(assistant_item(f"msg_bench_{at}", "answer " * 50),))
        times["finish"].append(time.perf_counter() - started)
    for name, label in (
        ("begin", "begin a turn: over the bus"),
        ("requested", "from its answer to RunRequested at a runner"),
        ("claim", "claim a run: over the bus"),
        ("checkpoint", "append a checkpoint: over the bus"),
        ("finish", "finish a run: over the bus"),
    ):
        report(label, times[name])


async def measure_rate(client: Client, turns_count: int) -> None:
    """Turns of many users at once."""
    users = [Principal(user_id=f"user_{n}") for n in range(64)]

    async def some(principal: Principal) -> None:
        for _ in range(turns_count // len(users)):
            await client.ask(BeginTurn(principal=principal, input=user_message("question")), timeout_seconds=30)

    started = time.perf_counter()
    await asyncio.gather(*(some(principal) for principal in users))
    rate = turns_count / (time.perf_counter() - started)
    while await client.rows("select 1 from chat.outbox limit 1"):
        await asyncio.sleep(0.01)
    drained = turns_count / (time.perf_counter() - started)
    print(f"{'begin turns of 64 users at once':<58} {rate:7.0f} /s, all published at {drained:.0f} /s")


async def plans(client: Client) -> str:
    """The plans of the statements that must stay fast, as Postgres runs them under the policies."""
    hidden = ["hidden_context_item", "sdk_hidden_context"]
    run = await client.begin(principal=BENCH, conversation_id=BIG)
    mine = {"user_id": OWNER, "conversation_id": BIG}
    newest, oldest_id = cursors.LAST
    page = {"user_id": OWNER, "updated_at": newest, "conversation_id": oldest_id, "only_this": None, "limit": 21}
    statements: dict[str, tuple[Statement, dict[str, Any]]] = {
        "list 50 items": (
            items.sql.newest_first,
            {**mine, "position": 2**62, "hidden_types": hidden, "run_id": None, "messages_only": False, "limit": 51},
        ),
        "begin a turn: state": (begin.sql.state, {**mine, "run_id": "run_none", "idempotency_key": "key_none"}),
        "claim a run: what it needs": (
            claim.sql.load,
            {
                **mine,
                "run_id": run.run_id,
                "user_message_id": run.message_id,
                "turn_position": 10_001_000_000,
                "next_turn_position": 10_002_000_000,
                "messages_max": 15,
            },
        ),
        "list 20 conversations": (conversations.sql.newest_first, {**page, "words": None}),
        "search": (conversations.sql.newest_first, {**page, "words": "'word77' & 'word13':*"}),
        "outbox: take": (publisher.sql.take, {"rows_max": 300}),
    }
    parts = ["# Query plans of conversation_store\n", "Written by `python -m bench.store --record`.\n"]
    for name, (statement, values) in statements.items():
        user_id = None if name.startswith("outbox") else OWNER
        async with client.store.database.transaction(user_id) as transaction:
            explain = f"explain (analyze, buffers, timing off) {statement.text}"
            rows = await transaction.connection.fetch(explain, *statement.arguments(values))
        parts.append(f"## {name}\n\n```\n" + "\n".join(row["QUERY PLAN"] for row in rows) + "\n```\n")
    return "\n".join(parts)


async def main(rows_count: int, samples: int, *, record: bool) -> None:
    async with seeded_store(rows_count) as client:
        version = await asyncpg_version(client)
        print(f"{version}; samples: {samples}")
        await measure_reads(client, samples)
        await measure_turns(client, samples)
        await measure_rate(client, 64 * 20)
        if record:
            PLANS.write_text(await plans(client))
            print(f"plans: {PLANS.name}")


async def asyncpg_version(client: Client) -> str:
    rows = await client.rows("select current_setting('server_version') as version")
    return f"Postgres {rows[0]['version']}, asyncpg {asyncpg.__version__}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--samples", type=int, default=500)
    parser.add_argument("--record", action="store_true")
    given = parser.parse_args()
    uvloop.run(main(given.rows, given.samples, record=given.record))
