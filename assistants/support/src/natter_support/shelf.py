"""The shop's shelf, as an MCP server of its own: it asks the customer, and a model, and has something to read.

Run as `python -m natter_support.shelf`, over stdio; `desk.py` says how it is served.
"""

from typing import Annotated, Literal

from mcp.server.mcpserver import AcceptedElicitation, Elicit, ElicitationResult, MCPServer, Resolve, Sample
from mcp.types import CreateMessageResult, SamplingMessage, TextContent, ToolAnnotations
from pydantic import BaseModel, Field

server = MCPServer("shelf")


class Wish(BaseModel):
    colour: Literal["green", "white"] = Field(description="We have both.")
    engraved: bool = False


def which(thing: str) -> Elicit[Wish]:
    return Elicit(f"Which {thing} shall we keep for you?", Wish)


def in_a_line(thing: str) -> Sample:
    asked = TextContent(type="text", text=f"Describe {thing} of a tea shop in one line.")
    return Sample([SamplingMessage(role="user", content=asked)], max_tokens=100)


@server.tool(annotations=ToolAnnotations(destructive_hint=True))
async def hold(thing: str, wish: Annotated[ElicitationResult[Wish], Resolve(which)]) -> str:
    """Take something off the shelf, and keep it for the customer."""
    if not isinstance(wish, AcceptedElicitation):
        return "Nothing was taken off the shelf."
    engraved = ", engraved" if wish.data.engraved else ""
    return f"We keep a {wish.data.colour} {thing} for you{engraved}."


@server.tool(annotations=ToolAnnotations(read_only_hint=True))
def describe(thing: str, line: Annotated[CreateMessageResult, Resolve(in_a_line)]) -> str:
    """Describe something on the shelf, in a model's words."""
    return line.content.text if isinstance(line.content, TextContent) else f"A {thing}."


@server.resource("shelf://terms", title="Terms of sale", mime_type="text/plain")
def terms() -> str:
    """What holds when you buy here."""
    return "What you do not like you may send back within 30 days."


@server.prompt(title="Find a gift")
def find_a_gift(wish: str) -> str:
    """Find something that suits."""
    return f"Suggest one thing of our shelf (cups, teapots, trays) as a gift: {wish}"


if __name__ == "__main__":
    server.run("stdio")
