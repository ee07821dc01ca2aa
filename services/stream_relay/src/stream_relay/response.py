"""sse-starlette's response, made for thousands of viewers at once: what each override is for is in docs/adr/0013."""

import asyncio
import fcntl
import sys
import termios
from collections.abc import AsyncGenerator
from contextlib import suppress
from typing import Any, Final

from actor_kit.uvicorn_internals import TRANSPORT_EXTENSION
from sse_starlette import EventSourceResponse
from sse_starlette.sse import SendTimeoutError
from starlette.types import Message, Receive, Scope, Send

HEADERS: Final = {
    # Without no-transform a proxy that compresses (Next.js does) holds every event back until the end.
    "Cache-Control": "no-cache, no-transform",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}


class EventStreamResponse(EventSourceResponse):
    """Writes what ``content`` yields, without pings: the content knows when it was silent for too long."""

    def __init__(self, content: AsyncGenerator[bytes], *, send_timeout: float) -> None:
        super().__init__(content, headers=HEADERS, ping=0)  # pyright: ignore[reportUnknownMemberType]  their `dict`
        self._seconds_max = send_timeout
        self._transport: Any = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer until the content ends or the viewer goes away, in two tasks instead of four.

        Raises SendTimeoutError once a viewer that took nothing is cut off.
        """
        self._transport = scope["extensions"][TRANSPORT_EXTENSION]
        writing = asyncio.current_task()
        assert writing is not None
        watching = asyncio.create_task(self._cancel_on_disconnect(receive, writing))
        try:
            with suppress(asyncio.CancelledError):  # the viewer went away, or the server waits for it no longer
                await self._stream_response(send)
        except SendTimeoutError:
            watching.cancel()
            self._transport.abort()  # to close it would wait for ever for the bytes that nobody takes
            await asyncio.sleep(0)  # the server hears of it
            raise
        finally:
            watching.cancel()

    async def _cancel_on_disconnect(self, receive: Receive, writing: "asyncio.Task[Any]") -> None:
        await self._listen_for_disconnect(receive)
        writing.cancel()

    async def _send_with_timeout(self, send: Send, message: Message) -> None:
        """Send, and give up once the viewer took no byte for the whole time: a slow one may take longer."""
        while self._transport.get_write_buffer_size() > 0:
            # The server waits in `send` while the connection's buffer is full; only then is a timer worth its price.
            untaken = _untaken_bytes(self._transport)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds_max):
                    await send(message)
                return
            if _untaken_bytes(self._transport) >= untaken:
                raise SendTimeoutError
        await send(message)


def _untaken_bytes(transport: Any) -> int:
    """Bytes that wait here and in the kernel, which may hold megabytes, until the viewer has acknowledged them."""
    waiting = bytearray(4)
    with suppress(OSError):
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, waiting)
    return transport.get_write_buffer_size() + int.from_bytes(waiting, sys.byteorder)
