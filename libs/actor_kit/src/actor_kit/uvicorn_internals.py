"""All that Natter knows of the inside of uvicorn: a server that handles no signals, and connections with bounds.

uvicorn bounds neither the time nor the bytes until the headers of a request are whole ("slow loris"), nor the time
until an answer is taken. `test_uvicorn_internals.py` says in one failing test what a new version of it has changed.
"""

import asyncio
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

import uvicorn
from contracts.errors import Code
from starlette.types import ASGIApp
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from actor_kit.problems import MEDIA_TYPE, problem_json

HEADER_BYTES_MAX: Final = 64 * 1024
LINGER_SECONDS: Final = 2.0
"""How long the rest of a refused body is read and thrown away, so that its sender can read the answer."""
TRANSPORT_EXTENSION: Final = "natter.transport"
"""Where a request's scope holds the transport of its connection, among its ASGI extensions."""


class QuietServer(uvicorn.Server):
    """A uvicorn server that leaves the signals alone: `lifecycle` is the only one that handles them."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


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
