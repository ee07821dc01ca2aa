"""Runs the task tools over streamable HTTP, or over stdio."""

import asyncio
from contextlib import AsyncExitStack

from actor_kit.bus import Bus
from actor_kit.health import Health, health_server
from actor_kit.http_server import build_server, serve_until
from actor_kit.requests import RequestServer
from actor_kit.uvicorn_internals import Bounds
from contracts.services import Service
from mcp.server.transport_security import TransportSecuritySettings
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from natter_todo.task_tools.caller import RequireRunToken, RunTokens
from natter_todo.task_tools.server import make_server
from natter_todo.task_tools.settings import Settings

CONNECTIONS_MAX = 2_000
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


def make_http_app(bus: Bus, settings: Settings) -> ASGIApp:
    """The MCP endpoint /mcp behind the run token, and /healthz."""
    server = make_server(bus)

    async def healthz(_request: Request) -> Response:
        return JSONResponse(
            {"status": "ok"} if bus.is_connected else {"status": "unavailable"}, 200 if bus.is_connected else 503
        )

    server.custom_route("/healthz", methods=["GET"])(healthz)
    app = server.streamable_http_app(
        stateless_http=True, json_response=True, host=settings.http_host, transport_security=_security(settings)
    )
    return RequireRunToken(app, RunTokens(bus))


def _security(settings: Settings) -> TransportSecuritySettings:
    named = [host.strip() for host in settings.hosts_allowed.split(",") if host.strip()]
    if "*" in named:
        return TransportSecuritySettings(enable_dns_rebinding_protection=False)
    hosts = [*LOOPBACK_HOSTS, *named]
    return TransportSecuritySettings(
        allowed_hosts=[pattern for host in hosts for pattern in (host, f"{host}:*")],
        allowed_origins=[f"http://{host}:*" for host in hosts],
    )


async def serve_http(settings: Settings, stop: asyncio.Event) -> None:
    """Serve until ``stop`` is set."""
    async with AsyncExitStack() as stack:
        bus = await stack.enter_async_context(Bus.open(settings, service=Service.TASK_TOOLS))
        health = Health()

        async def is_connected() -> bool:
            return bus.is_connected

        health.check("bus", is_connected)
        await stack.enter_async_context(RequestServer(bus, None, service=Service.TASK_TOOLS))
        await stack.enter_async_context(health_server(settings, health))
        server = build_server(
            make_http_app(bus, settings),
            host=settings.http_host,
            port=settings.http_port,
            shares_port=settings.http_shares_port,
            bounds=Bounds(connections_max=CONNECTIONS_MAX),
            drain_timeout_seconds=2,
            lifespan="on",
        )
        await serve_until(stop, server, health)


async def serve_stdio(settings: Settings, stop: asyncio.Event) -> None:
    """Serve the one client at standard input until it closes it."""
    async with Bus.open(settings, service=Service.TASK_TOOLS) as bus:
        serving = asyncio.create_task(make_server(bus, settings.user_id).run_stdio_async())
        stopping = asyncio.create_task(stop.wait())
        await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (serving, stopping):
            task.cancel()
        await asyncio.gather(serving, stopping, return_exceptions=True)
