"""What dies in the middle of an upload: the object store, the store, a tab. Nothing half is shown; again is enough."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from auth_edge.testing import RunningEdge, running_edge
from contracts.services import Service
from conversation_store.app import open_store
from conversation_store.settings import Settings as StoreSettings
from file_store.store import CHUNK_BYTES
from natter_testing.servers import NATS_ACCOUNTS, start_nats

CONTENT = b"a line of text\n" * (8 * CHUNK_BYTES // 15)


async def until(event: asyncio.Event, content: bytes = CONTENT) -> AsyncIterator[bytes]:
    """Half of it, then a pause until the event, then the rest."""
    half = len(content) // 2
    yield content[:half]
    await event.wait()
    yield content[half:]


async def created(edge: RunningEdge) -> dict[str, Any]:
    answer = await edge.call("POST", "/attachments", json={"name": "a.txt", "size": len(CONTENT)})
    assert answer.status_code == 201, answer.text
    return answer.json()


async def put(edge: RunningEdge, attachment: dict[str, Any], content: Any) -> httpx.Response:
    descriptor = attachment["upload_descriptor"]
    return await edge.client.put(descriptor["url"], content=content, headers=descriptor["headers"])


async def is_whole(edge: RunningEdge, attachment: dict[str, Any]) -> bool:
    answer = await edge.call("GET", f"/attachments/{attachment['id']}/content")
    return answer.status_code == 200 and answer.content == CONTENT


@pytest.mark.slow
async def test_nats_is_killed_in_the_middle_of_an_upload(tmp_path: Path, database_url: str) -> None:
    nats, accounts = start_nats(tmp_path)
    try:
        url = accounts.url_of(NATS_ACCOUNTS[0])
        async with Bus.open(ServiceSettings(nats_url=url), service=Service.OPERATOR) as bus:
            await provision(bus)
        settings = StoreSettings.model_validate({"nats_url": url, "database_url": database_url})
        async with open_store(settings), running_edge(url, tmp_path) as edge:
            attachment, died = await created(edge), asyncio.Event()
            uploading = asyncio.create_task(put(edge, attachment, until(died)))
            await asyncio.sleep(0.3)
            await asyncio.to_thread(nats.kill)
            died.set()
            broken = await uploading
            assert (broken.status_code, broken.json()["code"]) == (503, "file_store_unavailable")
            await asyncio.to_thread(nats.start)
            async with asyncio.timeout(20):
                while (await put(edge, attachment, CONTENT)).status_code != 200:
                    await asyncio.sleep(0.2)
            assert await is_whole(edge, attachment)
    finally:
        nats.stop()


async def test_the_store_is_away_when_an_upload_ends_and_the_upload_is_sent_again(
    nats_url: str, database_url: str, tmp_path: Path
) -> None:
    async with Bus.open(ServiceSettings(nats_url=nats_url), service=Service.OPERATOR) as bus:
        await provision(bus)
    settings = StoreSettings.model_validate({"nats_url": nats_url, "database_url": database_url})
    async with running_edge(nats_url, tmp_path) as edge:
        gone = asyncio.Event()
        async with open_store(settings):
            attachment = await created(edge)
            uploading = asyncio.create_task(put(edge, attachment, until(gone)))
            await asyncio.sleep(0.3)
        gone.set()
        unfinished = await uploading
        assert (unfinished.status_code, unfinished.json()["code"]) == (503, "store_unavailable")
        async with open_store(settings) as store:
            assert (await edge.call("GET", f"/attachments/{attachment['id']}")).json()["state"] == "pending"
            assert (await put(edge, attachment, CONTENT)).status_code == 200
            assert await is_whole(edge, attachment)
            await edge.call("DELETE", f"/attachments/{attachment['id']}")
            files = store.sweeper.files
            await files.delete_due()
            assert [key async for key in files.files.all_keys()] == []  # of neither upload


async def test_a_tab_that_closes_leaves_no_file_and_another_tab_s_upload_counts(
    nats_url: str, database_url: str, tmp_path: Path
) -> None:
    async with Bus.open(ServiceSettings(nats_url=nats_url), service=Service.OPERATOR) as bus:
        await provision(bus)
    settings = StoreSettings.model_validate({"nats_url": nats_url, "database_url": database_url})
    async with open_store(settings), running_edge(nats_url, tmp_path) as edge:
        attachment, never = await created(edge), asyncio.Event()
        closing = asyncio.create_task(put(edge, attachment, until(never)))
        await asyncio.sleep(0.3)
        assert not await is_whole(edge, attachment)
        closing.cancel()
        await asyncio.gather(closing, return_exceptions=True)
        both = await asyncio.gather(*(put(edge, attachment, CONTENT) for _ in range(2)))
        assert [answer.status_code for answer in both] == [200, 200]
        assert len({answer.json()["sha256"] for answer in both}) == 1
        assert await is_whole(edge, attachment)
