"""All that Natter knows of the inside of uvicorn: a server that handles no signals and stops with patience, and
connections with bounds.

uvicorn bounds neither the time nor the bytes until the headers of a request are whole ("slow loris"), nor the time
until an answer is taken. `test_uvicorn_internals.py` says in one failing test what a new version of it has changed.
"""

import asyncio
import socket
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from contracts.errors import Code
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from actor_kit.problems import MEDIA_TYPE, problem_json

HEADER_BYTES_MAX: Final = 64 * 1024
LINGER_SECONDS: Final = 2.0
"""How long the rest of a refused body is read and thrown away, so that its sender can read the answer."""
STOP_NOTICE_SECONDS: Final = 0.5
"""How long a server that stops serves on, so that clients with connections leave by themselves."""
ON_ITS_WAY_SECONDS: Final = 0.2
"""How long it then waits for requests on connections that were opened in the last moment."""
STOP_POLL_SECONDS: Final = 0.02
ACCEPTING_TURNS: Final = 3
TRANSPORT_EXTENSION: Final = "natter.transport"
"""Where a request's scope holds the transport of its connection, among its ASGI extensions."""


class QuietServer(uvicorn.Server):
    """A uvicorn server that leaves the signals alone: `lifecycle` is the only one that handles them."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class PatientServer(QuietServer):
    """A server that resets nobody's request when it stops.

    uvicorn closes its listener and all idle connections in one moment, and so resets what is on its way on them. This
    one first serves on for ``notice_seconds``, in which each answer ends its connection, so that busy clients leave by
    themselves; then it closes the listener, and waits for what is sent on a connection that was opened just before.

    ``shares_port``: others of the same user may listen on the port as well, and the kernel gives each a share of the
    connections (SO_REUSEPORT, Linux).
    """

    def __init__(
        self, config: uvicorn.Config, notice_seconds: float = STOP_NOTICE_SECONDS, *, shares_port: bool = False
    ) -> None:
        self.is_stopping = False
        self._shares_port = shares_port
        self._notice_seconds = notice_seconds
        config.app = self._says_goodbye(config.app)
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        if self._shares_port:
            family = socket.AF_INET6 if ":" in self.config.host else socket.AF_INET
            sockets = [socket.create_server((self.config.host, self.config.port), family=family, reuse_port=True)]
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Give notice, close the listener, finish, close. Without connections it is done at once."""
        self.is_stopping = True
        await self._while_connected(self._notice_seconds)
        for _ in range(ACCEPTING_TURNS):
            await asyncio.sleep(0)  # the loop accepts all who wait for it: closing the listener would reset them
        for server in self.servers:
            server.close()
        await self._while_connected(min(self._notice_seconds, ON_ITS_WAY_SECONDS))
        await super().shutdown(sockets)

    async def _while_connected(self, seconds: float) -> None:
        ends_at = time.monotonic() + seconds
        while self.server_state.connections and time.monotonic() < ends_at:
            await asyncio.sleep(STOP_POLL_SECONDS)

    def _says_goodbye(self, app: Any) -> ASGIApp:
        async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
            async def sending(message: Message) -> None:
                if self.is_stopping and message["type"] == "http.response.start":
                    message["headers"] = [*message.get("headers", ()), (b"connection", b"close")]
                await send(message)

            await app(scope, receive, sending)

        return wrapped


@dataclass(frozen=True)
class Bounds:
    """What connections may take. Past `connections_max` a request is answered 503, whatever it asks for."""

    connections_max: int
    headers_timeout_seconds: float = 10.0
    keep_alive_seconds: int = 30
    send_timeout_seconds: float | None = 60.0
    """How long a client may leave an answer that fills the buffer untaken; None where the application sees to it."""
    write_buffer_bytes_max: int = 64 * 1024
    """Bytes of an answer that wait in this process before the application waits too."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection, bounded for every request of it; its transport is in the scope under `TRANSPORT_EXTENSION`.

    Past `connections_max` the application of a request is ``turn_away``.
    """

    _closing: asyncio.TimerHandle | None = None
    _cutting: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _is_in_body = False

    def __init__(self, bounds: Bounds, turn_away: ASGIApp, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._bounds = bounds
        self._turn_away = turn_away

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=self._bounds.write_buffer_bytes_max)
        self._close_after(self._bounds.headers_timeout_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._closing = _cancelled(self._closing)
        self._cutting = _cancelled(self._cutting)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._is_in_body:
            self._header_bytes += len(data)
        super().data_received(data)
        if self._header_bytes > HEADER_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("The headers are too large.")

    def on_message_begin(self) -> None:
        self._close_after(self._bounds.headers_timeout_seconds)
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT_EXTENSION: self.transport}  # type: ignore[typeddict-item]

    def on_headers_complete(self) -> None:
        self._is_in_body, self._header_bytes = True, 0
        self._closing = _cancelled(self._closing)
        is_full = len(self.connections) > self._bounds.connections_max
        self.app = self._turn_away if is_full else self.config.loaded_app  # type: ignore[assignment]  as uvicorn's ASGI types
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        self._is_in_body = False
        super().on_message_complete()

    def on_response_complete(self) -> None:
        # (A pipelined request that waits for its turn is not the one that has been answered.)
        if self.cycle.response_complete and self.cycle.more_body:
            self._close_after(LINGER_SECONDS)
        super().on_response_complete()

    def pause_writing(self) -> None:
        super().pause_writing()
        if self._bounds.send_timeout_seconds is not None:
            self._cutting = self.loop.call_later(self._bounds.send_timeout_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        self._cutting = _cancelled(self._cutting)
        super().resume_writing()

    def send_400_response(self, msg: str) -> None:
        body = problem_json(400, Code.INVALID_REQUEST, msg)
        head = f"HTTP/1.1 400 Bad Request\r\nContent-Type: {MEDIA_TYPE}\r\nContent-Length: {len(body)}\r\n"
        self.transport.write(head.encode() + b"Cache-Control: no-store\r\nConnection: close\r\n\r\n" + body)
        self.transport.close()

    def _close_after(self, seconds: float) -> None:
        _cancelled(self._closing)
        self._closing = self.loop.call_later(seconds, self.transport.close)


def _cancelled(timer: asyncio.TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
