"""A stand-in for a service, for tests of `natter up` itself: it is ready, answers on NATS, and does nothing else.

A file `<name>.json` in STAND_IN_DIRECTORY with `{"exit": 3, "say": "why"}` ends it at its start.
It writes its environment to `<name>.environment.json` there.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import nats
from nats.aio.msg import Msg

ANSWERING = ("conversation_store", "agent_runner")


async def answer_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok")
    await writer.drain()
    writer.close()


async def serve(name: str) -> None:
    for host, port in (("METRICS_HOST", "METRICS_PORT"), ("HTTP_HOST", "HTTP_PORT")):
        if port in os.environ:
            await asyncio.start_server(answer_http, os.environ[host], int(os.environ[port]))
    bus = await nats.connect(
        os.environ["NATS_URL"],
        user=os.environ.get("NATS_USER"),
        password=os.environ.get("NATS_PASSWORD"),
        inbox_prefix=f"_INBOX_{name}",
        max_reconnect_attempts=-1,
    )
    if name in ANSWERING:

        async def pong(message: Msg) -> None:
            await message.respond(json.dumps({"name": name, "id": str(os.getpid())}).encode())

        await bus.subscribe("$SRV.PING", cb=pong)
        await bus.flush()
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    sys.stdout.write("stand-in started\n")
    sys.stdout.flush()
    await stop.wait()
    sys.stdout.write("stand-in stopped\n")


def main(name: str) -> None:
    folder = Path(os.environ["STAND_IN_DIRECTORY"])
    once = sys.argv[1:] in (["migrate"], ["roles"])
    role = sys.argv[1] if once else name
    (folder / f"{role}.environment.json").write_text(json.dumps(dict(os.environ)))
    orders = folder / f"{name}.json"
    if orders.exists():
        order = json.loads(orders.read_text())
        sys.stdout.write(order["say"] + "\n")
        sys.exit(order["exit"])
    if not once:
        asyncio.run(serve(name))
