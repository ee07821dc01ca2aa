"""An MCP server (stdio) with the tools of the scripted conversations: that succeed, fail, never end, draw."""

import asyncio
import base64

from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import ImageContent, ResourceLink

PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
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


@server.tool()
def draw() -> list[ImageContent | ResourceLink]:
    """Draw two pixels, one of them as a document that would do something."""
    harm = base64.b64encode(b"<svg xmlns='http://www.w3.org/2000/svg' onload='window.pwned = 1'/>").decode()
    return [
        ImageContent(data=PIXEL, mime_type="image/png"),
        ImageContent(data=harm, mime_type="image/svg+xml"),
        ResourceLink(name="The paper", uri="https://example.com/paper"),
    ]


if __name__ == "__main__":
    server.run()
