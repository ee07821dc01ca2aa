"""Measure files: `python -m bench.uploads`. A hundred megabytes through auth_edge, and fifty uploads beside answers.

A whole stack without its web app. Answers are of the demo model, a word every 20 ms; the time between two words is
taken where they are read, in another process than the one that uploads. That one stands for other people's machines,
so it takes only what time is left over (nice 19): at its full weight it is what the words would wait for. What uploads
cost us is the CPU of auth_edge and NATS. Rounds alone and beside uploads take turns, because a shared machine is never
the same for long. Figures go to stdout.
"""

import asyncio
import json
import os
import statistics
import time
from collections.abc import AsyncIterator
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context

import httpx
import psutil
from natter_testing.servers import temporary_directory
from natter_testing.stack import RunningNatter, natter_up

MEBIBYTE = 1024 * 1024
LARGE_BYTES = 100 * MEBIBYTE
UPLOADS, UPLOAD_BYTES = 50, 4 * MEBIBYTE
ANSWERS, WORDS = 20, 300
ROUNDS = 3
OTHERS_NICENESS = 19
PIECE = b"one line of a text that is long\n" * 2_048


async def pieces(size: int) -> AsyncIterator[bytes]:
    for start in range(0, size, len(PIECE)):
        yield PIECE[: size - start]


async def upload(client: httpx.AsyncClient, headers: dict[str, str], user: str, size: int) -> float:
    """Seconds that the bytes took."""
    new = {"name": "long.txt", "size": size}
    created = await client.post(f"/api/{user}/attachments", json=new, headers=headers)
    began = time.perf_counter()
    answer = await client.put(created.json()["upload_descriptor"]["url"], content=pieces(size))
    assert answer.status_code == 200, answer.text
    return time.perf_counter() - began


def upload_all(edge_url: str, headers: dict[str, dict[str, str]]) -> float:
    """Seconds that one upload of each of these users takes, all at once."""

    os.nice(OTHERS_NICENESS - os.nice(0))

    async def run() -> float:
        limits = httpx.Limits(max_connections=UPLOADS)
        async with httpx.AsyncClient(base_url=edge_url, timeout=120, limits=limits) as client:
            began = time.perf_counter()
            await asyncio.gather(*(upload(client, headers[user], user, UPLOAD_BYTES) for user in headers))
            return time.perf_counter() - began

    return asyncio.run(run())


async def gaps_of_answer(client: httpx.AsyncClient, natter: RunningNatter, user: str) -> list[float]:
    """Milliseconds between words of one answer, as they are read."""
    sent = {"message": f"count to {WORDS}"}
    turn = await client.post(f"/api/{user}/chat", json=sent, headers=natter.headers(user))
    times: list[float] = []
    async with client.stream("GET", turn.json()["stream_url"], headers=natter.headers(user)) as stream:
        async for line in stream.aiter_lines():
            if line.startswith("data:") and '"assistant_message.content_part.text_delta"' in line:
                times.append(time.perf_counter())
            elif line.startswith("data:") and json.loads(line[5:]).get("type") == "run.completed":
                break
    return [(after - before) * 1_000 for before, after in pairwise(times)]


async def answers(client: httpx.AsyncClient, natter: RunningNatter, name: str) -> list[float]:
    asked = [gaps_of_answer(client, natter, f"{name}{number}") for number in range(ANSWERS)]
    return [gap for answer in await asyncio.gather(*asked) for gap in answer]


def told(rounds: list[list[float]]) -> str:
    """Of all rounds together, and the p99 of each."""
    cuts = statistics.quantiles([gap for gaps in rounds for gap in gaps], n=100)
    each = ", ".join(f"{statistics.quantiles(gaps, n=100)[98]:.0f}" for gaps in rounds)
    return f"between two words p50 {cuts[49]:.1f} ms, p99 {cuts[98]:.1f} ms (by round: {each})"


def cpu_seconds(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


async def one_file(client: httpx.AsyncClient, natter: RunningNatter) -> None:
    edge, nats = psutil.Process(natter.pid("auth_edge")), psutil.Process(natter.pid("nats"))
    for round_number in range(ROUNDS):
        before, most, cpu = edge.memory_info().rss, 0, [cpu_seconds(edge), cpu_seconds(nats)]
        uploading = asyncio.create_task(upload(client, natter.headers("large"), "large", LARGE_BYTES))
        while not uploading.done():
            most = max(most, edge.memory_info().rss - before)
            await asyncio.sleep(0.02)
        of_edge, of_nats = cpu_seconds(edge) - cpu[0], cpu_seconds(nats) - cpu[1]
        print(
            f"100 MB, round {round_number + 1}: {100 / uploading.result():.0f} MB/s, auth_edge grows by "
            f"{most / MEBIBYTE:.1f} MB; CPU of auth_edge {of_edge:.2f} s, of NATS {of_nats:.2f} s"
        )


async def beside_answers(client: httpx.AsyncClient, natter: RunningNatter) -> None:
    users = {user: natter.headers(user) for user in (f"uploader{number}" for number in range(UPLOADS))}
    alone: list[list[float]] = []
    beside: list[list[float]] = []
    seconds: list[float] = []
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as other:
        for number in range(ROUNDS):
            alone.append(await answers(client, natter, f"alone{number}_"))
            uploads = asyncio.get_running_loop().run_in_executor(other, upload_all, natter.edge_url, users)
            beside.append(await answers(client, natter, f"beside{number}_"))
            seconds.append(await uploads)
    print(f"{ANSWERS} answers alone: {told(alone)}")
    print(f"beside {UPLOADS} uploads of 4 MB at once: {told(beside)}")
    print(f"all uploads within {', '.join(f'{one:.1f}' for one in seconds)} s")


async def measure(natter: RunningNatter) -> None:
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=natter.edge_url, timeout=120, limits=limits) as client:
        await one_file(client, natter)
        await beside_answers(client, natter)


def main() -> None:
    environment = {"AGENT_RUNNER_DEMO_WORD_DELAY_MS": "20", "AGENT_RUNNER_SLOTS": "64"}
    ports = ("--no-web", "--edge-port", "0", "--relay-port", "0")
    with temporary_directory() as directory, natter_up(directory, *ports, environment=environment) as natter:
        asyncio.run(measure(natter))


if __name__ == "__main__":
    main()
