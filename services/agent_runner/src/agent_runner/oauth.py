"""OAuth at a foreign MCP server, as MCP specifies it; the SDK's client does it, and here it waits for the user.

Discovery (RFC 9728, RFC 8414), registration (RFC 7591), scopes, the resource parameter (RFC 8707), the exchange and the
refresh are the SDK's. It would hold a connection while somebody is asked; here the question is a record that any
attempt of the run, on any runner, goes on from. https://modelcontextprotocol.io/specification/draft/basic/authorization
"""

import hashlib
import logging
import secrets
import time
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import httpx2
from mcp.client.auth import OAuthClientProvider, OAuthFlowError
from mcp.client.auth.oauth2 import PKCEParameters
from mcp.client.auth.utils import validate_authorization_response_iss
from mcp.shared.auth import (
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthMetadata,
    OAuthToken,
    ProtectedResourceMetadata,
)
from natterkit import OAuth
from pydantic import AnyUrl, BaseModel

logging.getLogger("mcp.client.auth").setLevel(logging.CRITICAL + 1)
"""The SDK logs what a token endpoint answered, and takes a question for an error; what went wrong is logged by us."""

EXPIRY_MARGIN_SECONDS = 30.0
"""A token is refreshed so long before its end: a call that begins with it should also end with it."""
PROBE = {"jsonrpc": "2.0", "id": "natter-authorization", "method": "ping"}
PROBE_HEADERS = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": "2025-11-25"}


class Question(BaseModel):
    """What a user is asked, and what only who asked it knows."""

    state: str
    verifier: str
    scope: str | None = None


class Record(BaseModel):
    """All that is known of one user at one server; sealed before it is stored."""

    tokens: OAuthToken | None = None
    expires_at: float | None = None
    client: OAuthClientInformationFull | None = None
    metadata: OAuthMetadata | None = None
    resource: ProtectedResourceMetadata | None = None
    auth_server_url: str | None = None
    question: Question | None = None

    @property
    def access_token(self) -> str | None:
        """The token, while it is good."""
        if self.tokens is None or (self.expires_at is not None and time.time() > self.expires_at):
            return None
        return self.tokens.access_token


class QuestionRaised(Exception):  # noqa: N818 - not an error: the user is to be asked
    """The server wants the user's consent, at this URL; the record holds the question."""

    def __init__(self, url: str) -> None:
        super().__init__("the user is to be asked")
        self.url = url


class OAuthClient(OAuthClientProvider):
    """The SDK's client, with a record for its memory and a question where it would wait for an answer."""

    def __init__(self, server_url: str, config: OAuth, redirect_uri: str, record: Record) -> None:
        self.record = record
        self._config = config
        is_local = redirect_uri.startswith("http://")
        metadata = OAuthClientMetadata(
            redirect_uris=[AnyUrl(redirect_uri)],
            client_name=config.client_name,
            token_endpoint_auth_method="none",  # noqa: S106 - the name of a method
            application_type="native" if is_local else "web",
        )
        super().__init__(server_url, metadata, _Tokens(record))

    async def authorize(self, http: Callable[..., httpx2.AsyncClient]) -> None:
        """Refresh the token, or find out how to ask. Raises QuestionRaised; OAuthFlowError, httpx2.HTTPError.

        The server is asked for nothing (a ping): what it answers to that is what the flow begins with.
        """
        async with http(auth=self) as client:
            await client.post(self.context.server_url, json=PROBE, headers=PROBE_HEADERS)
        self._note()

    async def exchange(self, code: str, issuer: str | None, http: Callable[..., httpx2.AsyncClient]) -> None:
        """Get tokens for the code that came back. Raises OAuthFlowError, httpx2.HTTPError."""
        await self._initialize()
        question = self.record.question
        if question is None:
            raise OAuthFlowError("nothing was asked")
        validate_authorization_response_iss(issuer, self.context.oauth_metadata)
        self.context.client_metadata.scope = question.scope
        request = await self._exchange_token_authorization_code(code, question.verifier)
        async with http() as client:
            response = await client.send(request)
            await self._handle_token_response(response)
        self.record.question = None
        self._note()

    async def _initialize(self) -> None:
        record, context = self.record, self.context
        context.current_tokens, context.token_expiry_time = record.tokens, record.expires_at
        context.client_info = self._registered() or record.client
        context.oauth_metadata, context.protected_resource_metadata = record.metadata, record.resource
        context.auth_server_url = record.auth_server_url
        self._initialized = True

    async def _perform_authorization(self) -> httpx2.Request:
        """In place of waiting: the question, with what finishing it needs. Raises QuestionRaised, OAuthFlowError."""
        context = self.context
        if context.client_info is None or context.oauth_metadata is None:
            raise OAuthFlowError("the authorization server has no metadata")
        pkce = PKCEParameters.generate()
        scope = self._config.scope or context.client_metadata.scope
        question = Question(state=secrets.token_urlsafe(32), verifier=pkce.code_verifier, scope=scope)
        asked = {
            "response_type": "code",
            "client_id": context.client_info.client_id,
            "redirect_uri": str((context.client_metadata.redirect_uris or [])[0]),
            "state": question.state,
            "code_challenge": pkce.code_challenge,
            "code_challenge_method": "S256",
            "resource": context.get_resource_url(),
            **({"scope": scope} if scope else {}),
            **({"prompt": "consent"} if scope and "offline_access" in scope.split() else {}),
        }
        self._note()
        self.record.tokens = self.record.expires_at = None
        self.record.question = question
        raise QuestionRaised(f"{context.oauth_metadata.authorization_endpoint}?{urlencode(asked)}")

    def _registered(self) -> OAuthClientInformationFull | None:
        """The client that an operator has registered by hand."""
        config = self._config
        if config.client_id is None:
            return None
        secret = config.client_secret.get_secret_value() if config.client_secret else None
        return OAuthClientInformationFull(
            client_id=config.client_id,
            client_secret=secret,
            redirect_uris=self.context.client_metadata.redirect_uris,
            token_endpoint_auth_method=config.token_endpoint_auth_method if secret else "none",
        )

    def _note(self) -> None:
        """Keep in the record what the SDK has learnt."""
        context, record = self.context, self.record
        record.client = context.client_info if self._config.client_id is None else None
        record.metadata, record.resource = context.oauth_metadata, context.protected_resource_metadata
        record.auth_server_url = context.auth_server_url


class _Tokens:
    """The SDK's storage: new tokens go into the record; what else it learns is noted when a step is whole."""

    def __init__(self, record: Record) -> None:
        self._record = record

    async def get_tokens(self) -> OAuthToken | None:
        return None

    async def set_tokens(self, tokens: OAuthToken) -> None:
        record, lifetime = self._record, tokens.expires_in
        record.tokens = tokens
        record.expires_at = time.time() + max(lifetime - EXPIRY_MARGIN_SECONDS, lifetime / 2) if lifetime else None

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return None

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        pass


def state_hash(state: str) -> str:
    """How a question is found again by the ``state`` that comes back: the store never holds the state itself."""
    return hashlib.sha256(state.encode()).hexdigest()


def as_sealed(record: Record) -> dict[str, Any]:
    return record.model_dump(mode="json", exclude_none=True)
