"""Which tools there are: listed from every MCP server in the background and cached, so that no run waits for it."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress

import structlog
from natterkit import McpServer

from agent_runner.offerings import Offering, offerings_of, resource_tools
from agent_runner.remote_tools import RemoteTool, remote_tool, with_names_for_models
from agent_runner.tool_servers import Connection, Listing, ToolServer

log = structlog.get_logger()

RETRY_SECONDS_FIRST = 0.25
RETRY_SECONDS_MAX = 10.0
OWN_RETRY_SECONDS_MAX = 1.0
"""Between two attempts to list the tools of a server of ours: it will come up."""
PERSONAL_LISTS_MAX = 1_000
"""Users whose tools at a personal server are remembered."""


class Toolbox:
    """The tools of all servers. One server that is broken takes away its own tools only."""

    def __init__(
        self,
        configs: tuple[McpServer, ...],
        *,
        refresh_seconds: float,
        wait_seconds_max: float,
        refuses_private: bool = False,
        on_offered: Callable[[], None] = lambda: None,
    ) -> None:
        servers = [ToolServer(config, refuses_private=refuses_private) for config in configs]
        self._servers = [server for server in servers if not server.config.is_personal]
        self.personal_servers = [server for server in servers if server.config.is_personal]
        """Their tools are a user's own: `personal_tools`."""
        self._personal: dict[tuple[str, str], tuple[float, tuple[RemoteTool, ...]]] = {}
        self._refresh_seconds = refresh_seconds
        self._wait_seconds_max = wait_seconds_max
        self._listed: dict[str, tuple[RemoteTool, ...]] = {}
        self._on_offered = on_offered
        self.offerings: dict[str, tuple[Offering, ...]] = {}
        """What people are offered of the servers beside their tools, by the server's name."""
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
            tools = _tools(server, await server.list(headers))
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

    def _offer(self, server: ToolServer, listing: Listing) -> None:
        offerings = offerings_of(server, listing)
        if offerings != self.offerings.get(server.config.name, ()):
            self.offerings[server.config.name] = offerings
            self._on_offered()

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
                listing = await server.list(server.headers(None))  # for no run
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
            self._listed[server.config.name] = _tools(server, listing)
            self._offer(server, listing)
            self._named = with_names_for_models(
                [tool for known in self._servers for tool in self._listed.get(known.config.name, ())]
            )
            self._settled(server)
            with suppress(TimeoutError):
                await asyncio.wait_for(stale.wait(), self._refresh_seconds)
            stale.clear()


def _tools(server: ToolServer, listing: Listing) -> tuple[RemoteTool, ...]:
    return (*(remote_tool(tool, server) for tool in listing.tools), *resource_tools(server))
