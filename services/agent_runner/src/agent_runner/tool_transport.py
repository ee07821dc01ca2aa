"""What the SDK does not say of a call that failed: that it was never sent, or was sent and has lost its answer."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from types import TracebackType
from typing import Any

import anyio
import httpx2
from mcp import MCPError
from mcp.shared.message import SessionMessage
from mcp.types import CONNECTION_CLOSED, JSONRPCRequest

CALL_ID_META = "natter/call_id"
"""The key in a tool call's ``_meta`` under which a server finds the call's idempotency key."""
NOT_REACHED = 1_001
ANSWER_LOST = 1_002
"""Codes of the JSON-RPC errors that stand for a failed HTTP request; outside of the protocol's own."""
UNAUTHORIZED = 401
_GATEWAY_CODES = {502: ANSWER_LOST, 503: NOT_REACHED, 504: ANSWER_LOST}
"""What a proxy says of a server that is away, where the answer is not the server's own JSON."""
_NOT_SENT = (httpx2.ConnectError, httpx2.ConnectTimeout, httpx2.PoolTimeout, httpx2.ProxyError)


class McpHttp(httpx2.AsyncClient):
    """Answers a request that fails with a JSON-RPC error: an exception would end every other call of the connection.

    ``refusal`` is the last answer that was an HTTP error, for the log.
    """

    refusal: str | None = None
    wire: "Wire | None" = None
    """Told of an answer 401, where a user's token may be refused."""

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        try:
            response = await super().send(request, **options)
        except _NOT_SENT as error:
            return self._failed(request, NOT_REACHED, f"{type(error).__name__} {error}")
        except httpx2.TransportError as error:
            return self._failed(request, ANSWER_LOST, f"{type(error).__name__} {error}")
        if response.is_error:
            self.refusal = f"{response.status_code} {response.reason_phrase}"
            if response.status_code == UNAUTHORIZED and self.wire is not None:
                self.wire.is_unauthorized = True
                await response.aclose()
                return self._failed(request, NOT_REACHED, self.refusal)
            code = _GATEWAY_CODES.get(response.status_code)
            if code is not None and "json" not in response.headers.get("content-type", ""):
                await response.aclose()
                return self._failed(request, code, self.refusal)
        return response

    def _failed(self, request: httpx2.Request, code: int, refusal: str) -> httpx2.Response:
        self.refusal = refusal
        body = {"jsonrpc": "2.0", "id": None, "error": {"code": code, "message": self.refusal}}
        return httpx2.Response(502, json=body, request=request)


@dataclass
class CallNote:
    """Whether a call was handed to its transport; `call_note` finds it there, in the task that calls."""

    is_sent: bool = False


call_note: ContextVar[CallNote | None] = ContextVar("call_note", default=None)


@dataclass
class Wire:
    """One connection's transport: whether it has ended, and whether it is let in."""

    has_ended: bool = False
    is_unauthorized: bool = False
    """The server has refused the user's token: what was asked with it has not happened."""

    def may_have_begun(self, note: CallNote, error: MCPError) -> bool | None:
        """Whether a call that failed was sent, so that only its answer is lost; False: it was not sent.

        None: the error is the server's own answer.
        """
        if error.code == NOT_REACHED:
            return False
        if error.code == ANSWER_LOST or (error.code == CONNECTION_CLOSED and error.message.startswith("SSE stream")):
            return True
        if error.message == "Session terminated":  # an HTTP server that was restarted and knows its session no more
            self.has_ended = True
            return False
        return note.is_sent if self.has_ended else None


@asynccontextmanager
async def watched(transport: AbstractAsyncContextManager[Any], wire: Wire) -> AsyncGenerator[Any]:
    """The transport, with its streams noted in ``wire``."""
    async with transport as (reads, writes):
        yield _WatchedReads(reads, wire), _WatchedWrites(writes, wire)


class _Watched:
    def __init__(self, inner: Any, wire: Wire) -> None:
        self._inner = inner
        self._wire = wire

    async def __aenter__(self) -> Any:
        await self._inner.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return await self._inner.__aexit__(kind, error, trace)

    async def aclose(self) -> None:
        await self._inner.aclose()


class _WatchedReads(_Watched):
    @property
    def last_context(self) -> Any:
        """The SDK's streams over HTTP carry their sender's context."""
        return getattr(self._inner, "last_context", None)

    def __aiter__(self) -> "_WatchedReads":
        return self

    async def __anext__(self) -> Any:
        try:
            return await self._inner.__anext__()
        except (StopAsyncIteration, anyio.ClosedResourceError, asyncio.CancelledError):
            self._wire.has_ended = True
            raise

    async def receive(self) -> Any:
        return await self._inner.receive()


class _WatchedWrites(_Watched):
    async def send(self, item: SessionMessage, /) -> None:
        request, note = item.message, call_note.get()
        if note is not None and isinstance(request, JSONRPCRequest) and request.method == "tools/call":
            note.is_sent = True
        await self._inner.send(item)
