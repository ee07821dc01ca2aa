"""The HTTP server: uvicorn, with bounded connections whose transport the response can reach."""

from typing import Any, Final

from actor_kit.health import QuietServer
from starlette.types import ASGIApp
from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from stream_relay.response import TRANSPORT_EXTENSION
from stream_relay.settings import Settings

HEADERS_TIMEOUT_SECONDS: Final = 10.0
HEADER_BYTES_MAX: Final = 64 * 1024
WRITE_BUFFER_BYTES_MAX: Final = 32 * 1024
"""Bytes of one viewer that wait in this process before its writer waits too."""


class ViewerProtocol(HttpToolsProtocol):
    """uvicorn's protocol, which closes a connection that dawdles over its headers, and hands out its transport."""

    _closing: Any = None
    _header_bytes = 0
    _has_headers = False

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES_MAX)
        self._closing = self.loop.call_later(HEADERS_TIMEOUT_SECONDS, transport.abort)

    def connection_lost(self, exc: Exception | None) -> None:
        self._keep_open()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if not self._has_headers:
            self._header_bytes += len(data)
        super().data_received(data)
        if not self._has_headers and self._header_bytes > HEADER_BYTES_MAX and not self.transport.is_closing():
            self.send_400_response("The headers are too large.")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT_EXTENSION: self.transport}  # type: ignore[typeddict-item]

    def on_headers_complete(self) -> None:
        self._has_headers = True
        self._keep_open()
        super().on_headers_complete()

    def _keep_open(self) -> None:
        if self._closing is not None:
            self._closing.cancel()
            self._closing = None


def build_server(app: ASGIApp, settings: Settings) -> QuietServer:
    """Build a server for the app; `serve()` runs it until `should_exit`."""
    return QuietServer(
        Config(
            app,
            host=settings.http_host,
            port=settings.http_port,
            http=ViewerProtocol,
            ws="none",
            loop="none",
            lifespan="off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=2048,
            timeout_keep_alive=5,
            timeout_graceful_shutdown=max(1, int(settings.drain_timeout_seconds)),
        )
    )
