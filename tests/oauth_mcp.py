"""A foreign MCP server that acts for users who have allowed it: with the MCP SDK's own authorization server.

Metadata, registration, PKCE, redirects, the token endpoint and the guard before the tools are the SDK's server side;
what is here keeps what they hand out.
"""

import asyncio
import contextlib
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import uvicorn
from actor_kit.uvicorn_internals import QuietServer
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import (
    AccessToken,
    AuthorizationCode,
    AuthorizationParams,
    OAuthAuthorizationServerProvider,
    RefreshToken,
    TokenError,
    construct_redirect_uri,
)
from mcp.server.auth.settings import AuthSettings, ClientRegistrationOptions
from mcp.server.mcpserver import MCPServer
from mcp.shared.auth import OAuthClientInformationFull, OAuthToken
from natter.servers.ports import free_port
from pydantic import AnyHttpUrl

SCOPE = "events"


@dataclass
class CalendarServer(OAuthAuthorizationServerProvider[AuthorizationCode, RefreshToken, AccessToken]):
    """Start it with `running`. Whoever is asked is ``person``; ``declines``: they do not allow it. ``registers``: a
    client may register itself; else there are those of `clients` alone.
    """

    port: int = field(default_factory=free_port)
    person: str = "alice.at.calendar"
    declines: bool = False
    registers: bool = True
    token_seconds: int = 3_600
    clients: dict[str, OAuthClientInformationFull] = field(default_factory=dict)
    codes: dict[str, AuthorizationCode] = field(default_factory=dict)
    tokens: dict[str, AccessToken] = field(default_factory=dict)
    refresh_tokens: dict[str, RefreshToken] = field(default_factory=dict)
    refreshed_count: int = 0
    booked: list[tuple[str, str]] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/mcp"

    def withdraw(self, *, also_refresh: bool) -> None:
        """What a person does in the settings of their account, or an operator in a hurry."""
        self.tokens.clear()
        if also_refresh:
            self.refresh_tokens.clear()

    async def visit(self, authorization_url: str) -> dict[str, str]:
        """Go where the browser is sent, decide, and come back: the parameters of the redirect."""
        async with httpx.AsyncClient() as browser:
            answer = await browser.get(authorization_url)
        assert answer.status_code == 302, answer.text
        return dict(httpx.URL(answer.headers["location"]).params)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["CalendarServer"]:
        base = f"http://127.0.0.1:{self.port}"
        auth = AuthSettings(
            issuer_url=AnyHttpUrl(base),
            resource_server_url=AnyHttpUrl(self.url),
            required_scopes=[SCOPE],
            validate_token_resource=True,
            client_registration_options=ClientRegistrationOptions(
                enabled=self.registers, valid_scopes=[SCOPE], default_scopes=[SCOPE]
            ),
        )
        server = MCPServer("calendar", auth=auth, auth_server_provider=self)

        @server.tool()
        def book(title: str) -> str:
            """Book an event in the user's calendar."""
            token = get_access_token()
            assert token is not None
            self.booked.append((token.subject or "", title))
            return f"booked {title} for {token.subject}"

        app = server.streamable_http_app()
        runner = QuietServer(uvicorn.Config(app, port=self.port, log_config=None, timeout_graceful_shutdown=1))
        serving = asyncio.create_task(runner.serve())
        while not runner.started:
            await asyncio.sleep(0.01)
        try:
            yield self
        finally:
            runner.should_exit = True
            await serving

    # --- the SDK asks for these --------------------------------------------------------------------------

    async def get_client(self, client_id: str) -> OAuthClientInformationFull | None:
        return self.clients.get(client_id)

    async def register_client(self, client_info: OAuthClientInformationFull) -> None:
        self.clients[client_info.client_id] = client_info

    async def authorize(self, client: OAuthClientInformationFull, params: AuthorizationParams) -> str:
        back = str(params.redirect_uri)
        if self.declines:
            return construct_redirect_uri(back, error="access_denied", state=params.state)
        code = AuthorizationCode(
            code=secrets.token_urlsafe(24),
            scopes=params.scopes or [SCOPE],
            expires_at=time.time() + 60,
            client_id=client.client_id,
            code_challenge=params.code_challenge,
            redirect_uri=params.redirect_uri,
            redirect_uri_provided_explicitly=params.redirect_uri_provided_explicitly,
            resource=params.resource,
            subject=self.person,
        )
        self.codes[code.code] = code
        return construct_redirect_uri(back, code=code.code, state=params.state)

    async def load_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: str
    ) -> AuthorizationCode | None:
        return self.codes.get(authorization_code)

    async def exchange_authorization_code(
        self, client: OAuthClientInformationFull, authorization_code: AuthorizationCode
    ) -> OAuthToken:
        del self.codes[authorization_code.code]
        return self._issue(client, authorization_code)

    async def load_refresh_token(self, client: OAuthClientInformationFull, refresh_token: str) -> RefreshToken | None:
        return self.refresh_tokens.get(refresh_token)

    async def exchange_refresh_token(
        self, client: OAuthClientInformationFull, refresh_token: RefreshToken, scopes: list[str]
    ) -> OAuthToken:
        if self.refresh_tokens.pop(refresh_token.token, None) is None:  # each is good once
            raise TokenError("invalid_grant")
        self.refreshed_count += 1
        return self._issue(client, refresh_token)

    async def load_access_token(self, token: str) -> AccessToken | None:
        known = self.tokens.get(token)
        return known if known and (known.expires_at or 0) > time.time() else None

    async def revoke_token(self, token: Any) -> None:
        self.tokens.pop(token.token, None)
        self.refresh_tokens.pop(token.token, None)

    def _issue(self, client: OAuthClientInformationFull, grant: AuthorizationCode | RefreshToken) -> OAuthToken:
        shared: dict[str, Any] = {
            "client_id": client.client_id,
            "scopes": grant.scopes,
            "resource": grant.resource,
            "subject": grant.subject,
        }
        access, refresh = f"access-{secrets.token_urlsafe(24)}", f"refresh-{secrets.token_urlsafe(24)}"
        self.tokens[access] = AccessToken(token=access, expires_at=int(time.time()) + self.token_seconds, **shared)
        self.refresh_tokens[refresh] = RefreshToken(token=refresh, **shared)
        return OAuthToken(
            access_token=access, refresh_token=refresh, expires_in=self.token_seconds, scope=" ".join(grant.scopes)
        )
