"""Which tools there are: listed from every MCP server in the background and cached, so that no run waits for it."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import structlog
from mcp.types import Tool, ToolAnnotations
from natterkit import McpServer

from agent_runner.tool_servers import Connection, ToolServer

log = structlog.get_logger()

RETRY_SECONDS_FIRST = 0.25
RETRY_SECONDS_MAX = 10.0
OWN_RETRY_SECONDS_MAX = 1.0
"""Between two attempts to list the tools of a server of ours: it will come up."""
NAME_CHARACTERS_MAX = 64
PERSONAL_LISTS_MAX = 1_000
"""Users whose tools at a personal server are remembered."""
TOOLS_MAX = 128
"""What OpenAI takes with one request; an assistant's own tools come first."""
_NOT_IN_NAMES = re.compile(r"[^A-Za-z0-9_-]")


@dataclass(frozen=True)
class RemoteTool:
    """A tool as the model sees it, and where it is. ``name`` is unique among all servers.

    ``is_read_only``: the server says that it changes nothing, so its calls need no order. ``may_be_repeated``: also
    when nobody knows whether it has happened. ``needs_approval``: its user is asked before each call.
    """

    name: str
    remote_name: str
    description: str
    input_schema: dict[str, Any]
    server: ToolServer
    is_read_only: bool = False
    may_be_repeated: bool = False
    needs_approval: bool = False
    connects: bool = False
    """It is ours: it asks the user to connect the server, whose tools are known after that."""


class Toolbox:
    """The tools of all servers. One server that is broken takes away its own tools only."""

    def __init__(
        self,
        configs: tuple[McpServer, ...],
        *,
        refresh_seconds: float,
        wait_seconds_max: float,
        refuses_private: bool = False,
    ) -> None:
        servers = [ToolServer(config, refuses_private=refuses_private) for config in configs]
        self._servers = [server for server in servers if not server.config.is_personal]
        self.personal_servers = [server for server in servers if server.config.is_personal]
        """Their tools are a user's own: `personal_tools`."""
        self._personal: dict[tuple[str, str], tuple[float, tuple[RemoteTool, ...]]] = {}
        self._refresh_seconds = refresh_seconds
        self._wait_seconds_max = wait_seconds_max
        self._listed: dict[str, tuple[RemoteTool, ...]] = {}
        self._named: tuple[RemoteTool, ...] = ()
        self._awaited = {server.config.name for server in self._servers}
        self._all_listed = asyncio.Event()
        if not self._awaited:
            self._all_listed.set()  # an assistant without servers waits for none
        self._stale = {config.name: asyncio.Event() for config in configs}
        self._shared: dict[str, Connection] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._waits_until = 0.0

    def start(self) -> None:
        self._waits_until = asyncio.get_running_loop().time() + self._wait_seconds_max
        self._tasks = [asyncio.create_task(self._keep_listed(server)) for server in self._servers]

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for connection in self._shared.values():
            await connection.close()

    @property
    def has_own_servers_tools(self) -> bool:
        """Whether the tools of every server of ours, which will come up, are known."""
        ours = (server.config for server in self._servers if server.config.sends_run_token)
        return all(config.name in self._listed for config in ours)

    async def tools(self) -> tuple[RemoteTool, ...]:
        """All tools that are known now. Waits for servers not listed yet only in the first seconds of the process."""
        remaining = self._waits_until - asyncio.get_running_loop().time()
        if remaining > 0 and not self._all_listed.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self._all_listed.wait(), remaining)
        return self._named

    def invalidate(self, server_name: str) -> None:
        """List this server's tools anew, soon."""
        if server_name in self._stale:
            self._stale[server_name].set()

    async def personal_tools(
        self, server: ToolServer, user_id: str, headers: Mapping[str, str]
    ) -> tuple[RemoteTool, ...]:
        """What a personal server has for this user; kept for a while. Raises whatever the transport raises."""
        key, now = (server.config.name, user_id), asyncio.get_running_loop().time()
        good_until, tools = self._personal.pop(key, (0.0, ()))
        if now > good_until:
            tools = tuple(_remote(tool, server) for tool in await server.list_tools(headers))
            good_until = now + self._refresh_seconds
        self._personal[key] = (good_until, tools)
        if len(self._personal) > PERSONAL_LISTS_MAX:
            del self._personal[next(iter(self._personal))]
        return tools

    def connection(self, server: ToolServer, headers: Mapping[str, str]) -> Connection:
        """A connection for one run; of a server that is shared, everybody's (do not close it)."""
        name = server.config.name
        if not server.is_shared:
            return Connection(server, headers, lambda: self.invalidate(name))
        return self._shared.setdefault(name, Connection(server, {}, lambda: self.invalidate(name)))

    def _settled(self, server: ToolServer) -> None:
        """The first runs need not wait for this server any more."""
        self._awaited.discard(server.config.name)
        if not self._awaited:
            self._all_listed.set()

    async def _keep_listed(self, server: ToolServer) -> None:
        pause = RETRY_SECONDS_FIRST
        stale = self._stale[server.config.name]
        while True:
            try:
                tools = await server.list_tools(server.headers(None))  # for no run
            except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is that server's alone
                log.warning("mcp.listing_failed", server=server.config.name, **server.failure(error))
                server.forget()
                is_ours = server.config.sends_run_token
                if not is_ours:  # ours will come up; another's may be broken for good
                    self._settled(server)
                await asyncio.sleep(pause)
                pause = min(pause * 2, OWN_RETRY_SECONDS_MAX if is_ours else RETRY_SECONDS_MAX)
                continue
            pause = RETRY_SECONDS_FIRST
            self._listed[server.config.name] = tuple(_remote(tool, server) for tool in tools)
            self._named = with_names_for_models(
                [tool for known in self._servers for tool in self._listed.get(known.config.name, ())]
            )
            self._settled(server)
            with suppress(TimeoutError):
                await asyncio.wait_for(stale.wait(), self._refresh_seconds)
            stale.clear()


