"""A tool of an MCP server as the model sees it: its name, whether it may be repeated, whether its user is asked."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import structlog
from mcp.types import Tool, ToolAnnotations

from agent_runner.tool_servers import Request, ToolServer

log = structlog.get_logger()

NAME_CHARACTERS_MAX = 64
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
    request: Request | None = None
    """It is ours: what is asked of the server in the place of one of its tools."""


def remote_tool(tool: Tool, server: ToolServer) -> RemoteTool:
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
