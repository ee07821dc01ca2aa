"""The routes: who may ask for which stream, and errors as problem details (RFC 9457)."""

import re
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from actor_kit.health import Health
from actor_kit.problems import CODE_OF_STATUS, MEDIA_TYPE, problem_json, retry_after, status_of
from actor_kit.telemetry import user_hash
from contracts.errors import Code, NatterError, TerminalError
from contracts.identity import Principal
from contracts.ids import ID_PATTERN
from identity import InvalidToken, TokenVerifier, read_bearer, www_authenticate
from identity import Principal as Caller
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from stream_relay.attach import Asked, Over, ensure_nameable
from stream_relay.deltas import Filter
from stream_relay.metrics import ATTACH_SECONDS, REFUSED
from stream_relay.relay import Relay, Stream
from stream_relay.response import EventStreamResponse, SendTimeoutError
from stream_relay.rules import read_place
from stream_relay.settings import Settings
from stream_relay.viewer import Why

ID: Final = re.compile(ID_PATTERN)
MakeResponse = Callable[..., Any]

log = structlog.stdlib.get_logger("stream_relay.http")


@dataclass(frozen=True)
class Streams:
    """The three stream routes, as one ASGI endpoint."""

    relay: Relay
    verifier: TokenVerifier
    settings: Settings
    make_response: MakeResponse = EventStreamResponse

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = Request(scope)
        if request.method != "GET":
            await problem_of(HTTPException(405))(scope, receive, send)
            return
        try:
            caller = await self.verifier.verify(read_bearer(request.headers.get("authorization")))
            stream = await self.relay.open(caller, _read(request, caller))
        except Exception as error:  # noqa: BLE001  whatever it is, the caller gets an answer
            response = problem_of(error)
        else:
            ATTACH_SECONDS.labels(_kind(request)).observe(time.perf_counter() - started)
            if isinstance(stream, Over):
                response = Response(status_code=204, headers={"Cache-Control": "no-store"})
            else:
                await self._serve(stream, scope, receive, send)
                return
        await response(scope, receive, send)

    async def _serve(self, stream: Stream, scope: Scope, receive: Receive, send: Send) -> None:
        chunks = stream.viewer.chunks(stream.start, stream.channel)
        why: Why | None = None
        started = time.monotonic()
        try:
            await self.make_response(chunks, send_timeout=self.settings.relay_send_timeout_seconds)(
                scope, receive, send
            )
        except SendTimeoutError:
            why = Why.TOO_SLOW
        finally:
            await self.relay.close(stream, why)
            _log_end(stream, why or stream.viewer.why, time.monotonic() - started)


def create_app(
    streams: Callable[[Scope, Receive, Send], Awaitable[None]], health: Health, cors_origins: Sequence[str] = ()
) -> Starlette:
    """The application; `streams` serves every stream route. Pages of ``cors_origins`` may open streams as well."""
    handlers: dict[Any, Any] = {HTTPException: _on_error}
    app = Starlette(
        routes=[
            Route("/api/{user_id}/runs/{run_id}/stream", streams),
            Route("/api/{user_id}/conversations/{conversation_id}/stream", streams),
            Route("/api/{user_id}/stream", streams),
            *health.routes(),
        ],
        exception_handlers=handlers,
    )
    if cors_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=cors_origins,
            allow_methods=["GET"],
            allow_headers=["Authorization", "Last-Event-ID"],
            expose_headers=["Retry-After"],
            max_age=600,
        )
    return app


def _log_end(stream: Stream, why: Why, seconds: float) -> None:
    wanted = stream.viewer.wanted
    names = {"run_id": wanted.run_id, "conversation_id": wanted.conversation_id}
    ids = {name: value for name, value in names.items() if value is not None}
    log.info("stream.ended", why=why, seconds=round(seconds, 3), user=user_hash(wanted.user_id), **ids)


def _kind(request: Request) -> str:
    if "run_id" in request.path_params:
        return "run"
    return "conversation" if "conversation_id" in request.path_params else "user"


def _read(request: Request, caller: Caller) -> Asked:
    """Read the request. Raises TerminalError (forbidden, not_found, invalid_request)."""
    if request.path_params["user_id"] != caller.user_id:
        raise TerminalError(Code.FORBIDDEN, "The path names another user than the token.")
    run_id, conversation_id = request.path_params.get("run_id"), request.path_params.get("conversation_id")
    for name, value in (("run_id", run_id), ("conversation_id", conversation_id)):
        if value is not None and not ID.fullmatch(value):
            raise TerminalError(
                Code.INVALID_REQUEST, "An id has 1 to 64 letters, digits, - and _.", field=f"path.{name}"
            )
    if caller.scope == "chat":
        if run_id is None and conversation_id is None:
            raise TerminalError(Code.FORBIDDEN, "A chat token opens the streams of runs and conversations only.")
        if caller.conversation_id is not None and conversation_id not in (None, caller.conversation_id):
            raise TerminalError.forbidden("conversation")
        conversation_id = conversation_id or caller.conversation_id
    wanted = Filter(caller.user_id, conversation_id, run_id)
    ensure_nameable(wanted)
    stream_format = request.query_params.get("format")
    if stream_format not in (None, "chatkit"):
        raise TerminalError(Code.INVALID_REQUEST, "The one format beside the default is chatkit.", field="query.format")
    # The header is what a browser sends when it comes back: it knows better than the address it was given once.
    last_event_id = request.headers.get("last-event-id") or request.query_params.get("last_event_id")
    principal = Principal(user_id=caller.user_id, scope=caller.scope, conversation_id=caller.conversation_id)
    return Asked(principal, wanted, read_place(last_event_id), is_chatkit=stream_format == "chatkit")


def problem_of(error: Exception) -> Response:
    """Any error as the answer that it deserves."""
    if isinstance(error, InvalidToken):
        headers = {"WWW-Authenticate": www_authenticate(error)}
        return _problem(401, Code.UNAUTHENTICATED, error.detail, headers, reason=error.code)
    if isinstance(error, NatterError):
        status = status_of(error)
        headers = retry_after(error.retry_after_seconds) if status in (429, 503) else {}
        return _problem(status, error.code, error.detail, headers, field=error.field)
    if isinstance(error, HTTPException):
        headers = {"Allow": "GET"} if error.status_code == 405 else {}
        code = CODE_OF_STATUS.get(error.status_code, Code.INVALID_REQUEST)
        return _problem(error.status_code, code, f"{error.detail}.", headers)
    log.error("http.bug", exc_info=error)
    return _problem(500, Code.INTERNAL, "Something went wrong in the relay.")


async def _on_error(_request: Request, error: Exception) -> Response:
    return problem_of(error)


def _problem(
    status: int, code: Code, detail: str, headers: Mapping[str, str] | None = None, **members: str | None
) -> Response:
    REFUSED.labels(code).inc()
    all_headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff", **(headers or {})}
    return Response(problem_json(status, code, detail, **members), status, all_headers, MEDIA_TYPE)
