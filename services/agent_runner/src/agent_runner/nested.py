"""Agents that are tools: each answer of their models is in the ledger, so that a takeover plays them again.

The run of a nested agent has no checkpoints of its own. When its runner dies, the call that began it is executed
again: its model is not asked for what it has answered, its tools are not executed where they have a result, and it
goes on where it was.
"""

import time
from collections.abc import Awaitable, Callable
from typing import Any

from agents import ModelResponse, Usage
from openai.types.responses import Response, ResponseCompletedEvent, ResponseOutputItem
from pydantic import JsonValue, TypeAdapter

from agent_runner import rules
from agent_runner.tool_results import Outcome

MODEL = "model"
"""The name under which the ledger has the answers of nested agents' models."""
_OUTPUT: TypeAdapter[list[Any]] = TypeAdapter(list[ResponseOutputItem])


def step_id(call_id: str, steps_count: int) -> str:
    """The call id of a nested agent's n-th answer: the same in every attempt."""
    return f"{call_id[:240]}/{steps_count}"


async def recorded(ask: Callable[[], Awaitable[ModelResponse]]) -> Outcome:
    """The answer as the ledger keeps it."""
    response = await ask()
    output = [rules.storable_json(item.model_dump(mode="json", exclude_unset=True)) for item in response.output]
    return Outcome("success", {"output": output, "usage": _counted(response.usage)})


def replayed(result: JsonValue) -> ModelResponse:
    """The answer that the ledger has."""
    kept: Any = result
    return ModelResponse(output=_OUTPUT.validate_python(kept["output"]), usage=Usage(), response_id=None)


def completed(response: ModelResponse) -> ResponseCompletedEvent:
    """The answer as the last event of a stream."""
    whole = Response(
        id=response.response_id or "resp",
        created_at=time.time(),
        model=MODEL,
        object="response",
        output=response.output,
        parallel_tool_calls=True,
        tool_choice="auto",
        tools=[],
        status="completed",
    )
    return ResponseCompletedEvent(type="response.completed", sequence_number=0, response=whole)


def _counted(usage: Usage) -> JsonValue:
    return {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
