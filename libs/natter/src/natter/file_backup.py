"""The bytes of files in a backup: each file of the file store is one of the folder, whichever store it is."""

import os
from collections.abc import AsyncGenerator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from actor_kit.settings import ServiceSettings
from contracts.errors import Code, NatterError, TerminalError
from contracts.ids import FileKey
from file_store import FileStore, FileStoreSettings, open_file_store
from file_store.store import CHUNK_BYTES

from natter.operator_bus import operator_bus

FILE_BYTES_MAX = 1 << 40


@dataclass
class Copied:
    """How many files, and how much in all."""

    files: int = 0
    size_bytes: int = 0

    def __str__(self) -> str:
        return f"{self.files} files, {self.size_bytes / 1024**2:.1f} MiB"


@asynccontextmanager
async def operators_files(settings: ServiceSettings) -> AsyncGenerator[FileStore]:
    """The store that FILE_STORE_URL names, through the operator's bus. Raises NatterError."""
    async with operator_bus(settings) as bus:
        yield open_file_store(FileStoreSettings(), bus)


async def copy_out(files: FileStore, folder: Path) -> Copied:
    """Write every finished file to ``folder/<attachment>/<upload>``. One that is deleted meanwhile is left out, and so
    is an upload that is under way. Raises NatterError, OSError.
    """
    copied = Copied()
    folder.mkdir(mode=0o700)  # noqa: ASYNC240 - nobody else waits for this program's loop
    async for key in files.all_keys():
        path = folder / key
        path.parent.mkdir(mode=0o700, exist_ok=True)
        try:
            copied.size_bytes += await _write(files, key, path)
            copied.files += 1
        except TerminalError as error:
            path.unlink()
            if error.code != Code.NOT_FOUND:
                raise
    return copied


async def copy_in(folder: Path, files: FileStore) -> Copied:
    """Put back what the file store does not have: a key is that of one upload for ever, so what is there is the same.

    Raises NatterError, OSError.
    """
    copied = Copied()
    for path in sorted(folder.glob("*/*")):  # noqa: ASYNC240 - as above
        key = f"{path.parent.name}/{path.name}"
        if await _is_there(files, key):
            continue
        await files.delete(key)  # what an attempt left that was broken off
        stored = await files.put(key, _read(path), bytes_max=FILE_BYTES_MAX)
        copied.files += 1
        copied.size_bytes += stored.size_bytes
    return copied


async def _write(files: FileStore, key: FileKey, path: Path) -> int:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        async with aclosing(files.read(key)) as chunks:
            async for chunk in chunks:
                file.write(chunk)
        return file.tell()


async def _read(path: Path) -> AsyncGenerator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK_BYTES):
            yield chunk


async def _is_there(files: FileStore, key: FileKey) -> bool:
    async with aclosing(files.read(key)) as chunks:
        try:
            await anext(chunks)
        except NatterError:  # of a store that is away the next attempt hears as well
            return False
        return True
