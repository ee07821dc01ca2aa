"""Connections to MCP servers: opened when a tool is first called, with the run's identity in the headers."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import httpx2
import structlog
from mcp import Client, MCPError, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.dispatcher import ProgressFnT
from mcp.types import REQUEST_TIMEOUT, CallToolResult, DiscoverResult, Prompt, Resource, Tool
from natterkit import McpServer

from agent_runner.address_guard import keep_public
from agent_runner.elicitation import Answers, Hears
from agent_runner.tool_transport import CALL_ID_META, CallNote, McpHttp, Wire, call_note, watched

log = structlog.get_logger()

CONNECT_SECONDS_MAX = 10.0
OPEN_SECONDS_MAX = 15.0
"""For a connection with its negotiation; a server over stdio is a process that has to start first."""
LIST_SECONDS_MAX = 20.0
TOOLS_MAX = 256
PROMPTS_MAX = 50
RESOURCES_MAX = 100
PAGES_MAX = 20
CLOSE_SECONDS_MAX = 1.0
READ_MARGIN_SECONDS = 5.0
"""HTTP waits a little longer than a call may take, so that a call that is too slow ends alone."""
_tls = ssl.create_default_context()  # once: making one takes longer than a call on loopback


Request = Callable[[Client, Mapping[str, Any]], Coroutine[Any, Any, CallToolResult]]
"""Asks a server for something that is no tool, and gives it as the result of one."""


class NotReachedError(Exception):
    """The server could not be reached, so the call has not begun."""


class UnauthorizedError(NotReachedError):
    """The server has refused the user's token, so the call has not begun."""


class NoAnswerError(Exception):
    """The call was sent and has no answer: it may or may not have happened. The text says why, for people.

    ``is_late``: its time is over. Otherwise the connection broke.
    """

    def __init__(self, *, is_late: bool) -> None:
        super().__init__("The tool did not answer in time." if is_late else "The tool's server broke off.")
        self.is_late = is_late


@dataclass(frozen=True)
class Listing:
    """What a server has. Prompts and resources only where its setting offers them."""

    tools: tuple[Tool, ...] = ()
    prompts: tuple[Prompt, ...] = ()
    resources: tuple[Resource, ...] = ()


class ToolServer:
    """One configured MCP server: what its tools are, and connections to it."""

    def __init__(self, config: McpServer, *, refuses_private: bool = False) -> None:
        self.config = config
        # Servers of one's own are where one's other services are.
        self._refuses_private = refuses_private and not config.sends_run_token
        self._mode = "auto"
        self._discovered: DiscoverResult | None = None
        self.refusal: str | None = None
        """What the last HTTP request that failed failed with."""

    @property
    def is_shared(self) -> bool:
        """A stdio server is one process for all runs; an HTTP server gets a connection for each run."""
        return self.config.command is not None

    def headers(self, run_token: str | None) -> dict[str, str]:
        """What a request carries at a server that is not personal; the token goes only to servers that are to have it.

        A personal server's headers are `Connections.headers`.
        """
        headers = {name: value.get_secret_value() for name, value in self.config.headers.items()}
        sends_token = run_token is not None and self.config.sends_run_token
        return {**headers, "Authorization": f"Bearer {run_token}"} if sends_token else headers

    async def list(self, headers: Mapping[str, str]) -> Listing:
        """The tools that the filters let through, and what else is offered. Raises whatever the transport raises."""
        async with (
            asyncio.timeout(LIST_SECONDS_MAX),
            self.open(headers) as client,
        ):
            has = client.server_capabilities
            tools = await _pages(client.list_tools, "tools", TOOLS_MAX)
            prompts = resources = []
            if "prompts" in self.config.offers and has.prompts is not None:
                prompts = await _pages(client.list_prompts, "prompts", PROMPTS_MAX)
            if "resources" in self.config.offers and has.resources is not None:
                resources = await _pages(client.list_resources, "resources", RESOURCES_MAX)
            self._remember(client)
        wanted = tuple(tool for tool in tools if self._is_wanted(tool.name))
        return Listing(wanted, tuple(prompts), tuple(resources))

    @asynccontextmanager
    async def open(
        self, headers: Mapping[str, str], wire: Wire | None = None, hears: Hears | None = None
    ) -> AsyncGenerator[Client]:
        """A connected client; ``wire`` is told what happens on it. What was negotiated once is not negotiated again.

        ``hears``: what the server asks and tells of its own accord; without it, it is told that nobody answers.
        """
        listens: dict[str, Any] = {}
        if hears is not None:
            listens = {"elicitation_callback": hears.on_elicitation, "message_handler": hears.on_message}
            if self.config.sampling_tokens_max:  # else it is told that nobody samples
                listens["sampling_callback"] = hears.on_sampling
        wire = wire or Wire()
        timeout_seconds = max(self.config.timeout_seconds, OPEN_SECONDS_MAX)
        if self.config.url is None:
            environment = {name: value.get_secret_value() for name, value in self.config.env.items()}
            server = StdioServerParameters(
                command=self.config.command or "", args=list(self.config.args), env=environment or None
            )
            transport = watched(stdio_client(server), wire)
            async with Client(transport, read_timeout_seconds=timeout_seconds, **listens) as client:
                yield client
            return
        timeout = httpx2.Timeout(timeout_seconds + READ_MARGIN_SECONDS, connect=CONNECT_SECONDS_MAX)
        requests = McpHttp(headers=headers, timeout=timeout, verify=_tls)
        if self._refuses_private:
            keep_public(requests)
        async with (
            self._noting_refusals(requests, wire) as http,
            Client(
                watched(streamable_http_client(self.config.url, http_client=http), wire),
                read_timeout_seconds=timeout_seconds,
                mode=self._mode,
                prior_discover=self._discovered,
                **listens,
            ) as client,
        ):
            yield client

    @asynccontextmanager
    async def _noting_refusals(self, http: McpHttp, wire: Wire) -> AsyncGenerator[McpHttp]:
        http.wire = wire if self.config.oauth is not None else None
        async with http:
            try:
                yield http
            finally:
                self.refusal = http.refusal

    def failure(self, error: BaseException) -> dict[str, str]:
        """What a log line says of an error at this server: where, and what it was at the bottom."""
        cause: Any = error
        while isinstance(cause, ExceptionGroup):
            cause = cause.exceptions[0]  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        where = self.config.url or self.config.command or ""
        named = {"url": where, "status": self.refusal} if self.refusal else {"url": where}
        return {**named, "error": repr(cast("Any", cause))[:300]}

    def forget(self) -> None:
        """Negotiate anew next time: the server may be another one now."""
        self._mode, self._discovered = "auto", None

    def _remember(self, client: Client) -> None:
        discovered = client.session.discover_result
        if self.config.url is not None and discovered is not None:
            self._mode, self._discovered = client.protocol_version, discovered

    def _is_wanted(self, name: str) -> bool:
        allowed = self.config.tools_allowed
        return (allowed is None or name in allowed) and name not in self.config.tools_blocked


