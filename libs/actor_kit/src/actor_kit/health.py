"""Health for operators: /healthz (alive), /readyz (can do its work, else what is missing), /metrics."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import asynccontextmanager, contextmanager, suppress

import uvicorn
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from actor_kit.settings import ServiceSettings

CHECK_TIMEOUT_SECONDS = 2.0
Check = Callable[[], Awaitable[bool]]


class Health:
    """Named checks; ready while all of them say True within `CHECK_TIMEOUT_SECONDS`."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}
        self.is_stopping = False

    def check(self, name: str, check: Check) -> None:
        """Add a check. One that raises or takes too long counts as False."""
        self._checks[name] = check

    async def missing(self) -> list[str]:
        """The names of what is missing; empty when ready."""
        verdicts = await asyncio.gather(*(self._verdict(check) for check in self._checks.values()))
        missing = [name for name, is_well in zip(self._checks, verdicts, strict=True) if not is_well]
        return ["stopping", *missing] if self.is_stopping else missing

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


async def _metrics(_request: Request) -> Response:
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


class QuietServer(uvicorn.Server):
    """A uvicorn server that leaves the signals alone: `lifecycle` is the only one that handles them."""

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


@asynccontextmanager
async def health_server(settings: ServiceSettings, health: Health) -> AsyncGenerator[None]:
    """Serve the operators' port while the block runs; nothing where ``metrics_port`` is 0."""
    if settings.metrics_port == 0:
        yield
        return
    app = Starlette(routes=[*health.routes(), Route("/metrics", _metrics)])
    server = QuietServer(
        uvicorn.Config(
            app,
            host=settings.metrics_host,
            port=settings.metrics_port,
            log_config=None,
            access_log=False,
            lifespan="off",
        )
    )
    serving = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving
