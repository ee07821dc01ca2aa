"""What bench/relay.py measures with: a relay as a process of its own, runs to publish, viewers over sockets."""

import asyncio
import json
import os
import secrets
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from contracts.events import EPOCH_HEADER, ChatKitDelta
from contracts.services import Service
from contracts.subjects import subject_of
from identity.local_issuer import LocalIssuer
from natter.servers.ports import free_port
from natter_testing.servers import start_nats

ROOT = Path(__file__).parent.parent
STARTED_SECONDS_MAX = 15.0


@dataclass
class Bench:
    """A relay at work, and what the measurements need of it."""

    port: int
    process: psutil.Process
    bus: Bus
    issuer: LocalIssuer

    def cpu_seconds(self) -> float:
        """What the relay's process has used of a core: unlike a clock, hardly moved by what else the machine does."""
        times = self.process.cpu_times()
        return times.user + times.system

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
            "PRINCIPAL_SECRET": secrets.token_hex(32),
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
