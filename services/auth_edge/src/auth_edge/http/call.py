"""A call on behalf of a verified user: every route under /api/{user_id} gets one, and no other way in exists."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from actor_kit.bus import Bus
from contracts.message import Command, Query, Reply
from contracts.replies import RateChecked
from fastapi import APIRouter, Depends, Path, Request, Response, Security
from fastapi.routing import APIRoute
from fastapi.security import HTTPBearer
from identity import Principal, TokenVerifier, read_bearer

from auth_edge import rules
from auth_edge.permits import Permits
from auth_edge.settings import Settings

CHAT_SCOPE = {"x-natter-scope": "chat"}
"""`openapi_extra` of the routes that a chat token opens; every other route needs a full token."""

ReplyT = TypeVar("ReplyT", bound=Reply)


@dataclass(frozen=True)
class Edge:
    """What the routes need: the bus, the verifier of tokens, the budgets, the settings."""

    bus: Bus
    verifier: TokenVerifier
    permits: Permits
    settings: Settings


@dataclass(frozen=True)
class Call:
    """One admitted request. `deadline` is the loop's time at which the caller gets 503 instead of an answer."""

    edge: Edge
    principal: Principal
    deadline: float

    async def ask(self, message: Command[ReplyT] | Query[ReplyT]) -> ReplyT:
        """Ask conversation_store. Raises NatterError: its own, or that no answer came in time."""
        remaining_seconds = self.deadline - asyncio.get_running_loop().time()
        return await self.edge.bus.request(message, timeout_seconds=max(0.05, remaining_seconds))


class GuardedRoute(APIRoute):
    """A route that is reached with a token of the path's own user, within the user's budget, and not otherwise."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        allows_chat_scope = (self.openapi_extra or {}).get("x-natter-scope") == "chat"

        async def guarded(request: Request) -> Response:
            edge: Edge = request.app.state.edge
            principal = await edge.verifier.verify(read_bearer(request.headers.get("authorization")))
            request.state.user_hash = rules.user_hash(principal.user_id)
            rules.admit(principal, request.path_params["user_id"], allows_chat_scope=allows_chat_scope)
            await request.body()  # now, so that neither a stranger's body nor a slow one counts against the answer
            deadline = asyncio.get_running_loop().time() + edge.settings.answer_timeout_seconds
            call = Call(edge, principal, deadline)
            policy = f'"requests";q={edge.settings.requests_per_minute_max};w=60'
            request.state.answer_headers["ratelimit-policy"] = policy
            rate = await edge.permits.take(principal, call.ask)
            request.state.answer_headers["ratelimit"] = _rate_limit(rate)
            request.state.call = call
            return await handle(request)

        return guarded


def _rate_limit(rate: RateChecked) -> str:
    """RateLimit (draft-ietf-httpapi-ratelimit-headers): what is left, and seconds until it starts anew."""
    return f'"requests";r={rate.remaining};t={round(rate.reset_seconds)}'


def _call(request: Request) -> Call:
    return request.state.call


def _user_in_path(
    user_id: Annotated[str, Path(description="The token's own user (its `sub`), percent-encoded.", examples=["alice"])],
) -> None:
    """Declares the parameter; GuardedRoute has compared it with the token."""
    del user_id


Caller = Annotated[Call, Depends(_call)]
_bearer = HTTPBearer(auto_error=False, bearerFormat="JWT", scheme_name="bearer")


def user_router(tag: str) -> APIRouter:
    """A router for routes under /api/{user_id}."""
    return APIRouter(
        prefix="/api/{user_id}",
        tags=[tag],
        route_class=GuardedRoute,
        dependencies=[Depends(_user_in_path), Security(_bearer)],
    )
