"""The routes: who may open which stream, how many and for how long, and errors as problem details (RFC 9457)."""

import asyncio
import random
import re
import time
from collections import Counter, OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from actor_kit.bus import Received
from actor_kit.health import Health
from actor_kit.problems import CODE_OF_STATUS, MEDIA_TYPE, problem_json, retry_after, status_of
from actor_kit.telemetry import user_hash
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from contracts.events import TokensRevoked
from contracts.ids import ID_PATTERN
from identity import InvalidToken, TokenVerifier, VerifiedPrincipal, read_bearer, www_authenticate
from sse_starlette.sse import SendTimeoutError
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from stream_relay.channel import Channel, Hub
from stream_relay.history import Attach, StreamRequest, patiently
from stream_relay.metrics import ATTACH_SECONDS, ENDS, REFUSED
from stream_relay.response import EventStreamResponse
from stream_relay.rules import read_place
from stream_relay.settings import Settings
from stream_relay.stream import Limits, Stream, Why
from stream_relay.translate import Filter

ID: Final = re.compile(ID_PATTERN)
WAIT: Final = re.compile(r"\d{1,9}")
NO_ID: Final = {"run_id": "changed", "conversation_id": "tasks"}
"""Words that subjects of DELTAS have where others have an id: no run or conversation can be called so."""
AGE_JITTER: Final = 0.1
REVOCATIONS_MAX: Final = 10_000
CHECK_SECONDS_WAITED_MAX: Final = 0.25
REVOKED: Final = "This token was revoked: sign in again."
LEAST_SECONDS: Final = 1.0
"""A token that was accepted within the leeway has expired already: its stream still gets this long."""
MakeResponse = Callable[..., Any]

log = structlog.stdlib.get_logger("stream_relay.http")


