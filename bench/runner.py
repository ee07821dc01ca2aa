"""Measure a run over the whole path against the stock ChatKit server: `python -m bench.runner`.

Same scripted model (the demo model's `count to N`), same Postgres, same machine, in turns. Ours: auth_edge,
conversation_store, agent_runner and stream_relay as processes over a real NATS. Figures: time from the request to the
first text delta; deltas (words of the model) for each CPU-second of all server processes, Postgres and NATS apart.
"""

import asyncio
import json
import os
import secrets
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil
from contracts.commands import CancelRun
from contracts.identity import Principal
from identity.local_issuer import LocalIssuer
from natter.servers.ports import free_port
from natter_testing.servers import migrate, start_nats, start_postgres
from natter_testing.settings import Settings as TestSettings

from tests.runner_stack import RunnerStack, Watched, runner_stack

FIRST_TOKENS = 60
WORDS = 2_000
RUNS = 8
PACED_WORDS = 100
PACED_RUNS = 30
PACED_DELAY_MS = 20
STOPS = 20
LIMITED = ("REQUESTS_PER_MINUTE_MAX", "TURNS_PER_MINUTE_MAX", "CONCURRENT_RUNS_MAX", "RELAY_STREAMS_PER_USER_MAX")
LIMITS = dict.fromkeys(LIMITED, "10000000")


@dataclass
class Server:
    """Somewhere to send a ChatKit request, and the processes that answer it."""

    name: str
    url: str
    relay_url: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    processes: dict[str, psutil.Process] = field(default_factory=dict)

    def cpu_seconds(self) -> dict[str, float]:
        return {name: cpu_seconds_of(process) for name, process in self.processes.items()}


def cpu_seconds_of(process: psutil.Process) -> float:
    """A process with its children: Postgres has one for each connection."""
    return sum(sum(one.cpu_times()[:2]) for one in (process, *process.children(recursive=True)))


@dataclass
class Answered:
    first_delta_seconds: float = 0.0
    words: int = 0
    deltas: int = 0


async def ask(http: httpx.AsyncClient, server: Server, text: str) -> Answered:
    """Post one new conversation and read its stream to the end."""
    content = [{"type": "input_text", "text": text}]
    message = {"content": content, "attachments": [], "quoted_text": None, "inference_options": {}}
    body = {"type": "threads.create", "params": {"input": message}}
    started = time.perf_counter()
    if not server.relay_url:
        async with http.stream("POST", server.url, json=body, headers=server.headers) as response:
            return await read(response, started)
    accepted = await http.post(server.url, json=body, headers=server.headers)
    assert accepted.status_code == 303, accepted.text
    location = f"{server.relay_url}{accepted.headers['location']}"
    async with http.stream("GET", location, headers=server.headers) as response:
        return await read(response, started)


async def read(response: httpx.Response, started: float) -> Answered:
    answered = Answered()
    assert response.status_code == 200, response.status_code
    async for line in response.aiter_lines():
        if '"assistant_message.content_part.text_delta"' in line:
            answered.deltas += 1
            if answered.deltas == 1:
                answered.first_delta_seconds = time.perf_counter() - started
            answered.words += len(json.loads(line.removeprefix("data:"))["update"]["delta"].split())
    assert answered.deltas, "a stream without a delta has no first one to measure"
    return answered


async def first_tokens(servers: list[Server]) -> dict[str, list[float]]:
    """In turns, one at a time, so that what else the machine does hits both."""
    seconds: dict[str, list[float]] = {server.name: [] for server in servers}
    async with httpx.AsyncClient(timeout=60) as http:
        for number in range(FIRST_TOKENS + 5):
            for server in servers:
                answered = await ask(http, server, "count to 5")
                if number >= 5:  # the first ones open connections
                    seconds[server.name].append(answered.first_delta_seconds)
    return seconds


async def throughput(server: Server, words: int, runs: int) -> dict[str, Any]:
    before, started = server.cpu_seconds(), time.perf_counter()
    async with httpx.AsyncClient(timeout=600) as http:
        answers = await asyncio.gather(*(ask(http, server, f"count to {words}") for _ in range(runs)))
    wall = time.perf_counter() - started
    cpu = {name: after - before[name] for name, after in server.cpu_seconds().items()}
    assert all(answer.words == words for answer in answers), [answer.words for answer in answers]
    shared = sum(value for name, value in cpu.items() if name in ("nats", "postgres"))
    total = words * runs
    return {
        "words": total,
        "sent": sum(answer.deltas for answer in answers),
        "wall_seconds": wall,
        "cpu": cpu,
        "words_per_cpu_second": total / (sum(cpu.values()) - shared),
        "words_per_cpu_second_with_nats_and_postgres": total / sum(cpu.values()),
    }


async def stops(stack: RunnerStack) -> list[float]:
    """From the cancel request to the stored end in DELTAS."""
    seconds: list[float] = []
    for number in range(STOPS):
        begun = await stack.begin(f"stop{number}", "count to 100000")
        while not Watched.of(await stack.deltas(f"stop{number}", begun)).viewer.texts():
            await asyncio.sleep(0.02)
        started = time.perf_counter()
        await stack.bus.request(CancelRun(principal=Principal(user_id=f"stop{number}"), run_id=begun.run_id))
        while Watched.of(await stack.deltas(f"stop{number}", begun)).end is None:
            await asyncio.sleep(0.002)
        seconds.append(time.perf_counter() - started)
    return seconds


