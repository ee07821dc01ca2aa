"""For whom a tool is called: from the run token over HTTP, from the settings over stdio; never from an argument."""

import asyncio
import json
import time
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any, Final, cast

from actor_kit.bus import Bus
from actor_kit.proof import Proof, claims_of_run_token
from contracts.commands import EffectKey
from contracts.errors import RetryableError, TerminalError
from contracts.identity import Principal
from contracts.queries import GetRun
from identity import InvalidToken, read_bearer, www_authenticate
from mcp.server.mcpserver import Context
from mcp.server.mcpserver.exceptions import ToolError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

RUN_SCOPE_KEY: Final = "natter.run"
TOKEN_SCOPE_KEY: Final = "natter.run_token"  # noqa: S105 - a key of the scope
CALL_ID_META: Final = "natter/call_id"
"""Where a runner says in a call's ``_meta`` which call of its run it is."""
CALL_ID_CHARACTERS_MAX: Final = 255
OPEN_PATHS: Final = frozenset({"/healthz"})
OPEN_METHODS: Final = frozenset(
    {"initialize", "notifications/initialized", "notifications/cancelled", "ping", "server/discover", "tools/list"}
)
"""What needs no run: it says which tools there are, to a runner that has no run yet, and nothing of anybody."""
BODY_BYTES_MAX: Final = 1024 * 1024
BODY_SECONDS_MAX: Final = 10.0
TOKENS_REMEMBERED_MAX: Final = 1_000
REMEMBERED_SECONDS: Final = 5.0
"""How long a token that the store has accepted opens this door. Each call's effect is checked by the store again."""


@dataclass(frozen=True)
class Caller:
    """The user, what proves it to the store, and the key that makes a call's effect happen once (within a run)."""

    principal: Principal
    run_token: str | None
    effect_key: EffectKey | None


def caller_of(context: Context[Any, Any], stdio_user_id: str | None, *, changes: bool) -> Caller:
    """Who calls. Raises ToolError where the transport says nobody, or where a run's change names no call."""
    request = context.request_context.request
    if isinstance(request, Request):
        proof: Proof = request.scope[RUN_SCOPE_KEY]
        assert proof.run is not None
        key = _effect_key(proof.run.run_id, context)
        if changes and key is None:
            raise ToolError(f"_meta.{CALL_ID_META} is missing: a change of a run is made once for each of its calls.")
        return Caller(Principal(user_id=proof.user_id), request.scope[TOKEN_SCOPE_KEY], key)
    if stdio_user_id is None:
        raise ToolError("TASK_TOOLS_USER_ID is not set, so there is no user to act for.")
    return Caller(Principal(user_id=stdio_user_id), None, None)


def _effect_key(run_id: str, context: Context[Any, Any]) -> EffectKey | None:
    meta: Any = context.request_context.meta or {}
    call_id = meta.get(CALL_ID_META)
    if not isinstance(call_id, str) or not 0 < len(call_id) <= CALL_ID_CHARACTERS_MAX:
        return None
    return EffectKey(run_id=run_id, call_id=call_id)


@dataclass
class RunTokens:
    """Has run tokens judged by the store, which alone can: it signed them, and knows whether their run goes on."""

    bus: Bus
    _accepted: OrderedDict[str, tuple[float, Proof]] = field(default_factory=OrderedDict[str, tuple[float, Proof]])

    async def check(self, token: str) -> Proof:
        """What the token proves. Raises InvalidToken; RetryableError where the store is away."""
        until, proof = self._accepted.get(token, (0.0, None))
        if proof is not None and until > time.monotonic():
            return proof
        try:
            proof = claims_of_run_token(token)
            assert proof.run is not None
            query = GetRun(principal=Principal(user_id=proof.user_id), run_id=proof.run.run_id)
            await self.bus.request(query, run_token=token)
        except ValueError as error:
            raise InvalidToken("token_type_wrong", "this is not a run token") from error
        except TerminalError as error:
            raise InvalidToken("token_revoked", "the run has ended, or the token is not the store's") from error
        self._accepted[token] = (time.monotonic() + REMEMBERED_SECONDS, proof)
        while len(self._accepted) > TOKENS_REMEMBERED_MAX:
            self._accepted.popitem(last=False)
        return proof


class RequireRunToken:
    """ASGI middleware: 401 (RFC 6750) without a valid run token; else the run is in the scope.

    Without any token, what needs no run is answered: `OPEN_METHODS`.
    """

    def __init__(self, app: ASGIApp, tokens: RunTokens) -> None:
        self._app = app
        self._tokens = tokens

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS:
            await self._app(scope, receive, send)
            return
        authorization = Request(scope).headers.get("authorization")
        try:
            token = proof = None
            if authorization is not None:
                token = read_bearer(authorization)
                proof = await self._tokens.check(token)
            body = await _whole_body(Request(scope, receive))
            if proof is None:
                _check_open(body)
        except HTTPException as error:
            await Response(error.detail, error.status_code, {"Connection": "close"})(scope, receive, send)
            return
        except InvalidToken as error:
            body = {"error": error.code, "error_description": error.detail}
            refusal = JSONResponse(body, 401, {"WWW-Authenticate": www_authenticate(error)})
            await refusal(scope, receive, send)
            return
        except RetryableError as error:
            away = JSONResponse({"error": error.code, "error_description": error.detail}, 503, {"Retry-After": "1"})
            await away(scope, receive, send)
            return
        known = {} if proof is None else {RUN_SCOPE_KEY: proof, TOKEN_SCOPE_KEY: token}
        await self._app({**scope, **known}, _given_again(body, receive), send)


async def _whole_body(request: Request) -> bytes:
    """The body, within bounds of size and time. Raises HTTPException (413, 408)."""
    body = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS_MAX):
            async for chunk in request.stream():
                body += chunk
                if len(body) > BODY_BYTES_MAX:
                    raise HTTPException(413, f"A request body has at most {BODY_BYTES_MAX} bytes.")
    except TimeoutError as error:
        raise HTTPException(408, "The body took too long to arrive.") from error
    return bytes(body)


def _check_open(body: bytes) -> None:
    """Raises InvalidToken where it asks for what needs a run."""
    try:
        asked: Any = json.loads(body)
    except ValueError:
        asked = None
    method: Any = cast("dict[str, Any]", asked).get("method") if isinstance(asked, dict) else None
    if method not in OPEN_METHODS:
        raise InvalidToken("token_missing", "no Authorization header")


def _given_again(body: bytes, receive: Receive) -> Receive:
    given = False

    async def again() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return again
