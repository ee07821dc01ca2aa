"""An assistant as people write one, with nothing of Natter in it: handoffs, tools, an agent as a tool, guardrails."""

import asyncio
import os
from pathlib import Path

from agents import (
    Agent,
    GuardrailFunctionOutput,
    RunContextWrapper,
    function_tool,
    handoff,
    input_guardrail,
    output_guardrail,
)

EFFECTS = Path(os.environ["SHOP_EFFECTS"])


def effect(what: str) -> None:
    with EFFECTS.open("a") as file:
        file.write(f"{what}\n")


@function_tool
def charge(word: str) -> str:
    """Charge a card."""
    effect(f"charge {word}")
    return f"charged {word}"


@function_tool
async def fail(word: str) -> str:
    """Fail."""
    raise ValueError(f"no {word}")


@function_tool(failure_error_function=None)
async def break_run(word: str) -> str:
    """Fail for good."""
    raise ValueError(f"never {word}")


@function_tool
async def slow(word: str) -> str:
    """Take very long."""
    effect(f"slow begins {word}")
    await asyncio.sleep(600)
    return word


@input_guardrail(run_in_parallel=False)
async def no_homework(_context: RunContextWrapper, _agent: Agent, items: str | list) -> GuardrailFunctionOutput:
    """Refuse homework."""
    text = items if isinstance(items, str) else str(items[-1])
    return GuardrailFunctionOutput(output_info="I do no homework.", tripwire_triggered="homework" in text)


@output_guardrail
async def no_secrets(_context: RunContextWrapper, _agent: Agent, output: object) -> GuardrailFunctionOutput:
    """Say no secrets."""
    return GuardrailFunctionOutput(
        output_info={"message": "That is a secret."}, tripwire_triggered="secret" in str(output)
    )


async def handed_over(_context: RunContextWrapper) -> None:
    effect("handed over")


researcher = Agent(name="Researcher", instructions="You are RESEARCHER.", tools=[charge])
refunds = Agent(name="Refunds", instructions="You are REFUNDS.", tools=[charge], output_guardrails=[no_secrets])


def told(context: RunContextWrapper, agent: Agent) -> str:
    if "INSTRUCTIONS" in os.environ:
        raise ValueError("no instructions")
    return f"You are {agent.name.upper()}."


agent = Agent(
    name="Triage",
    instructions=told,
    tools=[charge, fail, break_run, slow, researcher.as_tool("research", "Finds out.")],
    handoffs=[handoff(refunds, on_handoff=handed_over)],
    input_guardrails=[no_homework],
    output_guardrails=[no_secrets],
)
