"""Cleans pictures in processes of their own, see `picture_worker`; here they only pass by."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

from contracts.errors import Code, TerminalError

from file_store import picture_worker
from file_store.store import CHUNK_BYTES

CLEAN_SECONDS_MAX: Final = 30.0


@dataclass(frozen=True)
class CleanPicture:
    """A picture on its way out of its process: what it is, and its bytes, to be read before the block ends."""

    mime_type: str
    width: int
    height: int
    chunks: AsyncIterator[bytes]


@asynccontextmanager
async def clean_picture(
    chunks: AsyncIterable[bytes], *, pixels_max: int, turn: AbstractAsyncContextManager[None]
) -> AsyncGenerator[CleanPicture]:
    """The picture without metadata. Raises TerminalError: attachment_unreadable; and what ``chunks`` raises.

    Its process is there from the first byte and takes in what comes, however slowly; ``turn`` is entered when it has
    all, and is what bounds how many of them work.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-I", "-m", picture_worker.__name__, str(pixels_max)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
        env={},
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        await _give(chunks, process.stdin)
        async with turn:
            with suppress(BrokenPipeError, ConnectionResetError):
                process.stdin.write_eof()
            header = await _header(process.stdout)
        if not header:
            raise _refusal(await process.wait())
        yield CleanPicture(chunks=_rest(process.stdout), **json.loads(header))
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


async def _give(chunks: AsyncIterable[bytes], stdin: asyncio.StreamWriter) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):  # it has ended already: its status says why
        async for chunk in chunks:
            stdin.write(chunk)
            await stdin.drain()


async def _header(stdout: asyncio.StreamReader) -> bytes:
    """Raises TerminalError (attachment_unreadable) where its process takes too long."""
    try:
        async with asyncio.timeout(CLEAN_SECONDS_MAX):
            return await stdout.readline()
    except TimeoutError as error:
        raise _refusal(picture_worker.UNREADABLE) from error


async def _rest(stdout: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while chunk := await stdout.read(CHUNK_BYTES):
        yield chunk


def _refusal(status: int) -> TerminalError:
    if status == picture_worker.TOO_LARGE:
        return TerminalError(Code.ATTACHMENT_UNREADABLE, "The picture has too many pixels.", field="file")
    return TerminalError(Code.ATTACHMENT_UNREADABLE, "The picture cannot be read.", field="file")
