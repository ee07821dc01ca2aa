"""A call on behalf of a verified user: every route under /api/{user_id} gets one, and no other way in exists."""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, Final, TypeVar

from actor_kit.bus import Bus
from actor_kit.fair_queue import FairQueue
from actor_kit.telemetry import user_hash
from contracts.errors import Code, RetryableError
from contracts.message import Command, Query, Reply
from fastapi import APIRouter, Depends, Request, Response
from fastapi.routing import APIRoute
from identity import FileTokens, TokenVerifier, VerifiedPrincipal, read_bearer
from starlette.types import Message

from auth_edge import rules
from auth_edge.http.documented import operation_id
from auth_edge.permits import Permits, Refusals, SlowRefusals
from auth_edge.secret_uses import SecretUses
from auth_edge.settings import Settings
from auth_edge.transcription import Transcriber
from auth_edge.uploads import Uploads

CHAT_SCOPE = {"x-natter-scope": "chat"}
"""`openapi_extra` of the routes that a chat token opens; every other route needs a full token."""

LARGE_BODY_BYTES: Final = 64 * 1024
"""A message of 32,000 characters of Latin text is no large body."""

ReplyT = TypeVar("ReplyT", bound=Reply)


@dataclass(frozen=True)
class Edge:
    """What the routes need: the bus, the verifier of tokens, the budgets, the settings.

    In ``places`` users take turns: what one of them floods the edge with waits for itself. A large body waits in
    ``places_for_large`` as well, before more of it is read: reading and parsing it is what all others wait for.
    """

    bus: Bus
    verifier: TokenVerifier
    permits: Permits
    settings: Settings
    places: FairQueue
    places_for_large: FairQueue
    turn_refusals: Refusals
    slow_refusals: SlowRefusals
    shared_reads: SecretUses
    service_turns: SecretUses
    exports: FairQueue
    """Who is being sent everything of theirs: one export of a user at a time, a few of all. Nobody waits."""
    uploads: Uploads
    transcriber: Transcriber | None

    @property
    def file_tokens(self) -> FileTokens:
        return FileTokens.beside(self.verifier.chat)


@dataclass(frozen=True)
class Call:
    """One admitted request. `deadline` is the loop's time at which the caller gets 503 instead of an answer.

    `answer_headers` go into whatever the answer will be, an error's too. What is in `waits_for` makes the answer
    instead of the route, and holds no place among the requests that are worked on.
    """

    edge: Edge
    principal: VerifiedPrincipal
    deadline: float
    answer_headers: dict[str, str]
    waits_for: list[Callable[[], Coroutine[Any, Any, Response]]] = field(
        default_factory=list[Callable[[], Coroutine[Any, Any, Response]]]
    )

    @property
    def passed_claims(self) -> dict[str, Any]:
        """Of the token's claims those that assistants may see."""
        claims = self.principal.claims
        return {name: claims[name] for name in self.edge.settings.claims_passed if name in claims}

    async def ask(self, message: Command[ReplyT] | Query[ReplyT]) -> ReplyT:
        """Ask conversation_store. Raises NatterError: its own, or that no answer came in time."""
        remaining_seconds = self.deadline - asyncio.get_running_loop().time()
        return await self.edge.bus.request(message, timeout_seconds=max(0.05, remaining_seconds))

    def renewed(self) -> "Call":
        """The same with its time before it: after a body that took as long as it took."""
        return replace(self, deadline=asyncio.get_running_loop().time() + self.edge.settings.answer_timeout_seconds)


