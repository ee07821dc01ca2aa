"""Measure auth_edge: `python -m bench.edge [--seconds 5] [--connections 32]`.

Real NATS, Postgres and conversation_store, and auth_edge as one process; requests over sockets from this one.
Everything shares the machine's cores, so the rate is that of the whole chain. Figures go to stdout.
"""

import argparse
import asyncio
import json
import os
import secrets
import signal
import statistics
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import uvloop
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from auth_edge import translate
from contracts.identity import Principal
from contracts.queries import ListConversations, ListTasks
from contracts.services import Service
from identity import IdentitySettings, open_verifier
from identity.local_issuer import LocalIssuer
from natter.servers.ports import free_port
from natter_testing.servers import migrate, start_nats, start_postgres, temporary_directory

STARTED_SECONDS_MAX = 30.0
SAMPLES = 500
USER = "alice"


@dataclass
class Bench:
    """The edge at work, and what the measurements need of it."""

    port: int
    edge: psutil.Process
    bus: Bus
    issuer: LocalIssuer

    def get(self, path: str) -> bytes:
        return self._request("GET", path, b"")

    def post(self, path: str, body: bytes) -> bytes:
        return self._request("POST", path, body)

    def _request(self, method: str, path: str, body: bytes) -> bytes:
        head = (
            f"{method} /api/{USER}{path} HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {self.issuer.mint(USER)}\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        return head.encode() + body


class Connection:
    """One keep-alive connection, as cheap as it can be, so that the client is not what is measured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    @classmethod
    async def open(cls, port: int) -> "Connection":
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def ask(self, request: bytes) -> int:
        """Send, read the whole answer, return its status."""
        self.writer.write(request)
        head = (await self.reader.readuntil(b"\r\n\r\n")).lower()
        if b"content-length: " in head:
            length = int(head.split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
            await self.reader.readexactly(length)
        return int(head[9:12])


@asynccontextmanager
async def process(module: str, port: int, environment: dict[str, str]) -> AsyncIterator[psutil.Process]:
    started = await asyncio.create_subprocess_exec(sys.executable, "-m", module, env=os.environ | environment)
    try:
        deadline = time.monotonic() + STARTED_SECONDS_MAX
        while not await is_ready(port):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{module} is not ready")
            await asyncio.sleep(0.1)
        yield psutil.Process(started.pid)
    finally:
        started.send_signal(signal.SIGTERM)
        await started.wait()


async def is_ready(port: int) -> bool:
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET /readyz HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n")
        answer = await reader.read()
        writer.close()
    except OSError:
        return False
    return answer.startswith(b"HTTP/1.1 200")


@asynccontextmanager
async def chain(folder: Path) -> AsyncIterator[Bench]:
    nats, accounts = start_nats(folder)
    postgres, databases = start_postgres(folder)
    try:
        database_url, nats_url = databases.create(), accounts.new_url()
        await asyncio.to_thread(migrate, database_url)
        issuer, port, store_port = LocalIssuer.open(folder / "issuer"), free_port(), free_port()
        common = {"NATS_URL": nats_url, "LOG_LEVEL": "warning", "PRINCIPAL_SECRET": secrets.token_hex(32)}
        store = {
            **common,
            "DATABASE_URL": database_url,
            "METRICS_PORT": str(store_port),
            "RUN_TOKEN_SECRET": secrets.token_hex(32),
        }
        limits = dict.fromkeys(("REQUESTS_PER_MINUTE_MAX", "TURNS_PER_MINUTE_MAX", "CONCURRENT_RUNS_MAX"), "10000000")
        edge = {
            **common,
            **limits,
            "HTTP_PORT": str(port),
            "JWT_JWKS_URL": issuer.jwks_url,
            "CHAT_TOKEN_SECRET": secrets.token_hex(32),
        }
        async with Bus.open(ServiceSettings.model_validate(common), service=Service.OPERATOR) as bus:
            await provision(bus)
            async with (
                process("conversation_store", store_port, store),
                process("auth_edge", port, edge) as running,
            ):
                yield Bench(port, running, bus, issuer)
    finally:
        postgres.stop()
        nats.stop()


def milliseconds(samples: list[float]) -> str:
    ordered = sorted(samples)
    p99 = ordered[int(len(ordered) * 0.99)]
    return f"p50 {statistics.median(ordered) * 1000:.2f} ms, p99 {p99 * 1000:.2f} ms"


async def latency(bench: Bench) -> None:
    """One request at a time: over HTTP, and the same question straight over the bus. The difference is the edge."""
    connection = await Connection.open(bench.port)
    principal = Principal(user_id=USER)
    requests = {
        "GET /tasks": (bench.get("/tasks"), ListTasks(principal=principal)),
        "chatkit threads.list": (
            bench.post("/chatkit", b'{"type":"threads.list","params":{"limit":20}}'),
            ListConversations(principal=principal),
        ),
    }
    for name, (request, query) in requests.items():
        over_http: list[float] = []
        over_bus: list[float] = []
        for _ in range(SAMPLES):  # in turn, so that both see the same machine
            started = time.perf_counter()
            status = await connection.ask(request)
            over_http.append(time.perf_counter() - started)
            assert status == 200, status
            started = time.perf_counter()
            await bench.bus.request(query)
            over_bus.append(time.perf_counter() - started)
        own = statistics.median(over_http) - statistics.median(over_bus)
        print(f"{name}: {milliseconds(over_http)}; store over the bus: {milliseconds(over_bus)}")
        print(f"{name}: the edge's own part: {own * 1000:.2f} ms p50")


async def turns(bench: Bench) -> None:
    """Messages accepted: each is a transaction of the store."""
    connection = await Connection.open(bench.port)
    request = bench.post("/chat", b'{"message":"hello"}')
    samples: list[float] = []
    for _ in range(SAMPLES // 2):
        started = time.perf_counter()
        status = await connection.ask(request)
        samples.append(time.perf_counter() - started)
        assert status == 202, status
    print(f"POST /chat: {milliseconds(samples)}")


async def rate(bench: Bench, seconds: float, connections: int) -> None:
    """Reads from many connections at once."""
    opened = [await Connection.open(bench.port) for _ in range(connections)]
    request = bench.get("/tasks")
    ends_at = time.monotonic() + seconds
    counts = dict[int, int]()

    async def read(connection: Connection) -> None:
        while time.monotonic() < ends_at:
            status = await connection.ask(request)
            counts[status] = counts.get(status, 0) + 1

    before, started = bench.edge.cpu_times(), time.monotonic()
    await asyncio.gather(*(read(connection) for connection in opened))
    elapsed, after = time.monotonic() - started, bench.edge.cpu_times()
    done = counts.get(200, 0)
    cpu_seconds = after.user + after.system - before.user - before.system
    print(f"GET /tasks, {connections} connections: {done / elapsed:.0f} reads/s (answers by status: {counts})")
    print(f"the edge's CPU: {cpu_seconds / done * 1000:.2f} ms a read, so {done / cpu_seconds:.0f} reads/s a core")


async def parts(bench: Bench) -> None:
    """What the edge does without the bus."""
    values = {"jwt_jwks_url": bench.issuer.jwks_url, "chat_token_secret": secrets.token_hex(32)}
    sent = {"content": [{"type": "input_text", "text": "hello"}], "attachments": [], "inference_options": {}}
    params = {"thread_id": "conv_1", "input": sent}
    body = json.dumps({"type": "threads.add_user_message", "params": params}).encode()
    async with open_verifier(IdentitySettings.model_validate(values)) as verifier:
        token = bench.issuer.mint(USER)
        started = time.perf_counter()
        for _ in range(SAMPLES):
            await verifier.verify(token)
        verify = (time.perf_counter() - started) / SAMPLES
    started = time.perf_counter()
    for _ in range(SAMPLES):
        translate.parse_request(body)
    parse = (time.perf_counter() - started) / SAMPLES
    print(f"verify an EdDSA token: {verify * 1e6:.0f} µs; parse a ChatKit request: {parse * 1e6:.0f} µs")


async def main(arguments: argparse.Namespace) -> None:
    with temporary_directory() as folder:
        async with chain(folder) as bench:
            await parts(bench)
            await latency(bench)
            await rate(bench, arguments.seconds, arguments.connections)
            await turns(bench)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--connections", type=int, default=32)
    uvloop.run(main(parser.parse_args()))
