"""The same shop with what natterkit offers: a repeatable tool, the context, words, a factory, bounds."""

from agents import Agent
from natterkit import Assistant, Bounds, Context, StartPrompt, ToolWords, function_tool
from shop import charge, effect


@function_tool(repeatable=True)
async def look(word: str) -> str:
    """Look something up."""
    effect(f"look {word}")
    return f"looked {word}"


@function_tool
async def remember(word: str) -> dict[str, str | None]:
    """Remember a word."""
    context = Context.current()
    await context.set_title(f"About {word}")
    await context.set_metadata(word=word)
    await context.add_hidden_context(f"The word is {word}.")
    return {"user": context.user.id, "call_id": context.call_id, "run_id": context.run_id}


def make(context: Context) -> Agent:
    """An agent for one user."""
    return Agent(name="Shop", instructions=f"You serve {context.user.id}.", tools=[look, remember, charge])


assistant = Assistant(
    agent=make,
    name="The shop",
    greeting="Welcome.",
    start_prompts=[StartPrompt("Look", "look up this")],
    bounds=Bounds(turns_max=3),
    tool_words={"look": ToolWords("Looking", "Looked", lambda arguments, _result: arguments.get("word", ""))},
)
