"""The HTTP server: actor_kit's, with the bounds of the settings."""

from actor_kit import http_server
from actor_kit.settings import split
from actor_kit.uvicorn_internals import Bounds, QuietServer
from fastapi import FastAPI

from auth_edge.settings import Settings


def build_server(app: FastAPI, settings: Settings) -> QuietServer:
    """A server for the app; `serve()` runs it until `should_exit`.

    X-Forwarded-* is believed from TRUSTED_PROXIES only.
    """
    bounds = Bounds(connections_max=settings.connections_max, headers_timeout_seconds=settings.headers_timeout_seconds)
    return http_server.build_server(
        app,
        host=settings.http_host,
        port=settings.http_port,
        shares_port=settings.http_shares_port,
        bounds=bounds,
        drain_timeout_seconds=settings.drain_timeout_seconds,
        trusted_proxies=split(settings.trusted_proxies),
    )
