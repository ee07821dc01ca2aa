"""An assistant that asks: for approvals, with forms, and the page; alone, and in an agent that is a tool."""

import asyncio
import os
from pathlib import Path

from agents import Agent
from natterkit import Choice, Confirm, Context, Form, NotAnsweredError, Several, Text, function_tool

EFFECTS = Path(os.environ["CAREFUL_EFFECTS"])


def effect(what: str) -> None:
    with EFFECTS.open("a") as file:
        file.write(f"{what}\n")


def is_dear(_context: object, arguments: dict[str, object], _call_id: str) -> bool:
    return int(str(arguments["amount"])) > 10


@function_tool(needs_approval=True)
def pay(word: str) -> str:
    """Pay."""
    effect(f"pay {word}")
    return f"paid {word}"


@function_tool(needs_approval=is_dear, timeout=30)
async def buy(word: str, amount: int) -> str:
    """Buy something; what is dear has to be approved."""
    effect(f"buy {word} {amount}")
    return f"bought {word} for {amount}"


@function_tool
async def look(word: str) -> str:
    """Only look."""
    await asyncio.sleep(0.2)
    effect(f"look {word}")
    return f"saw {word}"


@function_tool
async def paint(word: str) -> str:
    """Paint, in the colour that the user wants."""
    context = Context.current()
    effect(f"begin {word}")
    colour = await context.ask(Choice("Which colour?", ["green", "blue"]))
    answers = await context.ask(
        Form(
            [
                Text("For whom?", id="whom"),
                Several("Which rooms?", ["hall", "attic"], id="rooms", required=False),
                Confirm("Twice?", id="twice"),
            ]
        )
    )
    effect(f"paint {word}")
    return f"painted {word} {colour} for {answers['whom']} in {answers['rooms']}, twice: {answers['twice']}"


@function_tool
async def maybe(word: str) -> str:
    """Ask, and live without an answer."""
    try:
        return str(await Context.current().ask(Confirm(f"Is it {word}?")))
    except NotAnsweredError as error:
        return f"{error.why}: {error.reason}"


@function_tool
async def locate(word: str) -> str:
    """Ask the page where it is."""
    found = await Context.current().client_tool("where", {"word": word})
    return f"{word} is in {found['city']}"


buyer = Agent(name="Buyer", instructions="You are BUYER.", tools=[pay, look])
agent = Agent(
    name="Careful",
    instructions="You are CAREFUL.",
    tools=[pay, buy, look, paint, maybe, locate, buyer.as_tool("delegate", "Let the buyer do it.")],
)
