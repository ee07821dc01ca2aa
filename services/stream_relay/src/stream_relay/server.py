"""The HTTP server: actor_kit's, with the bounds of a viewer."""

from typing import Final

from actor_kit import http_server
from actor_kit.uvicorn_internals import Bounds, QuietServer
from starlette.types import ASGIApp

from stream_relay.settings import Settings

KEEP_ALIVE_SECONDS: Final = 5
WRITE_BUFFER_BYTES_MAX: Final = 32 * 1024
"""Bytes of one viewer that wait in this process before its writer waits too."""


def build_server(app: ASGIApp, settings: Settings) -> QuietServer:
    """Build a server for the app; `serve()` runs it until `should_exit`."""
    bounds = Bounds(
        connections_max=settings.connections_max,
        keep_alive_seconds=KEEP_ALIVE_SECONDS,
        send_timeout_seconds=None,  # the response sees to viewers that take nothing
        write_buffer_bytes_max=WRITE_BUFFER_BYTES_MAX,
    )
    return http_server.build_server(
        app,
        host=settings.http_host,
        port=settings.http_port,
        bounds=bounds,
        drain_timeout_seconds=settings.drain_timeout_seconds,
    )
