"""For whom a tool is called: from the run token over HTTP, from the settings over stdio; never from an argument."""

from dataclasses import dataclass
from typing import Any

from contracts.commands import EffectKey
from contracts.identity import Principal
from identity import InvalidToken, read_bearer, www_authenticate
from identity.run_token import RunIdentity, verify
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from agent_runner.tool_servers import CALL_ID_META

RUN_SCOPE_KEY = "natter.run"
CALL_ID_CHARACTERS_MAX = 255
OPEN_PATHS = frozenset({"/healthz"})


@dataclass(frozen=True)
class Caller:
    """The user, and the key that makes this call's effect happen once (absent outside of a run)."""

    principal: Principal
    effect_key: EffectKey | None


def caller_of(context: Context[Any, Any], stdio_user_id: str | None) -> Caller:
    """Who calls. Raises ToolError where the transport says nobody."""
    request = context.request_context.request
    if isinstance(request, Request):
        run: RunIdentity = request.scope[RUN_SCOPE_KEY]
        return Caller(Principal(user_id=run.user_id), _effect_key(run.run_id, context))
    if stdio_user_id is None:
        raise ToolError("TASK_TOOLS_USER_ID is not set, so there is no user to act for.")
    return Caller(Principal(user_id=stdio_user_id), None)


def _effect_key(run_id: str, context: Context[Any, Any]) -> EffectKey | None:
    meta: Any = context.request_context.meta or {}
    call_id = meta.get(CALL_ID_META)
    if not isinstance(call_id, str) or not 0 < len(call_id) <= CALL_ID_CHARACTERS_MAX:
        return None
    return EffectKey(run_id=run_id, call_id=call_id)


class RequireRunToken:
    """ASGI middleware: 401 (RFC 6750) without a valid run token; else the run is in the scope."""

    def __init__(self, app: ASGIApp, secret: bytes) -> None:
        self._app = app
        self._secret = secret

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        try:
            run = verify(read_bearer(Request(scope).headers.get("authorization")), self._secret)
        except InvalidToken as error:
            body = {"error": error.code, "error_description": error.detail}
            refusal = JSONResponse(body, 401, {"WWW-Authenticate": www_authenticate(error)})
            await refusal(scope, receive, send)
            return
        await self._app({**scope, RUN_SCOPE_KEY: run.identity}, receive, send)