class Streams:
    """The three stream routes as one ASGI endpoint, within the settings' limits of number and age."""

    def __init__(
        self,
        hub: Hub,
        attach: Attach,
        verifier: TokenVerifier,
        settings: Settings,
        make_response: MakeResponse = EventStreamResponse,
    ) -> None:
        self._hub = hub
        self._attach = attach
        self._verifier = verifier
        self._settings = settings
        self._make_response = make_response
        self._streams: set[Stream] = set()
        self._streams_of: Counter[str] = Counter()
        self._is_stopping = False
        self._issued_at: dict[Stream, datetime] = {}
        self._valid_from: OrderedDict[str, int] = OrderedDict()
        self._listening_since = datetime.now(UTC)
        self._asking: dict[tuple[str, datetime], asyncio.Task[None]] = {}
        self._limits = Limits(
            heartbeat_seconds=settings.relay_heartbeat_seconds,
            retry_milliseconds_max=settings.relay_retry_milliseconds_max,
            queue_frames_max=settings.relay_queue_frames_max,
            queue_bytes_max=settings.relay_queue_bytes_max,
            end_check_seconds=settings.relay_audit_seconds,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = time.perf_counter()
        request = Request(scope)
        if request.method != "GET":
            await problem_of(HTTPException(405))(scope, receive, send)
            return
        try:
            caller = await self._verifier.verify(read_bearer(request.headers.get("authorization")))
            opened = await self._open(caller, _read(request, caller))
        except Exception as error:  # noqa: BLE001  whatever it is, the caller gets an answer
            await problem_of(error)(scope, receive, send)
            return
        ATTACH_SECONDS.labels(_kind(request)).observe(time.perf_counter() - started)
        if opened is None:
            await Response(status_code=204, headers={"Cache-Control": "no-store"})(scope, receive, send)
            return
        stream, channel = opened
        response = self._make_response(stream.chunks(channel), send_timeout=self._settings.relay_send_timeout_seconds)
        started = time.monotonic()
        try:
            await response(scope, receive, send)
        except SendTimeoutError:
            stream.why = Why.TOO_SLOW
        finally:
            await self._close(stream, channel)
            _log_end(stream, time.monotonic() - started)

    def on_tokens_revoked(self, received: Received) -> None:
        """End the streams that older tokens of the user have opened, and refuse those tokens from now on."""
        event = TokensRevoked.decode(received.payload)
        self._revoke(event.user_id, event.valid_from_seconds)

    def _revoke(self, user_id: str, valid_from_seconds: int) -> None:
        self._valid_from[user_id] = max(valid_from_seconds, self._valid_from.get(user_id, 0))
        self._valid_from.move_to_end(user_id)
        while len(self._valid_from) > REVOCATIONS_MAX:
            self._valid_from.popitem(last=False)
            self._listening_since = datetime.now(UTC)  # the store knows the revocation that was forgotten
        for stream, issued_at in self._issued_at.items():
            if stream.wanted.user_id == user_id and self._is_revoked(user_id, issued_at):
                stream.end(Why.TOKEN_REVOKED)

    def _is_revoked(self, user_id: str, issued_at: datetime) -> bool:
        return issued_at.timestamp() < self._valid_from.get(user_id, 0)

    async def on_reconnected(self) -> None:
        """Trust only newer tokens without asking the store: a revocation may have been published meanwhile."""
        self._listening_since = datetime.now(UTC)

    async def _check_not_revoked(self, caller: VerifiedPrincipal) -> None:
        """Ask the store about a token that is older than this relay's subscription to revocations.

        A slow store keeps nobody from reading: its answer ends the stream when it comes. Without an answer the stream
        ends with its token, minutes later.
        Raises InvalidToken, TerminalError (token_revoked).
        """
        if self._is_revoked(caller.user_id, caller.issued_at):
            raise InvalidToken("token_revoked", REVOKED)
        if caller.issued_at >= self._listening_since:
            return
        token = (caller.user_id, caller.issued_at)
        if token in self._asking:
            return  # one question for all streams of a token; its answer ends this stream as well
        asking = self._asking[token] = asyncio.create_task(self._ask_whether_revoked(caller))
        asking.add_done_callback(lambda _: self._asking.pop(token, None))
        done, _ = await asyncio.wait({asking}, timeout=CHECK_SECONDS_WAITED_MAX)
        if done and self._is_revoked(caller.user_id, caller.issued_at):
            raise InvalidToken("token_revoked", REVOKED)

    async def _ask_whether_revoked(self, caller: VerifiedPrincipal) -> None:
        try:
            await self._attach.stored.check_access(caller)
        except RetryableError:
            return
        except TerminalError as error:
            if error.code == Code.TOKEN_REVOKED:
                self._revoke(caller.user_id, int(caller.issued_at.timestamp()) + 1)

    def stop(self) -> None:
        """Open no more streams, and end all that are open: their viewers connect again, to another relay."""
        self._is_stopping = True
        for stream in [*self._streams]:
            stream.end(Why.STOPPING)

    async def _open(self, caller: VerifiedPrincipal, asked: StreamRequest) -> tuple[Stream, Channel] | None:
        """Open a stream; None: its viewer has seen the end.

        Raises TerminalError (forbidden, not_found), RetryableError (too_many_streams, overloaded,
        store_unavailable, bus_unavailable, deadline_exceeded).
        """
        await self._check_not_revoked(caller)
        self._count_in(caller.user_id)
        stream = Stream(asked, self._attach, self._limits)
        async with AsyncExitStack() as undo:
            undo.callback(self._count_out, caller.user_id)
            channel = await self._hub.join(asked.wanted, stream)
            undo.push_async_callback(self._hub.leave, channel, stream)
            if not await patiently(stream.open):
                return None
            await asyncio.shield(channel.settled)
            undo.pop_all()
        self._end_in_time(stream, caller)
        self._streams.add(stream)
        self._issued_at[stream] = caller.issued_at
        if self._is_revoked(caller.user_id, caller.issued_at):
            stream.end(Why.TOKEN_REVOKED)  # the revocation came while the stream was being opened
        if self._is_stopping:
            stream.end(Why.STOPPING)  # the stop came while the stream was being opened
        return stream, channel

    async def _close(self, stream: Stream, channel: Channel) -> None:
        self._streams.discard(stream)
        self._issued_at.pop(stream, None)
        self._count_out(stream.wanted.user_id)
        ENDS.labels(stream.why).inc()
        await self._hub.leave(channel, stream)

    def _count_in(self, user_id: str) -> None:
        if self._is_stopping or self._streams_of.total() >= self._settings.relay_viewers_max:
            raise RetryableError(Code.OVERLOADED, "This relay takes no more streams right now.")
        if self._streams_of[user_id] >= self._settings.relay_streams_per_user_max:
            raise RetryableError(
                Code.TOO_MANY_STREAMS,
                f"At most {self._settings.relay_streams_per_user_max} streams may be open at once.",
                retry_after_seconds=5,
            )
        self._streams_of[user_id] += 1

    def _count_out(self, user_id: str) -> None:
        self._streams_of[user_id] -= 1
        if not self._streams_of[user_id]:
            del self._streams_of[user_id]

    def _end_in_time(self, stream: Stream, caller: VerifiedPrincipal) -> None:
        now = asyncio.get_running_loop().time()
        jitter = random.uniform(1 - AGE_JITTER, 1 + AGE_JITTER)  # noqa: S311  spreads load, guards nothing
        stream.end_at(now + self._settings.relay_age_seconds_max * jitter, Why.TOO_OLD)
        valid_seconds = max(caller.expires_at.timestamp() - time.time(), LEAST_SECONDS)
        stream.end_at(now + valid_seconds, Why.TOKEN_EXPIRED)


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


def _log_end(stream: Stream, seconds: float) -> None:
    wanted = stream.wanted
    names = {"run_id": wanted.run_id, "conversation_id": wanted.conversation_id}
    ids = {name: value for name, value in names.items() if value is not None}
    log.info("stream.ended", why=stream.why, seconds=round(seconds, 3), user=user_hash(wanted.user_id), **ids)


def _kind(request: Request) -> str:
    if "run_id" in request.path_params:
        return "run"
    return "conversation" if "conversation_id" in request.path_params else "user"


def _read(request: Request, caller: VerifiedPrincipal) -> StreamRequest:
    """Read the request. Raises TerminalError (forbidden, not_found, invalid_request)."""
    if request.path_params["user_id"] != caller.user_id:
        raise TerminalError(Code.FORBIDDEN, "The path names another user than the token.")
    run_id, conversation_id = request.path_params.get("run_id"), request.path_params.get("conversation_id")
    for name, value in (("run_id", run_id), ("conversation_id", conversation_id)):
        if value is not None and not ID.fullmatch(value):
            raise TerminalError(
                Code.INVALID_REQUEST, "An id has 1 to 64 letters, digits, - and _.", field=f"path.{name}"
            )
        if value == NO_ID[name]:
            raise TerminalError.not_found(name.removesuffix("_id"))
    if caller.scope == "chat":
        if run_id is None and conversation_id is None:
            raise TerminalError(Code.FORBIDDEN, "A chat token opens the streams of runs and conversations only.")
        if caller.conversation_id is not None and conversation_id not in (None, caller.conversation_id):
            raise TerminalError.forbidden("conversation")
        conversation_id = conversation_id or caller.conversation_id
    wanted = Filter(caller.user_id, conversation_id, run_id)
    stream_format = request.query_params.get("format")
    if stream_format not in (None, "chatkit"):
        raise TerminalError(Code.INVALID_REQUEST, "The one format beside the default is chatkit.", field="query.format")
    # A browser that reconnects sends the header: it is newer than the parameter of its address.
    last_event_id = request.headers.get("last-event-id") or request.query_params.get("last_event_id")
    wait = request.query_params.get("wait", "0")
    if not WAIT.fullmatch(wait):
        raise TerminalError(Code.INVALID_REQUEST, "The number of a wait is expected.", field="query.wait")
    place, is_chatkit = read_place(last_event_id), stream_format == "chatkit"
    return StreamRequest(caller, wanted, place, is_chatkit=is_chatkit, wait=int(wait))


def problem_of(error: Exception) -> Response:
    """Turn any error into an HTTP answer."""
    if isinstance(error, InvalidToken):
        headers = {"WWW-Authenticate": www_authenticate(error)}
        return _problem(401, Code.UNAUTHENTICATED, error.detail, headers, reason=error.code)
    if isinstance(error, NatterError):
        status = status_of(error)
        if error.code == Code.TOKEN_REVOKED:
            return problem_of(InvalidToken("token_revoked", error.detail))
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
