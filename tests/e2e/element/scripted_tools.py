"""An MCP server (stdio) with the tools of the scripted conversations: one succeeds, one fails, one never ends."""

import asyncio

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError

ADD_SECONDS = 1.2
"""How long its running state can be seen on a busy machine."""

server = MCPServer("scripted")


@server.tool()
async def add(title: str) -> str:
    """Add a task, slowly."""
    await asyncio.sleep(ADD_SECONDS)
    return f"task_7 was added: {title}"


@server.tool()
async def find(title: str) -> str:
    """Find a list that is not there."""
    raise ToolError(f"The list {title} is not there.")


@server.tool()
async def echo(title: str) -> str:
    """Say the same."""
    return title


@server.tool()
async def wait() -> str:
    """Run until somebody stops it."""
    await asyncio.sleep(60)
    return "too late"


if __name__ == "__main__":
    server.run()
