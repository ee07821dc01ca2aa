"""Both stores, on a real NATS and a real server of S3: what is put is read again, in parts too, by us and by others."""

import asyncio
import hashlib
import io
import os
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime

import httpx
import nats
import pytest
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from contracts.errors import Code, RetryableError, TerminalError
from contracts.ids import new_attachment_id, new_file_key
from contracts.services import Service
from contracts.streams import FILES, FILES_BUCKET
from file_store import BytesRange, FileStore, FileStoreSettings
from file_store.nats_store import NatsFileStore
from file_store.s3_store import S3FileStore
from file_store.signed_address import Signer
from file_store.store import CHUNK_BYTES, incoming_key
from pydantic import SecretStr

from tests.s3_server.server import BUCKET, is_installed, s3_server

CONTENT = os.urandom(20 * CHUNK_BYTES + 321)


@pytest.fixture
async def nats_store(nats_url: str) -> AsyncIterator[NatsFileStore]:
    async with Bus.open(ServiceSettings(nats_url=nats_url), service=Service.CONVERSATION_STORE) as bus:
        await provision(bus)
        yield NatsFileStore(bus)


@pytest.fixture(scope="module")
def s3_url() -> Iterator[str]:
    with s3_server() as url:
        yield url


def s3_store(url: str, bucket: str = BUCKET, public_url: str = "") -> S3FileStore:
    settings = FileStoreSettings(
        file_store_url=f"s3://{bucket}?endpoint={url}",
        file_store_public_url=public_url,
        file_store_access_key_id="test",
        file_store_secret_access_key=SecretStr("test"),
    )
    return S3FileStore.open(settings)


@pytest.fixture(params=["nats", "s3"])
def store(request: pytest.FixtureRequest) -> FileStore:
    if request.param == "nats":
        return request.getfixturevalue("nats_store")
    if not is_installed():
        pytest.skip("moto is not installed: make test-tools")
    url: str = request.getfixturevalue("s3_url")
    bucket = f"b{new_attachment_id()[4:]}"
    httpx.put(f"{url}/{bucket}").raise_for_status()
    return s3_store(url, bucket)


