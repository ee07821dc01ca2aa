"""The tools that an agent is offered: its own, made durable, those of MCP servers, and stand-ins for what is gone."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from agents import Agent, FunctionTool, Tool
from agents.tool_context import ToolContext
from natterkit import read_file

from agent_runner.assistants import Served
from agent_runner.attachments import RunAttachments
from agent_runner.equipment import NESTED
from agent_runner.function_calls import durable
from agent_runner.remote_tools import RemoteTool
from agent_runner.tool_calls import ToolCalls
from agent_runner.tool_results import for_the_sdk


@dataclass
class OfferedTools:
    """Of one attempt. ``replayed``: the names of the calls that an earlier attempt has begun, handoffs left out."""

    served: Served
    tool_calls: ToolCalls
    attachments: RunAttachments
    replayed: Callable[[], set[str]]
    _remote_tools: tuple[RemoteTool, ...] = ()

    async def find(self) -> None:
        """Ask what there is of MCP servers."""
        self._remote_tools = await self.tool_calls.tools()
        self.tool_calls.personal.on_tools = self._add

    def of(self, agent: Agent[Any], tools: list[Tool]) -> list[Tool]:
        """An agent's tools as the SDK is to see them; ``tools``: its own."""
        servers = self.served.servers_for(agent, is_nested=NESTED.get() is not None)
        remote = [self._remote(tool) for tool in self._remote_tools if tool.server.config.name in servers]
        if self.attachments.referred and all(tool.name != read_file.name for tool in tools):
            tools = [*tools, read_file]
        own = [
            durable(tool, self.tool_calls.execute_function) if isinstance(tool, FunctionTool) else tool
            for tool in tools
        ]
        named = {tool.name for tool in own}
        offered: list[Tool] = [*own, *(tool for tool in remote if tool.name not in named)]
        return [*offered, *self._gone(offered)]

    def _add(self, more: Sequence[RemoteTool]) -> None:
        """Offer tools that are there only now; the SDK asks for them before each step."""
        known = {tool.name for tool in self._remote_tools}
        self._remote_tools = (*self._remote_tools, *(tool for tool in more if tool.name not in known))

    def _gone(self, offered: list[Tool]) -> list[Tool]:
        """Stand-ins for tools that an earlier attempt called, and that are not there any more."""
        there = {tool.name for tool in offered}
        wanted = self.replayed() if NESTED.get() is None else set[str]()
        return [self._stand_in(name) for name in wanted - there]

    def _stand_in(self, name: str) -> FunctionTool:
        for tool in self.tool_calls.personal.connect_tools:  # its server may be connected by now
            if tool.name == name:
                return self._remote(tool)

        async def invoke(context: ToolContext[Any], arguments: str) -> Any:
            return for_the_sdk(await self.tool_calls.give_up(name, context.tool_call_id, arguments))

        schema: dict[str, Any] = {"type": "object", "properties": {}}
        return FunctionTool(name, "", schema, invoke, strict_json_schema=False)

    def _remote(self, tool: RemoteTool) -> FunctionTool:
        async def invoke(context: ToolContext[Any], arguments: str) -> Any:
            return for_the_sdk(await self.tool_calls.execute(tool, context.tool_call_id, arguments))

        return FunctionTool(
            name=tool.name,
            description=tool.description,
            params_json_schema=tool.input_schema,
            on_invoke_tool=invoke,
            strict_json_schema=False,
        )
