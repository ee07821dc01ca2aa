"""Measure search in what was said: `python -m bench.search [--messages 100000] [--others 200000] [--samples 200]`.

A whole `natter up` without its web app, asked over HTTP as the web app asks it: services that run as they do for
people. (A store in this process would look for garbage in all that the measurement has imported: 40 ms, and that was
what the slowest searches took when they were measured so.) One user has ``--messages`` messages of
forty words, twenty others the rest; words are as frequent as in a language (Zipf). Once by the role that
`chat.search_messages` belongs to (ADR 34), and once without it. Writes docs/bench/search.json.
"""

import argparse
import asyncio
import json
import time
from typing import Any

import asyncpg
import httpx
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, natter_up

from bench.loads import RESULTS, machine, percentiles

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
    "a letter that most messages hold": "w",
    "a letter that few messages hold": "z",
    "Chinese": "渡轮中午",
    "nothing": "nowhere",
}
WITHOUT_ITS_ROLE = "alter function chat.search_messages(text, integer) owner to current_user"


async def seed(connection: Any, messages_count: int, others_count: int) -> None:
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


def measure(client: httpx.Client, samples: int) -> dict[str, Any]:
    """Search for each of the cases, one after the other."""
    found: dict[str, Any] = {}
    for name, words in CASES.items():
        seconds: list[float] = []
        page: dict[str, Any] = {}
        for _ in range(samples):
            started = time.perf_counter()
            page = client.get("/search", params={"q": words}).raise_for_status().json()
            seconds.append(time.perf_counter() - started)
        found[name] = {**percentiles(seconds), "found": len(page["data"]), "has_more": page["has_more"]}
        more = "+" if page["has_more"] else ""
        of = found[name]
        print(f"{name:<40} p50 {of['p50']:6.1f} ms   p95 {of['p95']:6.1f} ms   {of['found']}{more} found", flush=True)
    return found


def main(messages_count: int, others_count: int, samples: int) -> None:
    environment = {"REQUESTS_PER_MINUTE_MAX": "1000000"}
    with (
        temporary_directory() as directory,
        natter_up(directory, *WITHOUT_WEB, environment=environment) as natter,
        asyncio.Runner() as runner,
    ):

        async def connect() -> Any:
            return await asyncpg.connect(natter.state.database_url, command_timeout=1800)

        connection = runner.run(connect())
        runner.run(seed(connection, messages_count, others_count))
        headers = {"Authorization": f"Bearer {natter.token('mine', 86_400)}"}
        with httpx.Client(base_url=f"{natter.edge_url}/api/mine", headers=headers, timeout=30) as client:
            found = {"machine": machine(), "messages": messages_count, "others": others_count, "samples": samples}
            print("by its role, as everywhere where that could be made")
            found["by its role"] = measure(client, samples)
            runner.run(connection.execute(WITHOUT_ITS_ROLE))
            print("without it")
            found["without it"] = measure(client, max(20, samples // 5))
        (RESULTS / "search.json").write_text(json.dumps(found, indent=1) + "\n")
        runner.run(connection.close())


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--messages", type=int, default=100_000)
    parser.add_argument("--others", type=int, default=200_000)
    parser.add_argument("--samples", type=int, default=200)
    given = parser.parse_args()
    main(given.messages, given.others, given.samples)
