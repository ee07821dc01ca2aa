"""The HTTP server: actor_kit's, with connections whose transport the response can reach."""

from typing import Any, Final

from actor_kit import http_server
from actor_kit.health import QuietServer
from starlette.types import ASGIApp

from stream_relay.response import TRANSPORT_EXTENSION
from stream_relay.settings import Settings

KEEP_ALIVE_SECONDS: Final = 5
WRITE_BUFFER_BYTES_MAX: Final = 32 * 1024
"""Bytes of one viewer that wait in this process before its writer waits too."""


class ViewerProtocol(http_server.BoundedProtocol):
    """A connection that hands its transport to the response, which sees to viewers that take nothing."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        transport.set_write_buffer_limits(high=WRITE_BUFFER_BYTES_MAX)

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {TRANSPORT_EXTENSION: self.transport}  # type: ignore[typeddict-item]


def build_server(app: ASGIApp, settings: Settings) -> QuietServer:
    """Build a server for the app; `serve()` runs it until `should_exit`."""
    bounds = http_server.Bounds(
        connections_max=settings.connections_max, keep_alive_seconds=KEEP_ALIVE_SECONDS, send_timeout_seconds=None
    )
    return http_server.build_server(
        app,
        host=settings.http_host,
        port=settings.http_port,
        bounds=bounds,
        drain_timeout_seconds=settings.drain_timeout_seconds,
        protocol=ViewerProtocol,
    )
