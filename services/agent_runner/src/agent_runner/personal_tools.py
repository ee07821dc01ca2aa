"""Tools that are a user's own: at servers that act for a user who has allowed it, or want to know who the user is."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from typing import NoReturn

import structlog
from natterkit import McpServer

from agent_runner.connections import Connections, ConsentNeededError, NotConnectedError
from agent_runner.publisher import FencedError
from agent_runner.remote_tools import RemoteTool, connect_tool, with_names_for_models
from agent_runner.tool_results import Outcome
from agent_runner.tool_servers import ToolServer
from agent_runner.toolbox import Toolbox
from agent_runner.transcript import Transcript
from agent_runner.waiting import Asked, Waits

log = structlog.get_logger()


@dataclass
class PersonalTools:
    """Those of one attempt. A call whose user has to be asked shows the link, and the run waits for the answer."""

    connections: Connections
    toolbox: Toolbox
    transcript: Transcript
    waits: Waits = field(init=False)
    """Of the attempt's calls, which have this object; they set it."""
    on_tools: Callable[[Sequence[RemoteTool]], None] = lambda _tools: None
    """Told of tools that are there only now, because the user has connected their server."""
    _refusals: dict[str, str] = field(default_factory=dict[str, str])
    """Why a server is not connected, by the call that asked for it."""

    async def with_common(self, common: tuple[RemoteTool, ...]) -> tuple[RemoteTool, ...]:
        """What the model is offered: everybody's tools, and the user's own or how to get them."""
        servers = self.toolbox.personal_servers
        personal = await asyncio.gather(*(self._tools(server) for server in servers))
        return with_names_for_models([*common, *chain.from_iterable(personal)]) if servers else common

    @property
    def connect_tools(self) -> tuple[RemoteTool, ...]:
        """For a call that an earlier attempt has begun: its server may be connected by now."""
        return tuple(connect_tool(server) for server in self.toolbox.personal_servers)

    async def headers(self, server: ToolServer, call_id: str) -> dict[str, str]:
        """What the call's requests carry. Raises Asked where its user is to allow it, NotConnectedError."""
        config = server.config
        if call_id in self._refusals:  # for this call it was looked for already, and did not come
            raise NotConnectedError(self._refusals[call_id])
        try:
            if not self.waits.has_refused(config.name):
                with suppress(ConsentNeededError):
                    return await self.connections.headers(config)
            self._ask(config, call_id)
        except NotConnectedError as error:
            self._refusals[call_id] = str(error)
            raise

    async def connect(self, server: ToolServer, call_id: str) -> Outcome:
        """Have the user connect a server, and offer its tools from now on. Raises FencedError."""
        title = server.config.title
        try:
            headers = await self.headers(server, call_id)
            tools = await self.toolbox.personal_tools(server, self.connections.principal.user_id, headers)
        except FencedError:
            raise
        except NotConnectedError as error:
            return Outcome("failure", str(error))
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is that server's alone
            log.warning("mcp.listing_failed", server=server.config.name, **server.failure(error))
            return Outcome("failure", f"{title} is connected, but does not say what it can do.")
        offered = await self.with_common(await self.toolbox.tools())
        self.on_tools([one for one in offered if one.server is server])
        return Outcome("success", {"connected": title, "tools": [one.name for one in tools]})

    def _ask(self, config: McpServer, call_id: str) -> NoReturn:
        """Have the run wait for its user (raises Asked), unless they have refused. Raises NotConnectedError."""
        desk = self.connections.desk
        url = desk.consent_url(config.name)
        try:
            refused = self.waits.consent(config.name, config.title, url, desk.consent_seconds_max)
        except Asked:
            self.transcript.consent_asked(call_id, f"Connect {config.title}", url)
            raise
        if refused is None:
            raise NotConnectedError(f"{config.title} was not connected.")
        if refused.verdict == "decline":
            raise NotConnectedError(f"{config.title} was not connected: the user declined.")
        raise NotConnectedError(
            f"{config.title} was not connected: the user did not answer in time. They can ask again."
        )

    async def _tools(self, server: ToolServer) -> tuple[RemoteTool, ...]:
        """Its tools for this user; one that connects it, where they have not."""
        try:
            headers = await self.connections.headers(server.config, may_ask=False)
            return await self.toolbox.personal_tools(server, self.connections.principal.user_id, headers)
        except FencedError:
            raise
        except ConsentNeededError:
            return (connect_tool(server),)
        except NotConnectedError as error:
            log.warning("mcp.not_connected", server=server.config.name, reason=str(error))
        except Exception as error:  # noqa: BLE001 - as above
            log.warning("mcp.listing_failed", server=server.config.name, **server.failure(error))
        return (connect_tool(server),) if server.config.oauth is not None else ()
