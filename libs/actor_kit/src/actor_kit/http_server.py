"""The HTTP server of a service: uvicorn, with bounds on what a connection may take, and problem details throughout."""

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Literal

import uvicorn
from contracts.errors import Code
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from actor_kit.metrics import TURNED_AWAY
from actor_kit.problems import MEDIA_TYPE, problem_json, retry_after
from actor_kit.uvicorn_internals import STOP_NOTICE_SECONDS, BoundedProtocol, Bounds, PatientServer, QuietServer

if TYPE_CHECKING:
    from actor_kit.health import Health  # which serves its own port with this


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


def build_server(  # noqa: PLR0913 - each is what one of its users decides
    app: ASGIApp,
    *,
    host: str,
    port: int,
    bounds: Bounds,
    drain_timeout_seconds: float,
    notice_seconds: float = STOP_NOTICE_SECONDS,
    shares_port: bool = False,
    trusted_proxies: list[str] | None = None,
    lifespan: Literal["on", "off"] = "off",
) -> QuietServer:
    """A server for the app; `serve()` runs it until `should_exit`, and then for ``notice_seconds`` more.

    X-Forwarded-* is believed from `trusted_proxies` only.
    """
    return PatientServer(
        uvicorn.Config(
            answers_when_cut_off(app),
            host=host,
            port=port,
            http=partial(BoundedProtocol, bounds, turn_away),  # type: ignore[arg-type]  uvicorn only calls it
            ws="none",
            loop="none",
            lifespan=lifespan,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=bool(trusted_proxies),
            forwarded_allow_ips=trusted_proxies or [],
            timeout_keep_alive=bounds.keep_alive_seconds,
            timeout_graceful_shutdown=max(1, int(drain_timeout_seconds)),
        ),
        notice_seconds,
        shares_port=shares_port,
    )


async def serve_until(stop: asyncio.Event, server: QuietServer, health: "Health") -> None:
    """Serve until ``stop`` is set, or until the server ends by itself; requests under way are answered first."""
    serving = asyncio.create_task(server.serve())
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    health.is_stopping = server.should_exit = True
    stopping.cancel()
    await serving
