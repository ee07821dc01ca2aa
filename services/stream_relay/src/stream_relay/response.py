"""sse-starlette's response, adapted to thousands of viewers. docs/adr/0013 says what each override is for."""

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
    """Writes what ``content`` yields. It sends no pings: the content has its own comments."""

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
            self._transport.abort()  # not close(), which would wait for ever until the viewer has read everything
            await asyncio.sleep(0)  # lets the server notice
            raise
        finally:
            watching.cancel()

    async def _cancel_on_disconnect(self, receive: Receive, writing: "asyncio.Task[Any]") -> None:
        await self._listen_for_disconnect(receive)
        writing.cancel()

    async def _send_with_timeout(self, send: Send, message: Message) -> None:
        """Send; give up when the viewer took no byte for the whole time. One that takes some is waited for."""
        while self._transport.get_write_buffer_size() > 0:
            # Only while the connection's buffer is not empty can `send` block, so only then a timer is started.
            untaken = _untaken_bytes(self._transport)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._seconds_max):
                    await send(message)
                return
            if _untaken_bytes(self._transport) >= untaken:
                raise SendTimeoutError
        await send(message)


def _untaken_bytes(transport: Any) -> int:
    """Bytes that the viewer has not acknowledged: those in our buffer and in the kernel's, which may hold megabytes."""
    waiting = bytearray(4)
    with suppress(OSError):
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, waiting)
    return transport.get_write_buffer_size() + int.from_bytes(waiting, sys.byteorder)
