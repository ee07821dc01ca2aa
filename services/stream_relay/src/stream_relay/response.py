"""A server-sent event response in two tasks, with the interface of sse-starlette's (docs/adr/0013)."""

import asyncio
import fcntl
import sys
import termios
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from typing import Any, Final

from starlette.types import Receive, Scope, Send

HEADERS: Final = {
    # Without no-transform a proxy that compresses (Next.js does) holds every event back until the end.
    "Cache-Control": "no-cache, no-transform",
    "X-Accel-Buffering": "no",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
TRANSPORT_EXTENSION: Final = "natter.transport"
"""Where the server's protocol puts the connection's transport into the scope (server.py)."""


class SendTimeoutError(Exception):
    """The viewer took no byte for `send_timeout` seconds; its connection was cut."""


class EventStreamResponse:
    """Writes what ``content`` yields. One task writes, another waits for the viewer to go away."""

    def __init__(
        self, content: AsyncGenerator[bytes], *, headers: Mapping[str, str] | None = None, send_timeout: float = 30
    ) -> None:
        self._content = content
        self._send_timeout = send_timeout
        fields = {"Content-Type": "text/event-stream; charset=utf-8", **(headers or HEADERS)}
        self.raw_headers = [(name.lower().encode(), value.encode()) for name, value in fields.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer until the content ends or the viewer goes away. Raises SendTimeoutError."""
        transport: Any = scope.get("extensions", {}).get(TRANSPORT_EXTENSION)
        writing = asyncio.current_task()
        assert writing is not None
        watching = asyncio.create_task(_cancel_on_disconnect(receive, writing))
        try:
            with suppress(asyncio.CancelledError):
                await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                async for chunk in self._content:
                    await self._write(send, chunk, transport)
                await send({"type": "http.response.body", "body": b"", "more_body": False})
        except SendTimeoutError:
            watching.cancel()
            transport.abort()  # to close it would wait for ever for the bytes that nobody takes
            await asyncio.sleep(0)  # the server hears of it
            raise
        finally:
            watching.cancel()
            await self._content.aclose()

    async def _write(self, send: Send, chunk: bytes, transport: Any) -> None:
        message = {"type": "http.response.body", "body": chunk, "more_body": True}
        while transport is not None and transport.get_write_buffer_size() > 0:
            # The server waits in `send` while the connection's buffer is full; only then is a timer worth its price.
            untaken = _untaken_bytes(transport)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._send_timeout):
                    await send(message)
                return
            if _untaken_bytes(transport) >= untaken:
                raise SendTimeoutError
        await send(message)


def _untaken_bytes(transport: Any) -> int:
    """Bytes that wait here and in the kernel, which may hold megabytes, until the viewer has acknowledged them."""
    waiting = bytearray(4)
    with suppress(OSError):
        fcntl.ioctl(transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, waiting)
    return transport.get_write_buffer_size() + int.from_bytes(waiting, sys.byteorder)


async def _cancel_on_disconnect(receive: Receive, writing: "asyncio.Task[Any]") -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    writing.cancel()
