"""Composition root: open the bus and the verifier, serve, and stop in order."""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, suppress
from typing import Any, Final

import structlog
from actor_kit import http_server
from actor_kit.bus import Bus
from actor_kit.health import Health, health_server
from actor_kit.requests import RequestServer
from actor_kit.settings import split
from actor_kit.uvicorn_internals import Bounds, QuietServer
from contracts.events import TokensRevoked
from contracts.services import Service
from contracts.streams import DELTAS
from contracts.subjects import subject_filter
from identity import open_verifier
from starlette.types import ASGIApp

from stream_relay.channel import Hub
from stream_relay.history import Attach, Deltas, Stored
from stream_relay.http import Streams, create_app
from stream_relay.response import EventStreamResponse
from stream_relay.settings import Settings

KEEP_ALIVE_SECONDS: Final = 5
WRITE_BUFFER_BYTES_MAX: Final = 32 * 1024
"""Bytes of one viewer that wait in this process before its writer waits too."""

log = structlog.stdlib.get_logger("stream_relay")


async def serve(
    settings: Settings, stop: asyncio.Event, *, make_response: Callable[..., Any] = EventStreamResponse
) -> None:
    """Run the service until ``stop`` is set. Raises RetryableError (bus_unavailable) where NATS cannot be reached."""
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(Bus.open(settings, service=Service.STREAM_RELAY))
        await stack.enter_async_context(RequestServer(bus, None, service=Service.STREAM_RELAY))
        verifier = await stack.enter_async_context(open_verifier(settings))
        deltas = Deltas(bus)
        hub = Hub(bus, deltas, audit_seconds=settings.relay_audit_seconds)
        bus.on_reconnected(hub.on_reconnected)
        await bus.subscribe(DELTAS.leader_elected, lambda _: hub.on_leader_elected())
        stack.callback(hub.close)
        attach = Attach(deltas, Stored(bus, settings.relay_store_timeout_seconds))
        health = _health(bus, verifier)
        await stack.enter_async_context(health_server(settings, health))
        streams = Streams(hub, attach, verifier, settings, make_response)
        await bus.subscribe(subject_filter(TokensRevoked), streams.on_tokens_revoked)
        bus.on_reconnected(streams.on_reconnected)
        server = _server(create_app(streams, health, split(settings.cors_origins)), settings)
        audits = asyncio.create_task(hub.audit_for_ever())
        serving = asyncio.create_task(server.serve())
        stopping = asyncio.create_task(stop.wait())
        try:
            await asyncio.wait((serving, stopping, audits), return_when=asyncio.FIRST_COMPLETED)
            health.is_stopping = True
            await _stop(server, streams, serving)
        finally:
            for task in (audits, stopping):
                task.cancel()
            with suppress(asyncio.CancelledError):
                await audits


def _server(app: ASGIApp, settings: Settings) -> QuietServer:
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
        shares_port=settings.http_shares_port,
        bounds=bounds,
        drain_timeout_seconds=settings.drain_timeout_seconds,
        notice_seconds=0,  # `_stop` tells the viewers, and what they ask may be asked again
    )


async def _stop(server: QuietServer, streams: Streams, serving: asyncio.Task[None]) -> None:
    """Stop accepting connections before the viewers are told to connect again, so that none comes back here."""
    for listener in getattr(server, "servers", ()):
        listener.close()
    streams.stop()
    server.should_exit = True
    await serving


def _health(bus: Bus, verifier: Any) -> Health:
    health = Health()

    async def bus_is_connected() -> bool:
        return bus.is_connected

    async def keys_are_there() -> bool:
        return bool(verifier.is_ready)

    health.check("bus", bus_is_connected)
    health.check("identity", keys_are_there)
    return health
