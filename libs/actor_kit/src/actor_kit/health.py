"""Health for operators: /healthz (alive), /readyz (can do its work, else what is missing), /metrics."""

import asyncio
import hmac
import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from pydantic import SecretStr
from starlette.applications import Starlette
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actor_kit.http_server import build_server
from actor_kit.metrics import LOOP_DELAY_LAST_SECONDS, LOOP_DELAY_SECONDS
from actor_kit.settings import ServiceSettings, split
from actor_kit.uvicorn_internals import Bounds

CHECK_TIMEOUT_SECONDS = 2.0
LOOP_DELAY_PERIOD_SECONDS = 0.25
LOOP_DELAY_SECONDS_MAX = 1.0
"""A loop that is later than this is not ready: what it is asked would not be answered in time."""
LATE_SHOWN_SECONDS = 5.0
"""How long lateness is shown, so that whoever asks every few seconds sees it."""
BOUNDS = Bounds(connections_max=64)
"""Of the operators' port: who probes and who collects, and nobody else."""
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")
Check = Callable[[], Awaitable[bool]]


class Health:
    """Named checks; ready while all of them say True within `CHECK_TIMEOUT_SECONDS`."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self._late_until = 0.0
        self.loop_delay_seconds = 0.0
        """How late the loop was when it was last measured."""
        self.is_stopping = False

    def check(self, name: str, check: Check) -> None:
        """Add a check. One that raises or takes too long counts as False."""
        self._checks[name] = check

    async def missing(self) -> list[str]:
        """The names of what is missing; empty when ready."""
        verdicts = await asyncio.gather(*(self._verdict(check) for check in self._checks.values()))
        missing = [name for name, is_well in zip(self._checks, verdicts, strict=True) if not is_well]
        if time.monotonic() < self._late_until:
            missing.insert(0, "event_loop")
        return ["stopping", *missing] if self.is_stopping else missing

    async def measure_loop_delay(self) -> None:
        """Measure for ever how late the event loop is; ready only while that is within `LOOP_DELAY_SECONDS_MAX`."""
        while True:
            due = time.monotonic() + LOOP_DELAY_PERIOD_SECONDS
            await asyncio.sleep(LOOP_DELAY_PERIOD_SECONDS)
            delay = max(0.0, time.monotonic() - due)
            LOOP_DELAY_SECONDS.observe(delay)
            LOOP_DELAY_LAST_SECONDS.set(delay)
            self.loop_delay_seconds = delay
            if delay > LOOP_DELAY_SECONDS_MAX:
                self._late_until = time.monotonic() + LATE_SHOWN_SECONDS

    @staticmethod
    async def _verdict(check: Check) -> bool:
        try:
            return await asyncio.wait_for(check(), CHECK_TIMEOUT_SECONDS)
        except Exception:  # noqa: BLE001  whatever it is, the check did not pass
            return False

    def routes(self) -> list[Route]:
        """/healthz and /readyz, to mount in a service's own application."""
        return [Route("/healthz", self._healthz), Route("/readyz", self._readyz)]

    async def _healthz(self, _request: Request) -> Response:
        return _json(200, {"status": "ok"})

    async def _readyz(self, _request: Request) -> Response:
        missing = await self.missing()
        if missing:
            return _json(503, {"status": "unavailable", "missing": missing})
        return _json(200, {"status": "ok"})


def _json(status: int, body: dict[str, object]) -> Response:
    return Response(json.dumps(body), status, {"Cache-Control": "no-store"}, "application/json")


def metrics_route(token: SecretStr | None) -> Route:
    """/metrics; with a token only for who brings it (RFC 6750), as Prometheus' `authorization` does."""

    async def metrics(request: Request) -> Response:
        presented = request.headers.get("authorization", "").encode()
        if token is not None and not hmac.compare_digest(presented, f"Bearer {token.get_secret_value()}".encode()):
            return Response("", 401, {"WWW-Authenticate": "Bearer", "Cache-Control": "no-store"})
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    return Route("/metrics", metrics)


@asynccontextmanager
async def health_server(settings: ServiceSettings, health: Health) -> AsyncGenerator[None]:
    """Measure the loop, and serve the operators' port (none where ``metrics_port`` is 0), while the block runs."""
    measuring = asyncio.create_task(health.measure_loop_delay(), name="loop delay")
    try:
        if settings.metrics_port == 0:
            yield
        else:
            async with _operators_port(settings, health):
                yield
    finally:
        measuring.cancel()


@asynccontextmanager
async def _operators_port(settings: ServiceSettings, health: Health) -> AsyncGenerator[None]:
    app = Starlette(routes=[*health.routes(), metrics_route(settings.metrics_token)])
    hosts = split(settings.metrics_hosts_allowed)
    if hosts or settings.metrics_host in LOOPBACK_HOSTS:  # a page whose name leads here would be read by a browser
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=[*LOOPBACK_HOSTS, *hosts], www_redirect=False)
    server = build_server(
        app,
        host=settings.metrics_host,
        port=settings.metrics_port,
        bounds=BOUNDS,
        drain_timeout_seconds=1,
        notice_seconds=0,
    )
    serving = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving
