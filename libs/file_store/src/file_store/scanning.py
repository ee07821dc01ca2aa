"""A hook for a scanner: each file is sent to it while it is stored, and is no file until the scanner has said yes.

The scanner is an HTTP address that takes the bytes by POST (as clamav-rest and its like do, or a few lines before
clamd): 2xx lets the file in, 4xx refuses it, all else is no answer, and then nothing is let in.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

import httpx
from contracts.errors import Code, RetryableError, TerminalError

WAITING_CHUNKS_MAX: Final = 4
SCAN_SECONDS_MAX: Final = 60.0
"""Of silence, from a scanner that has the whole file."""


@dataclass(frozen=True)
class Scanner:
    """``url`` empty: everything passes."""

    url: str
    client: httpx.AsyncClient

    async def passing(self, chunks: AsyncIterable[bytes], mime_type: str) -> AsyncGenerator[bytes]:
        """The same bytes, which end only when the scanner has passed them.

        Raises TerminalError (attachment_refused), RetryableError (scanner_unavailable).
        """
        if not self.url:
            async for chunk in chunks:
                yield chunk
            return
        sent: asyncio.Queue[bytes | None] = asyncio.Queue(WAITING_CHUNKS_MAX)
        verdict = asyncio.create_task(self._verdict(sent, mime_type))
        try:
            async for chunk in chunks:
                await _give(chunk, sent, verdict)
                yield chunk
            await _give(None, sent, verdict)
            await verdict
        finally:
            verdict.cancel()
            with suppress(asyncio.CancelledError, TerminalError, RetryableError):
                await verdict

    async def _verdict(self, sent: "asyncio.Queue[bytes | None]", mime_type: str) -> None:
        async def body() -> AsyncIterator[bytes]:
            while (chunk := await sent.get()) is not None:
                yield chunk

        try:
            answer = await self.client.post(
                self.url, content=body(), headers={"Content-Type": mime_type}, timeout=SCAN_SECONDS_MAX
            )
        except httpx.HTTPError as error:
            raise RetryableError(Code.SCANNER_UNAVAILABLE, "The scanner does not answer.") from error
        if answer.is_client_error:
            raise TerminalError(Code.ATTACHMENT_REFUSED, "The scanner refuses this file.", field="file")
        if not answer.is_success:
            raise RetryableError(Code.SCANNER_UNAVAILABLE, "The scanner does not work.")


async def _give(chunk: bytes | None, sent: "asyncio.Queue[bytes | None]", verdict: "asyncio.Task[None]") -> None:
    """Hand a chunk on, unless the scanner has seen enough: then what it says is raised here."""
    giving = asyncio.ensure_future(sent.put(chunk))
    try:
        await asyncio.wait({giving, verdict}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        giving.cancel()
    if verdict.done():
        verdict.result()
