"""The HTTP server: uvicorn, with connections that may not dawdle."""

import asyncio
from typing import Any, Final

from actor_kit.health import QuietServer
from fastapi import FastAPI
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from auth_edge.settings import Settings, split

HEADER_BYTES_MAX: Final = 64 * 1024
LINGER_SECONDS: Final = 2.0
"""How long the rest of a refused body is read and thrown away, so that its sender can read the answer."""
KEEP_ALIVE_SECONDS: Final = 30


class PatientProtocol(HttpToolsProtocol):
    """uvicorn bounds neither the time nor the bytes until the headers are whole ("slow loris"); this does."""

    headers_timeout_seconds: float = 10.0
    _closing: asyncio.TimerHandle | None = None
    _bytes_before_headers = 0
    _has_headers = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self._close_after(self.headers_timeout_seconds)

    def connection_lost(self, exc: Exception | None) -> None:
        self._keep_open()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._has_headers:
            self._bytes_before_headers += len(data)
        super().data_received(data)
        if not self._has_headers and self._bytes_before_headers > HEADER_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("The headers are too large.")

    def on_message_begin(self) -> None:
        self._has_headers, self._bytes_before_headers = False, 0
        self._close_after(self.headers_timeout_seconds)
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        self._has_headers = True
        self._keep_open()
        super().on_headers_complete()

    def on_response_complete(self) -> None:
        if self.cycle.more_body:
            self._close_after(LINGER_SECONDS)
        super().on_response_complete()

    def _close_after(self, seconds: float) -> None:
        self._keep_open()
        self._closing = self.loop.call_later(seconds, self.transport.close)

    def _keep_open(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None


def build_server(app: FastAPI, settings: Settings) -> QuietServer:
    """A server for the app; `serve()` runs it until `should_exit`.

    X-Forwarded-* is believed from TRUSTED_PROXIES only.
    """
    proxies = split(settings.trusted_proxies)
    timeout = {"headers_timeout_seconds": settings.headers_timeout_seconds}
    return QuietServer(
        Config(
            app,
            host=settings.http_host,
            port=settings.http_port,
            http=type("Protocol", (PatientProtocol,), timeout),
            ws="none",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(proxies),
            forwarded_allow_ips=proxies,
            limit_concurrency=settings.connections_max,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=int(settings.drain_timeout_seconds),
        )
    )
