"""What every HTTP request passes first: an id, a bound on its body, security headers on the answer, one line of log."""

import asyncio
import re
import time
import traceback
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import uuid4

import structlog
from actor_kit.telemetry import traced
from contracts.errors import Code, TerminalError
from opentelemetry.trace import Span
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from auth_edge.http import problems
from auth_edge.metrics import HTTP_SECONDS

_UPLOAD_PATH: Final = re.compile(r"/api/[^/]+/attachments(/[^/]+/content)?")
_REQUEST_ID: Final = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_DOCS_POLICY: Final = (
    b"default-src 'self'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; img-src 'self' data:"
)
_API_POLICY: Final = b"default-src 'none'; frame-ancestors 'none'"
_SECURITY_HEADERS: Final = (
    (b"cache-control", b"no-store"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cross-origin-resource-policy", b"same-site"),
)
_log = structlog.stdlib.get_logger("auth_edge.http")


@dataclass(frozen=True)
class Door:
    """ASGI middleware around the whole application."""

    app: ASGIApp
    body_bytes_max: int
    body_timeout_seconds: float
    upload_bytes_max: int
    upload_seconds_max: float
    requests_concurrent_max: int
    _inside: set["Visit"] = field(default_factory=set["Visit"])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = dict(scope["headers"])
        visit = Visit(scope, send, _request_id(headers))
        bounded = self._bounded(receive, scope, headers)
        trace = {
            name: headers[name.encode()].decode("latin-1") for name in ("traceparent",) if name.encode() in headers
        }
        with traced(trace, scope["method"]) as span:
            try:
                await self._let_in(visit, scope, bounded.receive)
            except Exception as error:  # noqa: BLE001 - whatever it is, the log says where, but not what was in it
                frames = traceback.extract_tb(error.__traceback__)[-8:]
                places = [f"{frame.filename.rsplit('/', 1)[-1]}:{frame.lineno}" for frame in frames]
                _log.error("http.bug", request_id=visit.request_id, error=type(error).__name__, places=places)
                if not visit.has_begun:
                    await problems.bug(Request(scope))(scope, receive, visit.send)
            finally:
                visit.finish(span)

    def _bounded(self, receive: Receive, scope: Scope, headers: dict[bytes, bytes]) -> "BoundedBody":
        """A file may be large and take long, as long as it goes on coming."""
        is_file = not headers.get(b"content-type", b"").startswith(b"application/json")
        if is_file and _UPLOAD_PATH.fullmatch(scope["path"]):
            seconds = self.upload_seconds_max
            return BoundedBody(receive, headers, self.upload_bytes_max, seconds, idle_seconds=self.body_timeout_seconds)
        return BoundedBody(receive, headers, self.body_bytes_max, self.body_timeout_seconds)

    async def _let_in(self, visit: "Visit", scope: Scope, receive: Receive) -> None:
        # Health is always answered; of the rest no more at once than can be answered in time.
        if not scope["path"].startswith("/api/"):
            await self.app(scope, receive, visit.send)
            return
        if len(self._inside) >= self.requests_concurrent_max:
            await problems.full(Request(scope))(scope, receive, visit.send)
            return
        self._inside.add(visit)
        try:
            await self.app(scope, receive, visit.send)
        finally:
            self._inside.discard(visit)


class Visit:
    """One request on its way through: what its answer gets, and what the log says of it."""

    def __init__(self, scope: Scope, send: Send, request_id: str) -> None:
        self._scope = scope
        self._send = send
        self._started = time.perf_counter()
        self._status = 0
        self.request_id = request_id
        self._state: MutableMapping[str, Any] = scope.setdefault("state", {})
        self._state["request_id"] = request_id
        self._state["answer_headers"] = {}

    @property
    def has_begun(self) -> bool:
        """Whether an answer is on its way already."""
        return self._status != 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message["headers"] = [*message.get("headers", ()), *self._more_headers(message)]
        await self._send(message)

    def _more_headers(self, message: Message) -> list[tuple[bytes, bytes]]:
        present = {name.lower() for name, _ in message.get("headers", ())}
        policy = _DOCS_POLICY if self._scope["path"] == "/docs" else _API_POLICY
        fixed = ((b"content-security-policy", policy), (b"x-request-id", self.request_id.encode()), *_SECURITY_HEADERS)
        own = ((name.encode(), value.encode("latin-1")) for name, value in self._state["answer_headers"].items())
        return [(name, value) for name, value in (*own, *fixed) if name not in present]

    def finish(self, span: Span) -> None:
        """Write the line of log and the figures. A path holds ids, so the route's template stands for it."""
        seconds = time.perf_counter() - self._started
        route = getattr(self._scope.get("route"), "path", "-")
        span.update_name(f"{self._scope['method']} {route}")
        span.set_attribute("http.response.status_code", self._status)
        HTTP_SECONDS.labels(self._scope["method"], route, self._status).observe(seconds)
        _log.info(
            "http.request",
            request_id=self.request_id,
            method=self._scope["method"],
            route=route,
            status=self._status,
            code=self._state.get("code"),
            user=self._state.get("user_hash"),
            duration_ms=round(seconds * 1000, 2),
        )


class BoundedBody:
    """The request's body, with a bound on its size and on the time that it may take to arrive."""

    def __init__(
        self,
        receive: Receive,
        headers: dict[bytes, bytes],
        bytes_max: int,
        timeout_seconds: float,
        *,
        idle_seconds: float | None = None,
    ) -> None:
        self._receive = receive
        self._declared = headers.get(b"content-length", b"0")
        self._bytes_max = bytes_max
        self._timeout_seconds = timeout_seconds
        self._idle_seconds = timeout_seconds if idle_seconds is None else idle_seconds
        self._deadline: float | None = None
        self._bytes_read = 0
        self._is_complete = False

    async def receive(self) -> Message:
        """Raises TerminalError (payload_too_large), HTTPException (408)."""
        if self._is_complete:
            return await self._receive()
        if self._declared.isdigit() and (len(self._declared) > 18 or int(self._declared) > self._bytes_max):
            raise self._too_large()
        now = asyncio.get_running_loop().time()
        self._deadline = self._deadline or now + self._timeout_seconds
        try:
            async with asyncio.timeout_at(min(self._deadline, now + self._idle_seconds)):
                message = await self._receive()
        except TimeoutError as error:
            raise HTTPException(408, "The body took too long to arrive", {"Connection": "close"}) from error
        if message["type"] == "http.request":
            self._bytes_read += len(message.get("body", b""))
            self._is_complete = not message.get("more_body", False)
            if self._bytes_read > self._bytes_max:
                raise self._too_large()
        return message

    def _too_large(self) -> TerminalError:
        return TerminalError(
            Code.PAYLOAD_TOO_LARGE, f"A request body has at most {self._bytes_max} bytes.", field="body"
        )


def _request_id(headers: dict[bytes, bytes]) -> str:
    """The caller's X-Request-Id if it is plain and short, else a new one."""
    sent = headers.get(b"x-request-id", b"")
    return sent.decode() if _REQUEST_ID.fullmatch(sent) else uuid4().hex
