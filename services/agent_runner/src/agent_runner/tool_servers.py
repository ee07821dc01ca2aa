"""Connections to MCP servers: opened when a tool is first called, with the run's identity in the headers."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import structlog
from mcp import Client, StdioServerParameters
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, DiscoverResult, Tool

from agent_runner.settings import McpServerConfig

log = structlog.get_logger()

CONNECT_SECONDS_MAX = 10.0
LIST_SECONDS_MAX = 10.0
TOOLS_MAX = 256
PAGES_MAX = 20
CALL_ID_META = "natter/call_id"
"""The key in a tool call's ``_meta`` under which a server finds the call's idempotency key."""

_tls = ssl.create_default_context()  # once: making one takes longer than a call on loopback


class ToolServer:
    """One configured MCP server: what its tools are, and connections to it."""

    def __init__(self, config: McpServerConfig) -> None:
        self.config = config
        self._mode = "auto"
        self._discovered: DiscoverResult | None = None

    @property
    def is_shared(self) -> bool:
        """A stdio server is one process for all runs; an HTTP server gets a connection for each run."""
        return self.config.command is not None

    def connection(self, run_token: str | None) -> "Connection":
        """A connection that opens at its first call; the token goes only to servers that are to have it."""
        return Connection(self, run_token if self.config.sends_run_token else None)

    async def list_tools(self, run_token: str | None) -> list[Tool]:
        """The tools that the filters let through. Raises whatever the transport raises."""
        tools: list[Tool] = []
        async with (
            asyncio.timeout(LIST_SECONDS_MAX),
            self.open(run_token if self.config.sends_run_token else None) as client,
        ):
            cursor: str | None = None
            for _ in range(PAGES_MAX):
                page = await client.list_tools(cursor=cursor)
                tools.extend(page.tools)
                cursor = page.next_cursor
                if not cursor or len(tools) >= TOOLS_MAX:
                    break
            self._remember(client)
        return [tool for tool in tools[:TOOLS_MAX] if self._is_wanted(tool.name)]

    @asynccontextmanager
    async def open(self, run_token: str | None) -> AsyncGenerator[Client]:
        """A connected client. What was negotiated once is not negotiated again."""
        timeout_seconds = self.config.timeout_seconds
        if self.config.url is None:
            environment = {name: value.get_secret_value() for name, value in self.config.env.items()}
            server = StdioServerParameters(
                command=self.config.command or "", args=list(self.config.args), env=environment or None
            )
            async with Client(server, read_timeout_seconds=timeout_seconds) as client:
                yield client
            return
        headers = {name: value.get_secret_value() for name, value in self.config.headers.items()}
        if run_token is not None:
            headers["Authorization"] = f"Bearer {run_token}"
        timeout = httpx2.Timeout(timeout_seconds, connect=CONNECT_SECONDS_MAX)
        async with (
            httpx2.AsyncClient(headers=headers, timeout=timeout, verify=_tls) as http,
            Client(
                streamable_http_client(self.config.url, http_client=http),
                read_timeout_seconds=timeout_seconds,
                mode=self._mode,
                prior_discover=self._discovered,
            ) as client,
        ):
            yield client

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


class Connection:
    """A lazily opened client. One task opens and closes it, as its transport demands; any task may call."""

    def __init__(self, server: ToolServer, run_token: str | None) -> None:
        self._server = server
        self._run_token = run_token
        self._owner: asyncio.Task[None] | None = None
        self._client: asyncio.Future[Client] | None = None
        self._closing = asyncio.Event()

    async def call(self, name: str, arguments: Mapping[str, Any], call_id: str) -> CallToolResult:
        """Call a tool. Raises TimeoutError, MCPError, or what the transport raises."""
        async with asyncio.timeout(self._server.config.timeout_seconds):
            client = await self._connected()
            return await client.call_tool(name, dict(arguments), meta={CALL_ID_META: call_id})

    async def close(self) -> None:
        self._closing.set()
        if self._owner is not None:
            await asyncio.wait({self._owner}, timeout=1.0)
            self._owner.cancel()
            await asyncio.gather(self._owner, return_exceptions=True)

    async def reset(self) -> None:
        """Close, so that the next call opens anew."""
        await self.close()
        self._owner, self._client = None, None
        self._closing = asyncio.Event()
        self._server.forget()

    async def _connected(self) -> Client:
        if self._client is None:
            self._client = asyncio.get_running_loop().create_future()
            self._owner = asyncio.create_task(self._hold(self._client), name=f"mcp {self._server.config.name}")
        return await asyncio.shield(self._client)

    async def _hold(self, connected: "asyncio.Future[Client]") -> None:
        try:
            async with self._server.open(self._run_token) as client:
                connected.set_result(client)
                await self._closing.wait()
        except Exception as error:  # noqa: BLE001 - whatever it is, the caller hears it
            if not connected.done():
                connected.set_exception(error)
            else:
                log.warning("mcp.connection_lost", server=self._server.config.name, error=repr(error)[:300])
        finally:
            if not connected.done():
                connected.cancel()
