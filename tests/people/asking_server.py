"""An MCP server over stdio that asks its user, and the model; and one of its tools may destroy something."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from mcp.server.mcpserver import AcceptedElicitation, Elicit, ElicitationResult, MCPServer, Resolve, Sample
from mcp.types import CreateMessageResult, SamplingMessage, TextContent, ToolAnnotations
from pydantic import BaseModel, Field

server = MCPServer("desk")
EFFECTS = Path(sys.argv[1])


class Seat(BaseModel):
    row: int = Field(description="From 1 to 20")
    side: Literal["left", "right"]
    window: bool = False


def which_seat(word: str) -> Elicit[Seat]:
    return Elicit(f"Which seat for {word}?", Seat)


@server.tool()
async def reserve(word: str, seat: Annotated[ElicitationResult[Seat], Resolve(which_seat)]) -> str:
    """Reserve a seat."""
    if not isinstance(seat, AcceptedElicitation):
        return f"not reserved: {seat.action}"
    return f"reserved {seat.data.row} {seat.data.side} {seat.data.window}"


def a_summary(word: str) -> Sample:
    content = TextContent(type="text", text=f"Sum up {word}.")
    return Sample([SamplingMessage(role="user", content=content)], max_tokens=50, system_prompt="Be short.")


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def sum_up(word: str, summary: Annotated[CreateMessageResult, Resolve(a_summary)]) -> str:
    """Sum something up, in a model's words."""
    assert isinstance(summary.content, TextContent)
    return f"{word}: {summary.content.text} ({summary.stop_reason})"


@server.tool()
def wipe(word: str) -> str:
    """Wipe something."""
    with EFFECTS.open("a") as file:
        file.write(f"wipe {word}\n")
    return f"wiped {word}"


@server.resource("seats://plan", title="Seating plan", mime_type="text/plain")
def plan() -> str:
    """Where the seats are."""
    return "Row 7 is at the window."


@server.prompt(title="Find a seat")
def find_a_seat(wish: str) -> str:
    """Find a seat that suits."""
    return f"Look at the seating plan, and find a seat that suits: {wish}"


server.run("stdio")
