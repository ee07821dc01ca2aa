"""Request/reply endpoints as a NATS micro service: `$SRV.PING`, `INFO` and `STATS` answer (NATS ADR-32)."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from nats.aio.client import Client
from nats.micro.request import Request
from nats.micro.service import EndpointStats, Service, ServiceConfig

EndpointHandler = Callable[[Mapping[str, str], bytes], Awaitable[tuple[dict[str, str], bytes]]]
"""Takes headers and payload of a request; returns those of the answer. Never raises."""

TooBusy = Callable[[], tuple[dict[str, str], bytes]]


@dataclass
class _Figures:
    errors_count: int = 0
    answered_count: int = 0
    processing_seconds: float = 0.0


@dataclass
class Endpoints:
    """The endpoints of one service instance. Requests run side by side, at most ``concurrency_max`` of them."""

    client: Client
    name: str
    version: str
    description: str
    concurrency_max: int
    too_busy: TooBusy
    figures: dict[str, _Figures] = field(default_factory=dict[str, _Figures])
    _tasks: set[asyncio.Task[None]] = field(default_factory=set[asyncio.Task[None]])

    async def open(self, handlers: Mapping[str, EndpointHandler]) -> None:
        """Start answering; ``handlers`` by subject. Replicas share the requests through one queue group."""
        self._service = Service(
            self.client,
            ServiceConfig(
                name=self.name,
                version=self.version,
                description=self.description,
                queue_group=self.name,
                stats_handler=self._stats,
            ),
        )
        await self._service.start()
        for subject, handler in handlers.items():
            self.figures[subject] = _Figures()
            await self._service.add_endpoint(
                name=subject.replace(".", "-"), subject=subject, handler=self._spawner(subject, handler)
            )
        await self.client.flush()

    async def close(self, timeout_seconds: float) -> None:
        """Stop taking requests, then wait for those under way."""
        await self._service.stop()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=timeout_seconds)

    @property
    def in_flight(self) -> int:
        return len(self._tasks)

    def _spawner(self, subject: str, handler: EndpointHandler) -> Callable[[Request], Awaitable[None]]:
        async def spawn(request: Request) -> None:
            # The client calls an endpoint's handler one request after the other: a task keeps one slow
            # request from holding up the rest, and the bound keeps a flood from filling the memory.
            if len(self._tasks) >= self.concurrency_max:
                headers, payload = self.too_busy()
                await request.respond(payload, headers)
                return
            task = asyncio.create_task(self._answer(subject, handler, request))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return spawn

    async def _answer(self, subject: str, handler: EndpointHandler, request: Request) -> None:
        started = time.perf_counter()
        headers, payload = await handler(request.headers or {}, request.data)
        figures = self.figures[subject]
        figures.answered_count += 1
        figures.errors_count += "Nats-Service-Error-Code" in headers
        figures.processing_seconds += time.perf_counter() - started
        if not self.client.is_closed:
            await request.respond(payload, headers)

    def _stats(self, endpoint: EndpointStats) -> dict[str, Any]:
        figures = self.figures[endpoint.subject]
        endpoint.num_errors = figures.errors_count
        endpoint.processing_time = int(figures.processing_seconds * 1e9)
        endpoint.average_processing_time = endpoint.processing_time // max(1, figures.answered_count)
        return {"in_flight": self.in_flight}
