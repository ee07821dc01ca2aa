"""The composition root: opens what auth_edge needs, wires it, closes it in reverse."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Final

import httpx
from actor_kit.bus import Bus
from actor_kit.fair_queue import FairQueue
from actor_kit.health import Health, health_server
from actor_kit.http_server import serve_until
from actor_kit.requests import RequestServer
from actor_kit.settings import split
from contracts.errors import Code, NatterError
from contracts.identity import Principal
from contracts.queries import ListConversations
from contracts.services import Service
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from file_store import open_file_store
from file_store.intake import Intake
from file_store.scanning import Scanner
from identity import open_verifier
from identity.certificates import trusted

from auth_edge.door import Door
from auth_edge.http import (
    assistants,
    attachments,
    audit,
    chat,
    chatkit,
    chatkit_session,
    connections,
    conversations,
    operations,
    operator,
    problems,
    runs,
    schedules,
    service_tokens,
    service_turns,
    shares,
    tasks,
    user,
    webhooks,
)
from auth_edge.http.call import Edge
from auth_edge.http.documented import HEADERS
from auth_edge.openapi import build_openapi
from auth_edge.permits import Permits, Refusals, SlowRefusals
from auth_edge.secret_uses import SecretUses
from auth_edge.server import build_server
from auth_edge.settings import Settings
from auth_edge.transcription import open_transcriber
from auth_edge.uploads import Uploads

DESCRIPTION: Final = """\
Talk to Natter: ChatKit at one endpoint, and the same conversations, runs and todos in REST.

Every call under `/api/{user_id}` takes `Authorization: Bearer <JWT>`, and `{user_id}` is the token's own user.
Errors are problem details (RFC 9457) with a stable `code`. Answers of the assistant are server-sent events, at
the `Location` or `stream_url` that is given.
"""
PLACES: Final = 64
"""Requests that are worked on at once, and mostly wait for the store; others of `REQUESTS_CONCURRENT_MAX` wait here."""
PLACES_FOR_LARGE: Final = 8
LARGE_BODY_PAUSE_SECONDS: Final = 0.5
"""Between two large bodies of one user. To read one takes the edge's only thread up to 10 ms, in which all others wait:
twice a second is less than the one request in twenty whose time they would notice."""
EXPORTS: Final = 8
PICTURES_AT_ONCE: Final = 2
"""Each is the work of a core for a moment."""
UPLOAD_WAIT_SECONDS_MAX: Final = 60.0
_SENT_HEADERS: Final = (
    "Authorization",
    "Content-Type",
    "Idempotency-Key",
    "If-None-Match",
    "If-Range",
    "Natter-Assistant",
    "Natter-Edit",
    "Natter-On-Busy",
    "Natter-Time-Zone",
    "Range",
    "X-Request-Id",
)


def create_app(settings: Settings) -> FastAPI:
    """The HTTP application, without what it needs at run time: see `open_edge`."""
    app = FastAPI(
        title="Natter",
        version="1.0.0",
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False},  # its spans have addresses, with users' ids
    )
    of_users = (
        assistants,
        attachments,
        chat,
        chatkit,
        chatkit_session,
        conversations,
        shares,
        runs,
        schedules,
        tasks,
        connections,
        webhooks,
        service_tokens,
        user,
    )
    routers = (
        shares.public_router,  # before those of users, one of whom may be called `shared`
        service_turns.router,
        operator.router,
        *(module.router for module in (*of_users, audit, operations)),
        attachments.streamed,
    )
    # Not `include_router`: it makes every route anew when the first request comes, 50 ms that somebody would wait for.
    for router in routers:
        app.router.routes.extend(router.routes)
    problems.install(app)
    if settings.cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=split(settings.cors_origins),
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=_SENT_HEADERS,
            expose_headers=list(HEADERS),
            max_age=600,
        )
    app.add_middleware(
        Door,
        body_bytes_max=settings.body_bytes_max,
        body_timeout_seconds=settings.body_timeout_seconds,
        upload_bytes_max=settings.upload_bytes_max + attachments.FORM_BYTES_MAX,
        upload_seconds_max=settings.upload_seconds_max,
        requests_concurrent_max=settings.requests_concurrent_max,
    )
    app.openapi = lambda: build_openapi(app)
    return app


@asynccontextmanager
async def open_edge(settings: Settings, app: FastAPI) -> AsyncGenerator[Edge]:
    """Connect to the bus and fetch the issuer's keys; the app answers while the block runs."""
    async with (
        open_verifier(settings, chat_token_ttl_seconds=settings.chat_token_ttl_seconds) as verifier,
        Bus.open(settings, service=Service.AUTH_EDGE) as bus,
        httpx.AsyncClient(verify=trusted(), follow_redirects=False) as scanner_client,
        open_transcriber(settings) as transcriber,
    ):
        permits = Permits(settings.requests_per_minute_max, asyncio.get_running_loop().time)
        edge = Edge(
            bus,
            verifier,
            permits,
            settings,
            _places(settings, PLACES, settings.user_requests_concurrent_max),
            _places(settings, PLACES_FOR_LARGE, 1, user_pause_seconds=LARGE_BODY_PAUSE_SECONDS),
            Refusals(asyncio.get_running_loop().time),
            SlowRefusals(),
            _secret_uses(settings.shared_reads_per_minute_max, settings),
            _secret_uses(settings.service_turns_per_minute_max, settings),
            FairQueue(EXPORTS, waiting_max=0, seconds_max=1, code=Code.RATE_LIMITED, user_places_max=1),
            _uploads(settings, bus, scanner_client),
            transcriber,
        )
        app.state.edge = edge
        app.state.health = _health(edge)
        yield edge


