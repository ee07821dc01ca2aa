"""Measure stream_relay: `python -m bench.relay [attach|idle|fanout|catchup …] [--response sse_starlette]`.

A real NATS server, the relay as a process of its own, and viewers over sockets in this one. Figures go to stdout.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import uvloop
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from contracts.events import EPOCH_HEADER, ChatKitDelta
from contracts.services import Service
from contracts.subjects import subject_of
from identity.local_issuer import LocalIssuer
from natter.servers.ports import free_port
from natter.testing import start_nats

ROOT = Path(__file__).parent.parent
STARTED_SECONDS_MAX = 15.0
IDLE_VIEWERS = 5000


@dataclass
class Bench:
    """A relay at work, and what the measurements need of it."""

    port: int
    process: psutil.Process
    bus: Bus
    issuer: LocalIssuer

    def request(self, path: str, user_id: str, last_event_id: str = "") -> bytes:
        place = f"Last-Event-ID: {last_event_id}\r\n" if last_event_id else ""
        token = self.issuer.mint(user_id)
        return f"GET {path} HTTP/1.1\r\nHost: relay\r\nAuthorization: Bearer {token}\r\n{place}\r\n".encode()


@asynccontextmanager
async def relay(response: str) -> AsyncIterator[Bench]:
    with tempfile.TemporaryDirectory(prefix="bench-relay-") as name:
        folder = Path(name)
        nats, accounts = start_nats(folder)
        issuer = LocalIssuer.open(folder / "issuer")
        url, port = accounts.new_url(), free_port()
        environment = os.environ | {
            "NATS_URL": url,
            "HTTP_PORT": str(port),
            "JWT_JWKS_URL": issuer.jwks_url,
            "CHAT_TOKEN_SECRET": secrets.token_hex(32),
            "RELAY_STREAMS_PER_USER_MAX": "100000",
            "LOG_LEVEL": os.environ.get("LOG_LEVEL", "error"),
        }
        async with Bus.open(ServiceSettings(nats_url=url), service=Service.AGENT_RUNNER) as bus:
            await provision(bus)
            command = [sys.executable, "-c", f"from bench.relay_server import main; main({response!r})"]
            process = await asyncio.create_subprocess_exec(*command, env=environment, cwd=ROOT)
            try:
                await until_open(port)
                yield Bench(port, psutil.Process(process.pid), bus, issuer)
            finally:
                process.send_signal(signal.SIGTERM)
                await process.wait()
        nats.stop()


async def until_open(port: int) -> None:
    async with asyncio.timeout(STARTED_SECONDS_MAX):
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                return


class Viewer(asyncio.Protocol):
    """A connection that sends one request and hands on what it gets."""

    def __init__(self, request: bytes, on_bytes: Callable[[bytes], None]) -> None:
        self._request = request
        self._on_bytes = on_bytes

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport
        transport.write(self._request)  # type: ignore[attr-defined]

    def data_received(self, data: bytes) -> None:
        self._on_bytes(data)


@dataclass
class Run:
    """A run that this process publishes."""

    bus: Bus
    user_id: str = "alice"
    run_id: str = field(default_factory=lambda: f"run_{secrets.token_hex(8)}")

    @property
    def path(self) -> str:
        return f"/api/{self.user_id}/runs/{self.run_id}/stream"

    async def begin(self) -> int:
        return await self._put({"type": "thread.item.done", "item": {"type": "user_message", "id": "msg_1"}}, None)

    async def say(self, text: str) -> int:
        update = {"type": "assistant_message.content_part.text_delta", "content_index": 0, "delta": text}
        return await self._put({"type": "thread.item.updated", "item_id": "msg_2", "update": update}, "1")

    async def _put(self, event: dict[str, object], epoch: str | None) -> int:
        subject = subject_of(ChatKitDelta, user_id=self.user_id, conversation_id="conv_1", run_id=self.run_id)
        headers = {EPOCH_HEADER: epoch} if epoch else None
        return (await self.bus.publish_stored(subject, json.dumps(event).encode(), headers)).sequence


async def first_bytes(bench: Bench, path: str, wanted: bytes, *, last_event_id: str = "", user: str = "alice") -> float:
    """Milliseconds from sending a request on a new connection until ``wanted`` is there."""
    arrived = asyncio.get_running_loop().create_future()
    seen = bytearray()

    def on_bytes(data: bytes) -> None:
        seen.extend(data)
        if wanted in seen and not arrived.done():
            arrived.set_result(time.perf_counter())

    request = bench.request(path, user, last_event_id)
    loop = asyncio.get_running_loop()
    started = time.perf_counter()
    transport, _ = await loop.create_connection(lambda: Viewer(request, on_bytes), "127.0.0.1", bench.port)
    async with asyncio.timeout(10):
        ended = await arrived
    transport.close()
    return (ended - started) * 1000


async def attach(bench: Bench) -> dict[str, float]:
    """From the request to the first byte of the body, each with a viewer that is the run's first and only one."""
    times: list[float] = []
    for _ in range(300):
        run = Run(bench.bus)
        await run.begin()
        await run.say("hello")
        times.append(await first_bytes(bench, run.path, b"retry:"))
    run, shared = Run(bench.bus), []
    await run.begin()
    shared = [await first_bytes(bench, run.path, b"retry:") for _ in range(300)]
    return {**of("attach_ms", times), **of("attach_shared_ms", shared)}