@dataclass(eq=False)
class _Link:
    """One opening of a connection: its client, and the task that holds it open."""

    client: "asyncio.Future[Client]"
    wire: Wire = field(default_factory=Wire)
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    owner: "asyncio.Task[None] | None" = None

    async def close(self) -> None:
        self.closing.set()
        if self.owner is not None:
            await asyncio.wait({self.owner}, timeout=CLOSE_SECONDS_MAX)
            self.owner.cancel()
            await asyncio.gather(self.owner, return_exceptions=True)


class Connection:
    """A lazily opened client, opened anew after its transport broke. Any task may call, any number at a time.

    What one call meets (an error, a time-out, a Stop) is that call's alone: the others on the connection go on.
    """

    def __init__(
        self, server: ToolServer, headers: Mapping[str, str], on_tools_changed: Callable[[], None] = lambda: None
    ) -> None:
        self._server = server
        self._headers = headers
        self._link: _Link | None = None
        self._hears = Hears(on_tools_changed)

    async def call(
        self,
        name: str,
        arguments: Mapping[str, Any],
        call_id: str,
        on_progress: ProgressFnT | None = None,
        answers: Answers | None = None,
        request: Request | None = None,
    ) -> CallToolResult:
        """Call a tool; ``answers`` to what the server asks meanwhile, or raises what ends the call.

        ``request``: what is asked in the place of a tool; it changes nothing.

        Raises NotReachedError (and UnauthorizedError), NoAnswerError; MCPError, the server's own error.

        And RuntimeError or ValueError for an answer that breaks the protocol or the tool's own schema.
        """
        link = self._link or self._open()
        client = await self._connected(link)
        note = CallNote()
        call_note.set(note)
        try:
            async with asyncio.timeout(self._server.config.timeout_seconds):
                if request is not None:
                    return await self._hears.during(request(client, arguments), answers)
                call = client.call_tool(
                    name, dict(arguments), progress_callback=on_progress, meta={CALL_ID_META: call_id}
                )
                return await self._hears.during(call, answers)
        except TimeoutError as error:
            raise NoAnswerError(is_late=True) from error
        except MCPError as error:
            if error.code == REQUEST_TIMEOUT:
                raise NoAnswerError(is_late=True) from error
            if link.wire.is_unauthorized:
                await self._drop(link)
                raise UnauthorizedError from error
            may_have_begun = link.wire.may_have_begun(note, error)
            if link.wire.has_ended:
                await self._drop(link)
            if may_have_begun is None:
                raise
            if may_have_begun:
                raise NoAnswerError(is_late=False) from error
            raise NotReachedError from error

    async def close(self) -> None:
        if self._link is not None:
            await self._link.close()

    def _open(self) -> _Link:
        link = self._link = _Link(asyncio.get_running_loop().create_future())
        link.owner = asyncio.create_task(self._hold(link), name=f"mcp {self._server.config.name}")
        return link

    async def _drop(self, link: _Link) -> None:
        """The next call opens anew. Who shares this connection may have opened a new one already: that stays."""
        if self._link is link:
            self._link = None
            self._server.forget()
        await link.close()

    async def _connected(self, link: _Link) -> Client:
        try:
            async with asyncio.timeout(OPEN_SECONDS_MAX):
                return await asyncio.shield(link.client)
        except Exception as error:
            await self._drop(link)
            raise (UnauthorizedError if link.wire.is_unauthorized else NotReachedError) from error

    async def _hold(self, link: _Link) -> None:
        try:
            async with self._server.open(self._headers, link.wire, self._hears) as client:
                link.client.set_result(client)
                await link.closing.wait()
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller hears it
            if not link.client.done():
                link.client.set_exception(error)
            else:
                log.warning("mcp.connection_lost", server=self._server.config.name, error=repr(error)[:300])
        finally:
            if not link.client.done():
                link.client.set_exception(NotReachedError())
                link.client.exception()  # nobody may wait for it any more


async def _pages(list_page: Callable[..., Awaitable[Any]], name: str, count_max: int) -> list[Any]:
    """What a server lists under ``name``, page by page."""
    found: list[Any] = []
    cursor: str | None = None
    for _ in range(PAGES_MAX):
        page = await list_page(cursor=cursor)
        found.extend(getattr(page, name))
        cursor = page.next_cursor
        if not cursor or len(found) >= count_max:
            break
    return found[:count_max]