def _places(settings: Settings, places: int, user_places_max: int, user_pause_seconds: float = 0.0) -> FairQueue:
    return FairQueue(
        places,
        user_pause_seconds=user_pause_seconds,
        waiting_max=settings.requests_concurrent_max,
        seconds_max=settings.answer_timeout_seconds,
        code=Code.OVERLOADED,
        user_places_max=user_places_max,
    )


def _uploads(settings: Settings, bus: Bus, scanner_client: httpx.AsyncClient) -> Uploads:
    def queue(places: int, user_places_max: int) -> FairQueue:
        return FairQueue(
            places,
            waiting_max=settings.requests_concurrent_max,
            seconds_max=UPLOAD_WAIT_SECONDS_MAX,
            code=Code.OVERLOADED,
            user_places_max=user_places_max,
        )

    intake = Intake(
        open_file_store(settings, bus),
        settings.upload_types,
        settings.picture_bytes_max,
        settings.picture_pixels_max,
        Scanner(settings.scanner_url, scanner_client),
    )
    return Uploads(
        intake,
        queue(settings.uploads_concurrent_max, settings.user_uploads_concurrent_max),
        queue(PICTURES_AT_ONCE, 1),
        go_elsewhere=bool(settings.file_store_public_url),
    )


async def serve(settings: Settings, stop: asyncio.Event) -> None:
    """Run the service until `stop` is set; requests under way are answered first."""
    app = create_app(settings)
    async with open_edge(settings, app) as edge, RequestServer(edge.bus, None, service=Service.AUTH_EDGE):
        health: Health = app.state.health
        async with health_server(settings, health):
            await serve_until(stop, build_server(app, settings), health)


def _secret_uses(uses_max: int, settings: Settings) -> SecretUses:
    return SecretUses(uses_max, settings.shared_guesses_per_minute_max, asyncio.get_running_loop().time)


def _health(edge: Edge) -> Health:
    health = Health()
    probe = ListConversations(principal=Principal(user_id="natter:readiness"), limit=1)

    async def bus_is_connected() -> bool:
        return edge.bus.is_connected

    async def keys_are_loaded() -> bool:
        return edge.verifier.is_ready

    async def store_answers() -> bool:
        try:
            await edge.bus.request(probe, timeout_seconds=1.0, is_probe=True)
        except NatterError:
            return False
        return True

    health.check("bus", bus_is_connected)
    health.check("issuer_keys", keys_are_loaded)
    health.check("conversation_store", store_answers)
    return health