async def catchup(bench: Bench) -> dict[str, float]:
    """From the request until the last of 600 deltas is there."""
    run = Run(bench.bus)
    await run.begin()
    for number in range(599):
        await run.say(f"word{number} ")
    last = await run.say("the-end")
    times = [await first_bytes(bench, run.path, b"the-end") for _ in range(60)]
    first = last - 599
    before = cpu_seconds(bench)
    resumed = [await first_bytes(bench, run.path, b"the-end", last_event_id=str(first)) for _ in range(60)]
    cpu_ms = (cpu_seconds(bench) - before) / len(resumed) * 1000
    return {**of("catchup_600_ms", times), **of("catchup_600_resumed_ms", resumed), "catchup_600_cpu_ms": cpu_ms}


def cpu_seconds(bench: Bench) -> float:
    """What the relay's process has used of a core: unlike a clock, hardly moved by what else the machine does."""
    times = bench.process.cpu_times()
    return times.user + times.system


async def idle(bench: Bench) -> dict[str, float]:
    """Memory of a viewer that has nothing to see: each of a user of its own, so each with a subscription."""
    wanted = [(f"/api/user{number}/stream", f"user{number}") for number in range(IDLE_VIEWERS)]
    return await idle_figures(bench, "idle", wanted)


async def idle_shared(bench: Bench) -> dict[str, float]:
    """The same where all look at one run, over one subscription."""
    run = Run(bench.bus)
    await run.begin()
    return await idle_figures(bench, "idle_shared", [(run.path, "alice")] * IDLE_VIEWERS)


async def idle_figures(bench: Bench, name: str, wanted: list[tuple[str, str]]) -> dict[str, float]:
    first = await open_many(bench, wanted[:1])
    before = bench.process.memory_info().rss
    started = time.perf_counter()
    transports = first + await open_many(bench, wanted[1:])
    opened_seconds = time.perf_counter() - started
    await asyncio.sleep(2)
    cpu = cpu_seconds(bench)
    await asyncio.sleep(15)
    figures = {
        f"{name}_kib_per_viewer": (bench.process.memory_info().rss - before) / IDLE_VIEWERS / 1024,
        f"{name}_cpu_percent": (cpu_seconds(bench) - cpu) / 15 * 100,
        f"{name}_opened_per_second": IDLE_VIEWERS / opened_seconds,
    }
    for transport in transports:
        transport.close()
    return figures