async def pieces(content: bytes, size: int = 70_001) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def joined(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def test_a_file_and_any_part_of_it_is_read_as_it_was_put(store: FileStore) -> None:
    key = new_file_key(new_attachment_id())
    stored = await store.put(key, pieces(CONTENT), bytes_max=len(CONTENT))
    assert (stored.size_bytes, stored.sha256) == (len(CONTENT), hashlib.sha256(CONTENT).hexdigest())
    other = new_file_key(new_attachment_id())
    await store.put(other, pieces(b"other"), bytes_max=5)
    assert await joined(store.read(key)) == CONTENT
    last = len(CONTENT) - 1
    parts = [(0, 0), (last, last), (CHUNK_BYTES - 1, CHUNK_BYTES), (17 * CHUNK_BYTES + 5, last), (5, 17 * CHUNK_BYTES)]
    for first, end in parts:
        assert await joined(store.read(key, BytesRange(first, end))) == CONTENT[first : end + 1], (first, end)
    assert {found async for found in store.all_keys()} == {key, other}


async def test_nats_own_client_reads_what_we_put(nats_store: NatsFileStore, nats_url: str) -> None:
    key = new_file_key(new_attachment_id())
    await nats_store.put(key, pieces(CONTENT), bytes_max=len(CONTENT))
    client = await nats.connect(nats_url)
    bucket = await client.jetstream().object_store(FILES_BUCKET)
    read = io.BytesIO()
    await bucket.get(key, writeinto=read)
    assert read.getvalue() == CONTENT
    assert [info.name for info in await bucket.list()] == [key]
    await client.close()


async def test_an_upload_that_breaks_off_is_no_file_and_can_be_deleted(store: FileStore) -> None:
    attachment_id = new_attachment_id()
    broken, whole = new_file_key(attachment_id), new_file_key(attachment_id)

    async def breaks_off() -> AsyncIterator[bytes]:
        yield CONTENT
        raise TerminalError(Code.CLIENT_DISCONNECTED, "gone")

    with pytest.raises(TerminalError, match="gone"):
        await store.put(broken, breaks_off(), bytes_max=len(CONTENT))
    with pytest.raises(TerminalError, match="not_found"):
        await joined(store.read(broken))
    await store.put(whole, pieces(b"whole"), bytes_max=100)
    left_of_it = set() if isinstance(store, S3FileStore) else {broken}
    assert {key async for key in store.all_keys()} == {whole} | left_of_it
    await store.delete(attachment_id)
    assert {key async for key in store.all_keys()} == set()
    if isinstance(store, NatsFileStore):
        assert await store.bus.direct_get(FILES.name, "$O.>", batch_max=1) == ([], 0)
    await store.delete(attachment_id)  # there is nothing, and that is no error


async def test_one_upload_is_deleted_without_the_other(store: FileStore) -> None:
    attachment_id = new_attachment_id()
    first, second = new_file_key(attachment_id), new_file_key(attachment_id)
    for key in (first, second):
        await store.put(key, pieces(CONTENT), bytes_max=len(CONTENT))
    await store.delete(first)
    assert {key async for key in store.all_keys()} == {second}
    assert await joined(store.read(second)) == CONTENT


async def test_no_more_is_taken_than_is_allowed(store: FileStore) -> None:
    with pytest.raises(TerminalError) as refused:
        await store.put(new_file_key(new_attachment_id()), pieces(CONTENT), bytes_max=CHUNK_BYTES)
    assert refused.value.code == Code.PAYLOAD_TOO_LARGE


async def test_what_was_changed_in_the_bucket_is_not_passed_on_as_the_file(nats_store: NatsFileStore) -> None:
    key = new_file_key(new_attachment_id())
    await nats_store.put(key, pieces(CONTENT), bytes_max=len(CONTENT))
    chunks, _ = await nats_store.bus.direct_get(FILES.name, f"$O.{FILES_BUCKET}.C.>", batch_max=1)
    await nats_store.bus.client.request(
        f"$JS.API.STREAM.MSG.DELETE.{FILES.name}", f'{{"seq": {chunks[0].sequence}}}'.encode(), timeout=5
    )
    with pytest.raises(RetryableError, match="holes"):
        async with asyncio.timeout(20):
            await joined(nats_store.read(key))


def test_an_address_is_signed_as_the_example_of_the_specification() -> None:
    """Of "Authenticating Requests: Using Query Parameters (AWS Signature Version 4)"."""
    secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    signer = Signer("https://examplebucket.s3.amazonaws.com", "us-east-1", "AKIAIOSFODNN7EXAMPLE", secret)
    address = signer.address("GET", "test.txt", seconds=86_400, now=datetime(2013, 5, 24, tzinfo=UTC))
    assert address.endswith("Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


async def test_s3_gives_a_browser_addresses_for_one_file_as_it_was_said_and_for_a_while(s3_url: str) -> None:
    if not is_installed():
        pytest.skip("moto is not installed: make test-tools")
    store, key = s3_store(s3_url, public_url=f"{s3_url}/{BUCKET}"), incoming_key(new_attachment_id())
    upload = store.upload_url(key, size_bytes=5, mime_type="text/plain", seconds=60)
    answered = {"Content-Type": "text/plain", "Content-Disposition": "attachment; filename*=UTF-8''%C3%A4.txt"}
    read = store.download_url(key, {**answered, "ETag": "1"}, seconds=60)
    late = store.download_url(key, answered, seconds=0)
    assert upload is not None
    assert read is not None
    assert late is not None
    async with httpx.AsyncClient() as browser:
        too_long = await browser.put(upload.url, content=b"hello!", headers=upload.headers)
        another_type = await browser.put(upload.url, content=b"hello", headers={"Content-Type": "text/html"})
        another_file = await browser.put(upload.url.replace(key, key + "0"), content=b"hello", headers=upload.headers)
        assert [one.status_code for one in (too_long, another_type, another_file)] == [403, 403, 403]
        assert (await browser.put(upload.url, content=b"hello", headers=upload.headers)).status_code == 200
        answer = await browser.get(read)
        assert answer.content == b"hello"
        assert {name: answer.headers[name] for name in answered} == answered
        await asyncio.sleep(1.1)
        expired = await browser.get(late)
        assert (expired.status_code, expired.text) == (403, "Request has expired")
        assert (await browser.delete(read)).status_code == 403
    assert s3_store(s3_url).download_url(key, answered, seconds=60) is None


def test_an_address_for_browsers_needs_a_store_that_can_sign() -> None:
    for more in ({}, {"file_store_url": "s3://bucket"}):
        with pytest.raises(ValueError, match="FILE_STORE_SECRET_ACCESS_KEY"):
            FileStoreSettings.model_validate({"file_store_public_url": "https://files.example.org", **more})


async def test_a_store_that_is_away_says_so(s3_url: str, nats_store: NatsFileStore) -> None:
    gone = s3_store("http://127.0.0.1:9")
    await nats_store.bus.drain()
    for store in (gone, nats_store):
        key = new_file_key(new_attachment_id())
        with pytest.raises(RetryableError) as away:
            await store.put(key, pieces(b"hello"), bytes_max=5)
        assert away.value.code == Code.FILE_STORE_UNAVAILABLE
        with pytest.raises(RetryableError) as away:
            await joined(store.read(key))
        assert away.value.code == Code.FILE_STORE_UNAVAILABLE
