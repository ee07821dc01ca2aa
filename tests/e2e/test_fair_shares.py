"""One user's flood costs the others nothing that they notice."""

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest
from natter_testing.servers import temporary_directory
from natter_testing.stack import RunningNatter, natter_up

pytestmark = [pytest.mark.whole_path, pytest.mark.thorough]

READS = 60
READ_EVERY_SECONDS = 0.015
FLOODERS = 30
SLOWER_MAX = 3.0
MEASURED_SECONDS = 0.03
"""Below this it is the machine's turns among processes that are measured, whatever a read takes without the flood."""
BURST_SECONDS = 2.0
"""A minute's budget of turns may be spent at once, and all cores work on it; what counts is what comes after."""

FLOOD = """
import socket, sys, threading, time
host, port, times = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
request = sys.stdin.buffer.read()
def flood():
    for _ in range(times):
        with socket.create_connection((host, port)) as connection:
            connection.sendall(request)
            while connection.recv(65536):
                pass
threads = [threading.Thread(target=flood, daemon=True) for _ in range(int(sys.argv[4]))]
for thread in threads: thread.start()
print("flooding", flush=True)
for thread in threads: thread.join()
"""


@pytest.fixture(scope="module")
def natter() -> Iterator[RunningNatter]:
    with temporary_directory() as directory, natter_up(directory, environment={"AGENT_RUNNER_SLOTS": "4"}) as running:
        yield running


async def read_p95_seconds(natter: RunningNatter, user: str) -> float:
    """What 19 of 20 of the user's reads take at most."""
    async with httpx.AsyncClient(base_url=natter.edge_url, headers=natter.headers(user), trust_env=False) as client:
        taken: list[float] = []
        for _ in range(READS):
            began = time.perf_counter()
            assert (await client.get(f"/api/{user}/tasks")).status_code == 200
            taken.append(time.perf_counter() - began)
            await asyncio.sleep(READ_EVERY_SECONDS)
    return statistics.quantiles(taken, n=20)[-1]


@contextmanager
def flood(natter: RunningNatter, user: str, method: str, path: str, body: bytes) -> Iterator[None]:
    """The same request from thirty connections at once, by a process of its own, until the block ends."""
    url = httpx.URL(natter.edge_url)
    head = [
        f"{method} /api/{user}{path} HTTP/1.1",
        f"Host: {url.host}",
        f"Authorization: {natter.headers(user)['Authorization']}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
    ]
    arguments = [url.host, str(url.port), "100000", str(FLOODERS)]
    with subprocess.Popen(
        [sys.executable, "-c", FLOOD, *arguments], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\r\n".join([*head, "", ""]).encode() + body)
        process.stdin.close()
        process.stdout.readline()
        try:
            yield
        finally:
            process.kill()


def empty_parts() -> bytes:
    """832 KB of message parts with nothing in them."""
    content = [{"type": "input_text", "text": ""}] * 26_000
    sent = {"content": content, "attachments": [], "inference_options": {}}
    return json.dumps({"type": "threads.create", "params": {"input": sent}}, separators=(",", ":")).encode()


FLOODS = {
    "reads": ("GET", "/conversations", b""),
    "messages": ("POST", "/chat", b'{"message": "count to 3", "on_busy": "enqueue"}'),
    "empty parts": ("POST", "/chatkit", empty_parts()),
}


@pytest.mark.parametrize(
    "name",
    [
        "messages",
        pytest.param("reads", marks=pytest.mark.thorough),
        pytest.param("empty parts", marks=pytest.mark.thorough),
    ],
)
async def test_another_user_does_not_notice_a_flood(natter: RunningNatter, name: str) -> None:
    quiet = await read_p95_seconds(natter, "quiet")
    with flood(natter, f"flood-{name.replace(' ', '-')}", *FLOODS[name]):
        await asyncio.sleep(BURST_SECONDS)
        flooded = min([await read_p95_seconds(natter, "quiet") for _ in range(2)])
    print(f"{name}: {quiet * 1000:.1f} -> {flooded * 1000:.1f} ms")  # noqa: T201  the figures of a run
    assert flooded < max(SLOWER_MAX * quiet, MEASURED_SECONDS)
