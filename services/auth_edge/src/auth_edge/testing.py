"""For tests: auth_edge in the test's own process, with a clock and keys of its own, spoken to over HTTP."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
from fastapi import FastAPI
from identity.local_issuer import LocalIssuer

from auth_edge.app import create_app, open_edge
from auth_edge.http.call import Edge
from auth_edge.settings import Settings

CHAT_TOKEN_SECRET = "a secret of chat tokens, for tests only"  # noqa: S105


@dataclass(frozen=True)
class RunningEdge:
    """The app, a client whose base URL it answers on, and the issuer of the tokens that it accepts."""

    app: FastAPI
    edge: Edge
    client: httpx.AsyncClient
    issuer: LocalIssuer

    def token(self, user_id: str = "alice") -> str:
        return self.issuer.mint(user_id)

    async def call(
        self, method: str, path: str, *, user_id: str = "alice", token: str | None = None, **request: Any
    ) -> httpx.Response:
        """Call /api/{user_id}{path} as that user (or with another token)."""
        headers = {"Authorization": f"Bearer {token or self.token(user_id)}", **request.pop("headers", {})}
        url = f"/api/{quote(user_id, safe='')}{path}"
        return await self.client.request(method, url, headers=headers, **request)

    async def chatkit(self, operation: str, params: dict[str, Any], **request: Any) -> httpx.Response:
        """One ChatKit operation."""
        return await self.call("POST", "/chatkit", json={"type": operation, "params": params}, **request)


def edge_settings(nats_url: str, issuer: LocalIssuer, **values: Any) -> Settings:
    """Settings for a test; nothing is read from the environment that it names."""
    defaults = {
        "nats_url": nats_url,
        "jwt_verifier": "jwks",
        "jwt_jwks_url": issuer.jwks_url,
        "chat_token_secret": CHAT_TOKEN_SECRET,
    }
    return Settings.model_validate({**defaults, **values})


@asynccontextmanager
async def running_edge(nats_url: str, folder: Path, **values: Any) -> AsyncGenerator[RunningEdge]:
    """auth_edge, wired as in production, with its HTTP in memory."""
    issuer = LocalIssuer.open(folder / "issuer")
    settings = edge_settings(nats_url, issuer, **values)
    app = create_app(settings)
    async with (
        open_edge(settings, app) as edge,
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://edge") as client,
    ):
        yield RunningEdge(app, edge, client, issuer)
