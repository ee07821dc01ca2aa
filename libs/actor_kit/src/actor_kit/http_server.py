"""The HTTP server of a service: uvicorn, with bounds on what a connection may take, and problem details throughout."""

import asyncio
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import uvicorn
from contracts.errors import Code
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from actor_kit.health import Health, QuietServer
from actor_kit.metrics import TURNED_AWAY
from actor_kit.problems import MEDIA_TYPE, problem_json, retry_after

HEADER_BYTES_MAX: Final = 64 * 1024
LINGER_SECONDS: Final = 2.0
"""How long the rest of a refused body is read and thrown away, so that its sender can read the answer."""


@dataclass(frozen=True)
class Bounds:
    """What connections may take. Past `connections_max` a request is answered 503, whatever it asks for."""

    connections_max: int
    headers_timeout_seconds: float = 10.0
    keep_alive_seconds: int = 30
    send_timeout_seconds: float | None = 60.0
    """How long a client may leave an answer of more than 64 KiB untaken; None where the application sees to it."""


class BoundedProtocol(HttpToolsProtocol):
    """One connection. uvicorn bounds neither the time nor the bytes until the headers are whole ("slow loris"), nor
    the time until an answer is taken; this does, for every request of the connection.
    """

    _closing: asyncio.TimerHandle | None = None
    _cutting: asyncio.TimerHandle | None = None
    _header_bytes = 0
    _is_in_body = False

    def __init__(self, bounds: Bounds, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self._bounds = bounds

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
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

    def on_headers_complete(self) -> None:
        self._is_in_body, self._header_bytes = True, 0
        self._closing = _cancelled(self._closing)
        is_full = len(self.connections) > self._bounds.connections_max
        self.app = turn_away if is_full else self.config.loaded_app  # type: ignore[assignment]  as uvicorn's ASGI types
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


async def turn_away(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer any request with 503 `overloaded`, and end its connection."""
    TURNED_AWAY.inc()
    body = problem_json(503, Code.OVERLOADED, "Too many connections at once; try again.")
    headers = {"Cache-Control": "no-store", "Connection": "close", **retry_after(1)}
    await Response(body, 503, headers, MEDIA_TYPE)(scope, receive, send)


def answers_when_cut_off(app: ASGIApp) -> ASGIApp:
    """The app, with an answer also for a request that is still waiting when the server has stopped for long enough.

    uvicorn cancels it, and would answer a bare 500: for the caller a bug of ours, and nothing to try again.
    """

    async def wrapped(scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noting_send(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await app(scope, receive, noting_send)
        except asyncio.CancelledError:
            if has_begun:
                raise
            body = problem_json(503, Code.DEADLINE_EXCEEDED, "The server stops, and could not answer in time.")
            headers = {"Cache-Control": "no-store", "Connection": "close", **retry_after(1)}
            await Response(body, 503, headers, MEDIA_TYPE)(scope, receive, send)

    return wrapped


def build_server(
    app: ASGIApp,
    *,
    host: str,
    port: int,
    bounds: Bounds,
    drain_timeout_seconds: float,
    protocol: type[BoundedProtocol] = BoundedProtocol,
    trusted_proxies: list[str] | None = None,
) -> QuietServer:
    """A server for the app; `serve()` runs it until `should_exit`.

    X-Forwarded-* is believed from `trusted_proxies` only.
    """
    return QuietServer(
        uvicorn.Config(
            answers_when_cut_off(app),
            host=host,
            port=port,
            http=partial(protocol, bounds),  # type: ignore[arg-type]  uvicorn only calls it
            ws="none",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=trusted_proxies or [],
            timeout_keep_alive=bounds.keep_alive_seconds,
            timeout_graceful_shutdown=max(1, int(drain_timeout_seconds)),
        )
    )


async def serve_until(stop: asyncio.Event, server: QuietServer, health: Health) -> None:
    """Serve until ``stop`` is set, or until the server ends by itself; requests under way are answered first."""
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    health.is_stopping = server.should_exit = True
    stopping.cancel()
    await serving
