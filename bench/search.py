"""Measure search in what was said: `python -m bench.search [--messages 100000] [--others 200000] [--samples 200]`.

A real Postgres that syncs to disk, the store in this process, asked over a real NATS server as auth_edge asks it. One
user has ``--messages`` messages of forty words, twenty others the rest; words are as frequent as in a language (Zipf).
Once by the role that `chat.search_messages` belongs to (ADR 34), and once without it.
"""

import argparse
import signal
import statistics
import time

import asyncpg
import uvloop
from contracts.identity import Principal
from contracts.queries import SearchMessages
from conversation_store.testing import Client, running_client, store_settings
from natter.servers.ports import free_port
from natter.servers.postgres import Postgres
from natter_testing.servers import RunningServer, migrate, start_nats, temporary_directory
from natter_testing.settings import Settings

MINE = Principal(user_id="mine")
OTHER_USERS = 20
VOCABULARY = 30_000
SEED = """
insert into chat.message (message_id, conversation_id, user_id, role, type, content, item, position, created_at)
select $1 || n, $1 || n % $3::int, $1, case n % 2 when 0 then 'user' else 'assistant' end,
       case n % 2 when 0 then 'user_message' else 'assistant_message' end,
       (select string_agg('w' || floor(exp(random() * ln($4::int)))::int, ' ') from generate_series(1, 40) where n > 0)
       || case when n % 500 = 7 then ' 渡轮中午出发' when n % 900 = 800 then ' zebra' else '' end,
       '{}', n, now() - n * interval '1 minute'
from generate_series(1, $2::int) n
"""
CASES = {
    "a word of a few messages": "w27123",
    "a word of every hundredth message": "w150",
    "a word of every two-hundredth message": "w777",
    "a word of every second message": "w2",
    "a word of almost all": "w1",
    "three words": "w40 w90 w700",
    "the beginning of a word": "w271",
    "a beginning that most messages hold": "w",
    "a letter that few messages hold": "z",
    "Chinese": "渡轮中午",
    "nothing": "nowhere",
}


async def seed(url: str, messages_count: int, others_count: int) -> None:
    connection = await asyncpg.connect(url, command_timeout=1800)
    try:
        await connection.execute("select set_config('app.system', 'on', false), setseed(0.5)")
        others = {f"other{number:02}": others_count // OTHER_USERS for number in range(OTHER_USERS)}
        for user, count in {"mine": messages_count, **others}.items():
            conversations = max(1, count // 20)
            await connection.execute('insert into chat."user" (user_id) values ($1)', user)
            await connection.execute(
                "insert into chat.conversation (conversation_id, user_id, title)"
                " select $1 || n, $1, 'about w' || n % 1000 from generate_series(0, $2::int - 1) n",
                user,
                conversations,
            )
            started = time.perf_counter()
            await connection.execute(SEED, user, count, conversations, VOCABULARY)
            print(f"{count} messages of {user} in {time.perf_counter() - started:.0f} s", flush=True)
        await connection.execute("vacuum analyze")
    finally:
        await connection.close()


async def measure(client: Client, samples: int) -> None:
    for name, words in CASES.items():
        seconds: list[float] = []
        found = ""
        for _ in range(samples):
            started = time.perf_counter()
            page = await client.ask(SearchMessages(principal=MINE, search=words))
            seconds.append(time.perf_counter() - started)
            found = f"{len(page.data)}{'+' if page.has_more else ''} found"
        centiles = [second * 1e3 for second in statistics.quantiles(seconds, n=100)]
        print(f"{name:<40} p50 {centiles[49]:6.1f} ms   p95 {centiles[94]:6.1f} ms   {found}", flush=True)


async def main(messages_count: int, others_count: int, samples: int) -> None:
    Settings.provide_secrets()
    with temporary_directory() as folder:
        server = Postgres(folder / "postgres", free_port(), "bench", durable=True)
        server.initialise()
        postgres = RunningServer(server, folder / "postgres.log", signal.SIGINT, server.run_as)
        postgres.start()
        server.create_roles_and_database()
        nats, accounts = start_nats(folder)
        try:
            migrate(server.url)
            await seed(server.url, messages_count, others_count)
            async with running_client(store_settings(accounts.new_url(), server.url), server.url) as client:
                print("by its role, as everywhere where that could be made")
                await measure(client, samples)
                await client.execute("alter function chat.search_messages(text, integer) owner to current_user")
                print("without it")
                await measure(client, max(20, samples // 5))
        finally:
            nats.stop()
            postgres.stop()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--others", type=int, default=200_000)
    parser.add_argument("--samples", type=int, default=200)
    given = parser.parse_args()
    uvloop.run(main(given.messages, given.others, given.samples))
