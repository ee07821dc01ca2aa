"""The leader of FILES is lost while people upload to a cluster of three: what was answered is there, whole, on all."""

import asyncio
import hashlib
import json
import os
import sys
import time
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest
from contracts.streams import FILES
from file_store.store import CHUNK_BYTES
from natter.operator_bus import operator_bus, operator_settings
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up

from tests.fault.cluster.test_leader_killed import leader_of
from tests.fault.nemesis.faults import Fault, torment
from tests.fault.nemesis.history import History

UPLOADERS = 6
SIZE = 6 * CHUNK_BYTES + 17
SECONDS = 20.0
LOST_AT = (4.0, 12.0)
RECOVERY_SECONDS_MAX = 25.0


async def slowly(content: bytes) -> AsyncIterator[bytes]:
    """Over a second or so: there is always one in its middle."""
    for start in range(0, len(content), CHUNK_BYTES):
        yield content[start : start + CHUNK_BYTES]
        await asyncio.sleep(0.1)


async def uploaded(client: httpx.AsyncClient, user: str, headers: dict[str, str], content: bytes) -> str | None:
    """Its id; None where it has to be tried again. Who is refused in the middle of a body may hear no answer."""
    new = {"name": "a.txt", "size": len(content)}
    with suppress(httpx.TransportError):
        answer = await client.post(f"/api/{user}/attachments", json=new, headers=headers)
        if answer.status_code == 201:
            answer = await client.put(answer.json()["upload_descriptor"]["url"], content=slowly(content))
        if answer.status_code == 200:
            return answer.json()["id"]
        assert answer.status_code == 503, answer.text
    return None


async def upload_until(ended: asyncio.Event, natter: RunningNatter, number: int, kept: dict[str, str]) -> float:
    """One file after the other, each again until it is kept. Returns how long the longest of them took."""
    user, longest = f"uploader{number}", 0.0
    headers = natter.headers(user)
    async with httpx.AsyncClient(base_url=natter.edge_url, timeout=30, trust_env=False) as client:
        while not ended.is_set():
            content, began = os.urandom(SIZE).hex().encode(), time.monotonic()
            while (attachment_id := await uploaded(client, user, headers, content)) is None:
                await asyncio.sleep(0.2)
            longest = max(longest, time.monotonic() - began)
            kept[f"/api/{user}/attachments/{attachment_id}/content"] = hashlib.sha256(content).hexdigest()
    return longest


async def upload_and_lose_leaders(natter: RunningNatter) -> tuple[dict[str, str], float]:
    ended, kept, history = asyncio.Event(), dict[str, str](), History()
    async with operator_bus(operator_settings(natter.data_dir, None)) as bus, asyncio.TaskGroup() as group:
        uploading = [group.create_task(upload_until(ended, natter, number, kept)) for number in range(UPLOADERS)]
        began = time.monotonic()
        for at in LOST_AT:
            await asyncio.sleep(began + at - time.monotonic())
            await torment(natter, [Fault(0, await leader_of(bus, FILES.name), "kill -9")], history)
        await asyncio.sleep(began + SECONDS - time.monotonic())
        ended.set()
        await asyncio.wait(uploading)
        info = json.loads((await bus.client.request(f"$JS.API.STREAM.INFO.{FILES.name}", b"", timeout=5)).data)
        assert (info["config"]["num_replicas"], len(info["cluster"]["replicas"])) == (3, 2)
    return kept, max(task.result() for task in uploading)


async def check(natter: RunningNatter, kept: dict[str, str]) -> None:
    async with httpx.AsyncClient(base_url=natter.edge_url, timeout=30, trust_env=False) as client:
        for path, sha256 in kept.items():
            answer = await client.get(path, headers=natter.headers(path.split("/")[2]))
            assert (answer.status_code, hashlib.sha256(answer.content).hexdigest()) == (200, sha256), path


@pytest.mark.whole_path
@pytest.mark.thorough
@pytest.mark.timeout(240)
def test_files_that_were_taken_are_whole_whoever_led_when() -> None:
    arguments = (*WITHOUT_WEB, "--nats-cluster", "3", "--scale", "agent_runner=0")
    with temporary_directory() as directory, natter_up(directory / "data", *arguments) as natter:
        kept, longest = asyncio.run(upload_and_lose_leaders(natter))
        asyncio.run(check(natter, kept))
    sys.stdout.write(f"{len(kept)} files were kept, the longest took {longest:.1f} s\n")
    assert len({path.split("/")[2] for path in kept}) == UPLOADERS  # nobody is left behind
    assert longest < RECOVERY_SECONDS_MAX