def _remote(tool: Tool, server: ToolServer) -> RemoteTool:
    return RemoteTool(
        name=tool.name,
        remote_name=tool.name,
        description=tool.description or "",
        input_schema=dict(tool.input_schema),
        server=server,
        is_read_only=bool(tool.annotations and tool.annotations.read_only_hint),
        may_be_repeated=may_be_repeated(server.config.repeat, tool.annotations),
        needs_approval=needs_approval(server.config.ask, tool.annotations),
    )


def connect_tool(server: ToolServer) -> RemoteTool:
    """What stands for a server's tools while the user has not connected it."""
    title = server.config.title
    return RemoteTool(
        name=f"connect_{server.config.name}",
        remote_name=f"connect_{server.config.name}",
        description=f"Ask the user to connect {title}, when they want something that needs it. Shows them a link, waits"
        f" for their consent, and then {title}'s tools can be called.",
        input_schema={"type": "object", "properties": {}, "additionalProperties": False},
        server=server,
        is_read_only=True,
        may_be_repeated=True,
        connects=True,
    )


def may_be_repeated(repeat: str, annotations: ToolAnnotations | None) -> bool:
    """Whether a call may be executed again: by the setting of its server, and by what that says of the tool."""
    if repeat == "idempotent":
        return annotations is not None and bool(annotations.read_only_hint or annotations.idempotent_hint)
    return repeat == "always"


def needs_approval(ask: str, annotations: ToolAnnotations | None) -> bool:
    """Whether a person is asked before a call: by the setting of its server, and by what that says of the tool.

    What a server does not annotate may destroy something: so has MCP's specification it.
    """
    if ask in ("never", "always"):
        return ask == "always"
    if annotations is not None and annotations.read_only_hint:
        return False
    return ask == "changes" or annotations is None or annotations.destructive_hint is not False


def with_names_for_models(tools: Sequence[RemoteTool]) -> tuple[RemoteTool, ...]:
    """The tools with names that providers take, each once, and no more than they take: else they refuse every call.

    The first server keeps a name that several use; the others' get their server's name in front.
    """
    named: dict[str, RemoteTool] = {}
    for tool in tools:
        name = _NOT_IN_NAMES.sub("_", tool.remote_name)[:NAME_CHARACTERS_MAX]
        if name in named:
            name = f"{tool.server.config.name}_{name}"[:NAME_CHARACTERS_MAX]
        if name not in named and len(named) < TOOLS_MAX:
            named[name] = replace(tool, name=name)
        else:
            log.warning("mcp.tool_left_out", server=tool.server.config.name, tool=tool.remote_name)
    return tuple(named.values())