class GuardedRoute(APIRoute):
    """A route that is reached with a token of the path's own user, within the user's budget, and not otherwise."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def guarded(request: Request) -> Response:
            edge: Edge = request.app.state.edge
            principal = await edge.verifier.verify(read_bearer(request.headers.get("authorization")))
            request.state.user_hash = user_hash(principal.user_id)
            self.admit(principal, request)
            request, is_large = await with_beginning(request)
            if is_large:
                async with edge.places_for_large.place(principal.user_id):
                    call, response = await answer(request, edge, principal)
            else:
                call, response = await answer(request, edge, principal)
            return await call.waits_for[0]() if call.waits_for else response

        async def answer(request: Request, edge: Edge, principal: VerifiedPrincipal) -> tuple[Call, Response]:
            await request.body()  # now, so that neither a stranger's body nor a slow one counts against the answer
            deadline = asyncio.get_running_loop().time() + edge.settings.answer_timeout_seconds
            call = Call(edge, principal, deadline, request.state.answer_headers)
            try:
                async with edge.places.place(principal.user_id):
                    await _take_permit(call)
                    request.state.call = call
                    return call, await handle(request)
            except RetryableError as error:
                if error.code == Code.RATE_LIMITED:
                    await edge.slow_refusals.wait()
                raise

        return guarded

    def admit(self, principal: VerifiedPrincipal, request: Request) -> None:
        """Raises TerminalError (forbidden)."""
        allows_chat_scope = (self.openapi_extra or {}).get("x-natter-scope") == "chat"
        rules.admit(principal, request.path_params["user_id"], allows_chat_scope=allows_chat_scope)


class OperatorRoute(GuardedRoute):
    """A route that is reached with the token of an operator, whoever they are, and not otherwise."""

    def admit(self, principal: VerifiedPrincipal, request: Request) -> None:  # noqa: ARG002 - of no user's path
        """Raises TerminalError (operator_only)."""
        rules.admit_operator(principal, principal.claims)


class StreamedRoute(APIRoute):
    """As `GuardedRoute`, for files: neither body nor answer is held, and neither takes a place among the requests.

    A route with `FILE_TOKEN` is opened by the token in a file's address as well.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        access = (self.openapi_extra or {}).get("x-natter-file-token")

        async def streamed(request: Request) -> Response:
            edge: Edge = request.app.state.edge
            token = request.query_params.get("token")
            if access is not None and token is not None:
                principal = edge.file_tokens.verify(token, request.path_params["attachment_id"], access)
            else:
                principal = await edge.verifier.verify(read_bearer(request.headers.get("authorization")))
            request.state.user_hash = user_hash(principal.user_id)
            rules.admit(principal, request.path_params["user_id"], allows_chat_scope=True)
            deadline = asyncio.get_running_loop().time() + edge.settings.answer_timeout_seconds
            call = Call(edge, principal, deadline, request.state.answer_headers)
            await _take_permit(call)
            request.state.call = call
            return await handle(request)

        return streamed


async def with_beginning(request: Request) -> tuple[Request, bool]:
    """The same request, of whose body has come what a small one has at most; and whether it goes on after that.

    What it says of its length counts for nothing: clients that stream say none. Raises what reading the body does.
    """
    come: deque[Message] = deque()
    size = 0
    while size <= LARGE_BODY_BYTES:
        message = await request.receive()
        come.append(message)
        size += len(message.get("body", b""))
        if not message.get("more_body", False):
            break

    async def receive() -> Message:
        return come.popleft() if come else await request.receive()

    return Request(request.scope, receive), size > LARGE_BODY_BYTES


async def _take_permit(call: Call) -> None:
    """Use one request of the user's budget, and say in the answer what is left of it. Raises NatterError."""
    limit = call.edge.settings.requests_per_minute_max
    call.answer_headers["ratelimit-policy"] = rate_limit_policy("requests", limit)
    try:
        rate = await call.edge.permits.take(call.principal, call.ask)
    except RetryableError as error:
        if error.code == Code.RATE_LIMITED:
            call.answer_headers["ratelimit"] = rate_limit("requests", 0, error.retry_after_seconds or 1)
        raise
    call.answer_headers["ratelimit"] = rate_limit("requests", rate.remaining, rate.reset_seconds)


def rate_limit_policy(name: str, limit: int) -> str:
    """RateLimit-Policy (draft-ietf-httpapi-ratelimit-headers): a budget for each window of a minute."""
    return f'"{name}";q={limit};w=60'


def rate_limit(name: str, remaining: int, reset_seconds: float) -> str:
    """RateLimit (of the same draft): what is left, and seconds until there is more."""
    return f'"{name}";r={remaining};t={round(reset_seconds)}'


async def _call(request: Request) -> Call:  # a plain function would be run in a thread
    return request.state.call


UserCall = Annotated[Call, Depends(_call)]


def user_router(tag: str, route_class: type[APIRoute] = GuardedRoute) -> APIRouter:
    """A router for routes under /api/{user_id}; openapi.py declares the user and the token for all of them."""
    return APIRouter(
        prefix="/api/{user_id}",
        tags=[tag],
        route_class=route_class,
        generate_unique_id_function=operation_id,
    )
