"""Files are copied out of one store and into another, whichever they are; what is there already is let be."""

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from contracts.errors import Code, TerminalError
from contracts.ids import FileKey, new_attachment_id, new_file_key
from contracts.services import Service
from file_store import FileStore, FileStoreSettings, open_file_store
from file_store.store import CHUNK_BYTES
from natter.file_backup import copy_in, copy_out
from pydantic import SecretStr

from tests.s3_server.server import BUCKET, is_installed, s3_server

LARGE, SMALL = os.urandom(3 * CHUNK_BYTES + 7), b"small"


async def chunks(content: bytes, *, breaks_off: bool = False) -> AsyncIterator[bytes]:
    yield content
    if breaks_off:
        raise TerminalError(Code.CLIENT_DISCONNECTED, "gone")


async def content_of(files: FileStore, key: FileKey) -> bytes:
    return b"".join([chunk async for chunk in files.read(key)])


async def test_files_go_from_nats_to_a_folder_and_from_there_to_either_store(nats_url: str, tmp_path: Path) -> None:
    one, two, broken = (new_file_key(new_attachment_id()) for _ in range(3))
    async with Bus.open(ServiceSettings(nats_url=nats_url), service=Service.OPERATOR) as bus:
        await provision(bus)
        files = open_file_store(FileStoreSettings(), bus)
        await files.put(one, chunks(LARGE), bytes_max=len(LARGE))
        await files.put(two, chunks(SMALL), bytes_max=len(SMALL))
        with pytest.raises(TerminalError):
            await files.put(broken, chunks(LARGE, breaks_off=True), bytes_max=len(LARGE))
        copied = await copy_out(files, tmp_path / "files")
        assert (copied.files, copied.size_bytes) == (2, len(LARGE) + len(SMALL))
        assert {path.stat().st_mode & 0o077 for path in (tmp_path / "files").rglob("*")} == {0}
        await files.delete(one)
        assert (await copy_in(tmp_path / "files", files)).files == 1
        assert [await content_of(files, key) for key in (one, two)] == [LARGE, SMALL]
        if not is_installed():
            pytest.skip("moto is not installed: make test-tools")
        with s3_server() as url:
            settings = FileStoreSettings(
                file_store_url=f"s3://{BUCKET}?endpoint={url}",
                file_store_access_key_id="test",
                file_store_secret_access_key=SecretStr("test"),
            )
            elsewhere = open_file_store(settings, bus)
            assert (await copy_in(tmp_path / "files", elsewhere)).files == 2
            assert (await copy_in(tmp_path / "files", elsewhere)).files == 0
            assert [await content_of(elsewhere, key) for key in (one, two)] == [LARGE, SMALL]
