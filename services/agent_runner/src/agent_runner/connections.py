"""What a run's user has allowed at foreign MCP servers: headers with their claims, tokens they consented to."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from weakref import WeakValueDictionary

import httpx2
import structlog
from contracts.commands import KeepConnection
from contracts.identity import Principal
from contracts.queries import GetConnection
from contracts.replies import SealedConnection
from mcp.client.auth import OAuthFlowError
from natterkit import McpServer
from pydantic import ValidationError

from agent_runner.address_guard import is_private_url, keep_public
from agent_runner.oauth import OAuthClient, QuestionRaised, Record, as_sealed, state_hash
from agent_runner.sealing import Seal
from agent_runner.store import Store

log = structlog.get_logger()

HTTP_SECONDS_MAX = 15.0


class ConsentNeededError(Exception):
    """The user has not allowed the server (yet)."""


class NotConnectedError(Exception):
    """There will be no connection now. The text says why, for the model and for people."""


@dataclass(frozen=True)
class Desk:
    """What all runs of a process share in this: the secret, the address that leads back, one refresh at a time."""

    seal: Seal | None
    public_url: str
    consent_seconds_max: int
    refuses_private: bool = False
    """Whether foreign servers may not be, nor lead to anything, on the private network."""
    locks: WeakValueDictionary[tuple[str, str], asyncio.Lock] = field(
        default_factory=WeakValueDictionary[tuple[str, str], asyncio.Lock]
    )

    @property
    def redirect_uri(self) -> str:
        return f"{self.public_url.rstrip('/')}/connections/callback"

    def consent_url(self, server: str) -> str:
        """The page that asks the user; `proxy.ts` shows it to whoever is signed in."""
        return f"{self.public_url.rstrip('/')}/connections/{server}"


@dataclass
class Connections:
    """Those of one attempt of a run. What another run of the user stores is seen; nothing of it is kept for long."""

    desk: Desk
    store: Store
    principal: Principal
    run_id: str
    epoch: int
    claims: Mapping[str, str]
    _good: dict[str, str] = field(default_factory=dict[str, str])
    """Access tokens by server that this attempt has found to be good."""
    _refused: dict[str, str] = field(default_factory=dict[str, str])

    async def headers(self, config: McpServer, *, may_ask: bool = True) -> dict[str, str]:
        """What a request to the server carries. Raises ConsentNeededError, NotConnectedError.

        ``may_ask``: make the question, if there is none; else say only whether one is needed.
        """
        values = self._with_claims(config)
        if config.oauth is not None:
            values["Authorization"] = f"Bearer {await self._access_token(config, may_ask=may_ask)}"
        return values

    def refused(self, config: McpServer) -> None:
        """The server has refused what `headers` gave: find another token, or ask."""
        self._refused[config.name] = self._good.pop(config.name, "")

    def _with_claims(self, config: McpServer) -> dict[str, str]:
        missing = sorted(config.claims_needed - self.claims.keys())
        if missing:
            raise NotConnectedError(f"{config.title} needs to know the user's {', '.join(missing)}.")
        if not all(self.claims[name].isprintable() and self.claims[name].isascii() for name in config.claims_needed):
            raise NotConnectedError(f"{config.title} cannot be told who the user is.")  # not as a header
        return config.header_values(self.claims)

    # --- tokens ------------------------------------------------------------------------------------------

    async def _access_token(self, config: McpServer, *, may_ask: bool) -> str:
        if config.name in self._good:
            return self._good[config.name]
        lock = self.desk.locks.setdefault((self.principal.user_id, config.name), asyncio.Lock())
        async with lock:
            token = await self._find_token(config, may_ask=may_ask)
        self._good[config.name] = token
        return token

    async def _find_token(self, config: McpServer, *, may_ask: bool) -> str:
        stored = await self._stored(config)
        record = self._opened(config, stored)
        if stored is not None and stored.code is not None and record.question is not None:
            return await self._exchange(config, stored, record)
        token = record.access_token
        if token is not None and token != self._refused.get(config.name):
            return token
        if stored is not None and stored.is_open:
            raise ConsentNeededError
        if not may_ask and (record.tokens is None or record.tokens.refresh_token is None):
            raise ConsentNeededError
        record.expires_at = 1.0  # whatever it says, it is over or was refused (0 would mean "no end" to the SDK)
        return await self._authorize(config, stored, record)

    async def _exchange(self, config: McpServer, stored: SealedConnection, record: Record) -> str:
        client = self._client(config, record)
        try:
            await client.exchange(stored.code or "", stored.issuer, await self._http(config))
        except (OAuthFlowError, httpx2.HTTPError, ValidationError) as error:
            with suppress(ConsentNeededError):  # the code is of no use any more: the next call finds a new question
                await self._authorize(config, stored, Record(client=record.client))
            raise self._failed(config, error) from error
        return await self._keep_tokens(config, stored, record)

    async def _authorize(self, config: McpServer, stored: SealedConnection | None, record: Record) -> str:
        """Refresh, or make the question."""
        client = self._client(config, record)
        try:
            await client.authorize(await self._http(config))
        except QuestionRaised as raised:
            question = record.question
            assert question is not None
            asked = {
                "state_hash": state_hash(question.state),
                "authorization_url": raised.url,
                "asked_seconds": self.desk.consent_seconds_max,
                "scope": question.scope,
            }
            await self._keep(config, stored, record, **asked)
            raise ConsentNeededError from raised
        except (OAuthFlowError, httpx2.HTTPError, ValidationError) as error:
            raise self._failed(config, error) from error
        return await self._keep_tokens(config, stored, record)

    async def _keep_tokens(self, config: McpServer, stored: SealedConnection | None, record: Record) -> str:
        if record.tokens is None:
            raise NotConnectedError(f"{config.title} did not ask for a consent, and gave no token.")
        await self._keep(config, stored, record, scope=record.tokens.scope)
        return record.tokens.access_token

    async def _keep(self, config: McpServer, stored: SealedConnection | None, record: Record, **more: Any) -> None:
        """Store it, unless another run was quicker: then what that has stored counts, at the next look."""
        assert self.desk.seal is not None  # settings: no oauth without a secret
        await self.store.ask(
            KeepConnection(
                principal=self.principal,
                run_id=self.run_id,
                epoch=self.epoch,
                server=config.name,
                label=config.title,
                sealed=self.desk.seal.seal(self.principal.user_id, config.name, as_sealed(record)),
                version=stored.version if stored else 0,
                **more,
            )
        )

    def _opened(self, config: McpServer, stored: SealedConnection | None) -> Record:
        if stored is None or self.desk.seal is None:
            return Record()
        content = self.desk.seal.open(self.principal.user_id, config.name, stored.sealed)
        if content is None:
            log.warning("connection.unreadable", server=config.name)  # the secret was changed: the user is asked anew
            return Record()
        return Record.model_validate(content)

    def _client(self, config: McpServer, record: Record) -> OAuthClient:
        assert config.oauth is not None
        assert config.url is not None
        return OAuthClient(config.url, config.oauth, self.desk.redirect_uri, record)

    async def _stored(self, config: McpServer) -> SealedConnection | None:
        query = GetConnection(principal=self.principal, run_id=self.run_id, epoch=self.epoch, server=config.name)
        return (await self.store.ask(query)).connection

    async def _http(self, config: McpServer) -> Callable[..., httpx2.AsyncClient]:
        return await http_for(config, refuses_private=self.desk.refuses_private)

    @staticmethod
    def _failed(config: McpServer, error: Exception) -> NotConnectedError:
        # Not the error's text: it may hold what a token endpoint has answered.
        log.warning("connection.failed", server=config.name, error=type(error).__name__)
        return NotConnectedError(f"{config.title} could not be connected: its authorization server refused.")


async def http_for(config: McpServer, *, refuses_private: bool) -> Callable[..., httpx2.AsyncClient]:
    """Makes clients for what the server leads to: nothing on the private network, unless the server itself is there."""
    only_public = refuses_private or not await is_private_url(config.url or "")

    def make(**options: Any) -> httpx2.AsyncClient:
        client = httpx2.AsyncClient(timeout=HTTP_SECONDS_MAX, **options)
        return keep_public(client) if only_public else client

    return make
