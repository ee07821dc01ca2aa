"""An agent as the SDK's documentation has it, with tools that its provider executes, and one of its own."""

from agents import (
    Agent,
    CodeInterpreterTool,
    FileSearchTool,
    HostedMCPTool,
    ImageGenerationTool,
    WebSearchTool,
    function_tool,
)


@function_tool
async def note(word: str) -> str:
    """Write a word down."""
    return f"noted {word}"


agent = Agent(
    name="Researcher",
    instructions="You find things out.",
    tools=[
        WebSearchTool(),
        FileSearchTool(vector_store_ids=["vs_1"], include_search_results=True),
        CodeInterpreterTool({"type": "code_interpreter", "container": {"type": "auto"}}),
        ImageGenerationTool({"type": "image_generation"}),
        HostedMCPTool(
            {"type": "mcp", "server_label": "wiki", "server_url": "https://wiki.invalid", "require_approval": "never"}
        ),
        note,
    ],
)


def make(_context: object) -> Agent:
    """The same for each run: what it needs is known only then."""
    return agent
