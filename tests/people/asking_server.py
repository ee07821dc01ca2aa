"""An MCP server over stdio that asks its user; and one of its tools may destroy something."""

import sys
from pathlib import Path
from typing import Annotated, Literal

from mcp.server.mcpserver import AcceptedElicitation, Elicit, ElicitationResult, MCPServer, Resolve
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


@server.tool()
def wipe(word: str) -> str:
    """Wipe something."""
    with EFFECTS.open("a") as file:
        file.write(f"wipe {word}\n")
    return f"wiped {word}"


server.run("stdio")
