"""An assistant that does nothing before its user has agreed, and asks once more: its deals are in a file."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from agents import Agent
from natterkit import Assistant, Choice, Context, DemoCall, function_tool

DEALS = Path(os.environ["DEALER_DEALS"])


def write_down(line: str) -> None:
    with DEALS.open("a") as file:
        file.write(f"{line}\n")


@function_tool(needs_approval=True, repeatable=True)  # each deal is known by its call, however often it is written
async def deal(what: str) -> str:
    """Make a deal."""
    context = Context.current()
    how = await context.ask(Choice("How?", ["fast", "slow"]))
    write_down(f"{what} {context.run_id}/{context.call_id}")
    return f"Dealt {what} {how}."


def answer(items: str | Sequence[Any], tools: frozenset[str]) -> str | list[DemoCall] | None:
    """Deal, then say what came of it."""
    known = [item for item in items if isinstance(item, dict)]
    outputs = [item["output"] for item in known if item.get("type") == "function_call_output"]
    if outputs:
        return str(outputs[-1])
    words = str(items).partition("deal ")[2]
    return [DemoCall("deal", {"what": words.split("'")[0].split('"')[0]})] if "deal" in tools and words else None


assistant = Assistant(agent=Agent[Any](name="Dealer", tools=[deal]), name="Dealer", demo=answer)