async def open_many(bench: Bench, wanted: list[tuple[str, str]]) -> list[asyncio.Transport]:
    loop = asyncio.get_running_loop()
    transports: list[asyncio.Transport] = []
    at_once = asyncio.Semaphore(32)

    async def one(path: str, user_id: str) -> None:
        arrived = loop.create_future()

        def on_bytes(data: bytes) -> None:
            if arrived.done():
                return
            if data.startswith(b"HTTP/1.1 200"):
                arrived.set_result(None)
            else:
                arrived.set_exception(RuntimeError(data.decode()))

        async with at_once:
            request = bench.request(path, user_id)
            transport, _ = await loop.create_connection(lambda: Viewer(request, on_bytes), "127.0.0.1", bench.port)
            async with asyncio.timeout(30):
                await arrived
            transports.append(transport)

    await asyncio.gather(*(one(path, user_id) for path, user_id in wanted))
    return transports


async def fanout(bench: Bench, viewers_count: int = 1000, per_second: int = 50, seconds: int = 10) -> dict[str, float]:
    """From publishing a delta until each viewer has it, with publisher, NATS, relay and viewers on this machine."""
    run = Run(bench.bus)
    await run.begin()
    lags: list[float] = []
    counts = [0] * viewers_count
    loop = asyncio.get_running_loop()
    transports: list[asyncio.Transport] = []

    def viewer(number: int) -> Viewer:
        rest = b""

        def on_bytes(data: bytes) -> None:
            nonlocal rest
            now = time.perf_counter_ns()
            parts = (rest + data).split(b"@")
            rest = parts.pop() if len(parts) % 2 else b"@".join((parts.pop(-2), parts.pop()))
            for stamp in parts[1::2]:
                lags.append((now - int(stamp)) / 1e6)
                counts[number] += 1

        return Viewer(bench.request(run.path, "alice"), on_bytes)

    for number in range(viewers_count):
        transport, _ = await loop.create_connection(lambda number=number: viewer(number), "127.0.0.1", bench.port)
        transports.append(transport)
    await asyncio.sleep(2)
    cpu, started = cpu_seconds(bench), time.perf_counter()
    for number in range(per_second * seconds):
        await asyncio.sleep(max(0, started + number / per_second - time.perf_counter()))
        await run.say(f"@{time.perf_counter_ns()}@")
    took = time.perf_counter() - started
    await asyncio.sleep(5)
    used_seconds = cpu_seconds(bench) - cpu
    for transport in transports:
        transport.close()
    complete = sum(count == per_second * seconds for count in counts)
    return {
        **of("fanout_lag_ms", lags),
        "fanout_complete_viewers": complete,
        "fanout_cpu_us_per_viewer_and_delta": used_seconds / len(lags) * 1e6,
        "fanout_relay_cpu_percent": used_seconds / took * 100,
    }


def of(name: str, values: list[float]) -> dict[str, float]:
    ordered = sorted(values)
    return {
        f"{name}_p50": statistics.median(ordered),
        f"{name}_p99": ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))],
    }


MEASUREMENTS = {"attach": attach, "catchup": catchup, "fanout": fanout, "idle": idle, "idle_shared": idle_shared}


async def measure(names: list[str], response: str = "own") -> dict[str, float]:
    """Run measurements, each with a relay of its own; figures by name."""
    figures: dict[str, float] = {}
    for name in names:
        async with relay(response) as bench:
            figures |= await MEASUREMENTS[name](bench)
    return figures


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", choices=[[], *MEASUREMENTS], default=[])
    parser.add_argument("--response", choices=["own", "sse_starlette"], default="own")
    arguments = parser.parse_args()
    figures = uvloop.run(measure(arguments.names or list(MEASUREMENTS), arguments.response))
    for name, value in figures.items():
        print(f"{name:40} {value:10.2f}")


if __name__ == "__main__":
    main()