@asynccontextmanager
async def both(folder: Path, delay_ms: int) -> AsyncIterator[tuple[Server, Server, RunnerStack]]:
    nats, accounts = start_nats(folder)
    postgres, databases = start_postgres(folder)
    try:
        url, stock_url = databases.create(), databases.create()
        await asyncio.to_thread(migrate, url)
        delay = str(delay_ms)
        own = runner_stack(
            folder, accounts.new_url(), url, warm=False, AGENT_RUNNER_DEMO_WORD_DELAY_MS=delay, LOG_LEVEL="warning"
        )
        async with own as stack:
            ours = await add_edge_and_relay(stack, folder)
            stock = await add_stock(stack, stock_url, delay_ms)
            assert nats.process is not None
            assert postgres.process is not None
            database = {"postgres": psutil.Process(postgres.process.pid)}
            stock.processes |= database
            ours.processes |= {"nats": psutil.Process(nats.process.pid), **database}
            yield ours, stock, stack
    finally:
        nats.stop()
        postgres.stop()


async def add_edge_and_relay(stack: RunnerStack, folder: Path) -> Server:
    issuer = LocalIssuer.open(folder / "issuer")
    ports = {"auth_edge": free_port(), "stream_relay": free_port()}
    secret = secrets.token_hex(32)
    for module, port in ports.items():
        own = {"HTTP_PORT": str(port), "JWT_JWKS_URL": issuer.jwks_url, "CHAT_TOKEN_SECRET": secret, **LIMITS}
        own |= TestSettings().shared_secrets
        stack.add_service(module, [module], own).start()
    for module in ports:
        await stack.services[module].wait_until_ready()
    names = ["store", "runner0", *ports]
    return Server(
        "natter",
        f"http://127.0.0.1:{ports['auth_edge']}/api/bench/chatkit",
        f"http://127.0.0.1:{ports['stream_relay']}",
        {"Authorization": f"Bearer {issuer.mint('bench', ttl_seconds=3600)}"},
        {name: process_of(stack, name) for name in names},
    )


async def add_stock(stack: RunnerStack, database_url: str, delay_ms: int) -> Server:
    port = free_port()
    own = {
        "DATABASE_URL": database_url,
        "PORT": str(port),
        "AGENT_RUNNER_DEMO_WORD_DELAY_MS": str(delay_ms),
        "PYTHONPATH": str(Path(__file__).parent.parent),
    }
    service = stack.add_service("stock", ["bench.runner_stock"], own)
    service.ready_port = port
    service.start()
    await service.wait_until_ready()
    return Server("stock ChatKit", f"http://127.0.0.1:{port}/chatkit", processes={"stock": process_of(stack, "stock")})


def process_of(stack: RunnerStack, name: str) -> psutil.Process:
    process = stack.services[name].process
    assert process is not None
    return psutil.Process(process.pid)


def show_seconds(name: str, seconds: list[float]) -> None:
    ordered = sorted(seconds)
    p50, p95 = statistics.median(ordered), ordered[int(len(ordered) * 0.95) - 1]
    print(f"{name:<42} p50 {p50 * 1000:7.1f} ms   p95 {p95 * 1000:7.1f} ms   n={len(ordered)}")


def show_throughput(name: str, figures: dict[str, Any]) -> None:
    cpu = "  ".join(f"{part} {value:.2f}" for part, value in figures["cpu"].items())
    print(
        f"{name:<16} {figures['words_per_cpu_second']:9.0f} words per CPU-second "
        f"({figures['words_per_cpu_second_with_nats_and_postgres']:.0f} with NATS and Postgres); "
        f"{figures['words']} words in {figures['sent']} deltas, {figures['wall_seconds']:.1f} s; CPU s: {cpu}"
    )


async def measure(delay_ms: int, words: int, runs: int, title: str) -> None:
    with tempfile.TemporaryDirectory(prefix="bench-runner-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        async with both(folder, delay_ms) as (ours, stock, stack):
            print(f"-- {title}")
            if delay_ms == 0:
                for server_name, seconds in (await first_tokens([stock, ours])).items():
                    show_seconds(f"first text delta, {server_name}", seconds)
            for server in (stock, ours):
                show_throughput(server.name, await throughput(server, words, runs))
            if delay_ms:
                show_seconds("stop: cancel to run.cancelled in DELTAS", await stops(stack))


async def main() -> None:
    print(f"machine: {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    await measure(0, WORDS, RUNS, f"as fast as it goes: {RUNS} runs of {WORDS} words at once")
    await measure(
        PACED_DELAY_MS,
        PACED_WORDS,
        PACED_RUNS,
        f"at a model's pace: {PACED_RUNS} runs of {PACED_WORDS} words at once, a word every {PACED_DELAY_MS} ms",
    )


if __name__ == "__main__":
    asyncio.run(main())
