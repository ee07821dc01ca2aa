"""The MCP servers that an agent brings as objects of the SDK: served like any other where that can be done, else held
open for it.
"""

import asyncio
import re
from collections.abc import Iterable
from typing import Any, cast

import structlog
from agents.mcp import MCPServer, MCPServerStdio, MCPServerStreamableHttp
from natterkit import McpServer
from pydantic import SecretStr

log = structlog.get_logger()
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]+")
_HTTP_OPTIONS = {"url", "headers", "timeout", "sse_read_timeout", "terminate_on_close"}
CONNECT_SECONDS_MAX = 15.0
CLOSE_SECONDS_MAX = 2.0


def as_mcp_server(server: MCPServer) -> McpServer | None:
    """The same server for a `Toolbox`; None for one that does more than its address says: approvals, filters, hooks."""
    kind: type[Any] = type(server)
    own: Any = server
    if kind not in (MCPServerStdio, MCPServerStreamableHttp):
        return None
    if own._needs_approval_policy or callable(own.tool_filter):  # noqa: SLF001
        return None
    names = cast("dict[str, list[str]]", own.tool_filter or {})
    allowed = names.get("allowed_tool_names")
    options: dict[str, Any] = {
        "ask": "never",  # who wants to be asked says require_approval, and that is the SDK's to know
        "name": _NOT_IN_NAMES.sub("_", str(own.name))[:32].strip("_") or "mcp",
        "tools_allowed": None if allowed is None else frozenset(allowed),
        "tools_blocked": frozenset(names.get("blocked_tool_names") or ()),
    }
    if kind is MCPServerStdio:
        params = own.params
        if params.cwd is not None:
            return None
        environment = _secret(params.env)
        return McpServer(command=params.command, args=tuple(params.args), env=environment, **options)
    if set(own.params) - _HTTP_OPTIONS:
        return None
    return McpServer(url=own.params["url"], headers=_secret(own.params.get("headers")), **options)


def _secret(values: dict[str, str] | None) -> dict[str, SecretStr]:
    return {name: SecretStr(value) for name, value in (values or {}).items()}


class OwnServers:
    """Holds open those that an agent brings and that only the SDK can speak to: one task for each, as anyio wants."""

    def __init__(self) -> None:
        self._held: dict[int, tuple[MCPServer, asyncio.Event, asyncio.Task[None]]] = {}

    async def open(self, servers: Iterable[MCPServer]) -> None:
        """Connect to those that are not connected yet; one that cannot be reached has no tools, and is told."""
        await asyncio.gather(*(self._open(server) for server in servers if id(server) not in self._held))

    async def close(self) -> None:
        for _, closing, _task in self._held.values():
            closing.set()
        tasks = [task for _, _, task in self._held.values()]
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=CLOSE_SECONDS_MAX)
            for task in late:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        self._held.clear()

    async def _open(self, server: MCPServer) -> None:
        connected: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        closing = asyncio.Event()
        task = asyncio.create_task(_hold(server, connected, closing), name=f"mcp {server.name}")
        self._held[id(server)] = (server, closing, task)
        await asyncio.wait({connected}, timeout=CONNECT_SECONDS_MAX)


async def _hold(server: MCPServer, connected: "asyncio.Future[None]", closing: asyncio.Event) -> None:
    try:
        await server.connect()
        connected.set_result(None)
        await closing.wait()
    except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is that server's alone
        log.warning("mcp.not_connected", server=server.name, error=repr(error)[:300])
        if not connected.done():
            connected.set_result(None)
    finally:
        await server.cleanup()
