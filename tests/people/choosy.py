"""An assistant that may use three models, and agents that name models which nobody has."""

from agents import Agent
from natterkit import Assistant, function_tool


@function_tool(repeatable=True)
def look(word: str) -> str:
    """Look something up."""
    return f"looked {word}"


assistant = Assistant(
    agent=Agent(name="Choosy", instructions="You are CHOOSY.", tools=[look]),
    models=["thinker", "mock"],
    helper_model="small",
)
lost = Assistant(agent=Agent(name="Lost"), models=["nowhere"])
stray = Agent(name="Stray", model="gpt-of-nobody")
