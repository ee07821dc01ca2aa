"""The demo model as an openai-agents ``Model``: streams the events of the Responses API, a word at a time."""

import asyncio
import re
from collections.abc import AsyncIterator
from typing import Any

from agents import FunctionTool, Model, ModelResponse, Usage
from natterkit import Demo, DemoCall
from openai.types.responses import ResponseCompletedEvent

from agent_runner.demo import attached, responses, rules, scheduled

_WORDS = re.compile(r"\s*\S+|\s+$")


class DemoModel(Model):
    """Every ``word_delay_seconds`` a word. Ids are unique; an answer ends with ``response.completed``."""

    def __init__(self, word_delay_seconds: float, demo: Demo | None = None) -> None:
        """``demo``: an assistant's own rules; where they have no answer, the built-in ones are asked."""
        self._word_delay_seconds = word_delay_seconds
        self._demo = demo

    async def get_response(  # noqa: PLR0913 - openai-agents' signature
        self,
        system_instructions: str | None,
        input: Any,  # noqa: A002 - openai-agents' name
        model_settings: Any,
        tools: list[Any],
        output_schema: Any,
        handoffs: list[Any],
        tracing: Any,
        *,
        previous_response_id: str | None,
        conversation_id: str | None,
        prompt: Any,
    ) -> ModelResponse:
        """The whole answer at once; see ``Model``."""
        events = self.stream_response(
            system_instructions,
            input,
            model_settings,
            tools,
            output_schema,
            handoffs,
            tracing,
            previous_response_id=previous_response_id,
            conversation_id=conversation_id,
            prompt=prompt,
        )
        completed = [event.response async for event in events if isinstance(event, ResponseCompletedEvent)][-1]
        return ModelResponse(output=completed.output, usage=Usage(requests=1), response_id=completed.id)

    async def stream_response(  # noqa: PLR0913 - openai-agents' signature
        self,
        system_instructions: str | None,  # noqa: ARG002
        input: Any,  # noqa: A002
        model_settings: Any,  # noqa: ARG002
        tools: list[Any],
        output_schema: Any,
        handoffs: list[Any],
        tracing: Any,  # noqa: ARG002
        *,
        previous_response_id: str | None,  # noqa: ARG002
        conversation_id: str | None,  # noqa: ARG002
        prompt: Any,  # noqa: ARG002
    ) -> AsyncIterator[Any]:
        """The answer as it is written; see ``Model``."""
        tools = [tool for tool in tools if isinstance(tool, FunctionTool)]  # hosted ones need a provider
        act = self._act(input, tools, handoffs, output_schema)
        writer = responses.ResponseWriter(model="demo", input_tokens=_tokens(input))
        yield writer.created()
        if isinstance(act, str):
            for event in writer.begin_message():
                yield event
            for number, word in enumerate(_WORDS.findall(act)):
                if number:  # a delay of 0 still lets others work, as waiting for a network would
                    await asyncio.sleep(self._word_delay_seconds)
                yield writer.text_delta(word)
            for event in writer.end_message():
                yield event
        else:
            for call in act:
                for event in _call_events(writer, call):
                    yield event
        yield writer.completed()

    def _act(self, items: Any, tools: list[FunctionTool], handoffs: list[Any], output_schema: Any) -> Any:
        """What is done next: words, or calls."""
        names = frozenset(str(tool.name) for tool in tools) | {str(handoff.tool_name) for handoff in handoffs}
        told, files = attached.without_files(items)
        asked, before = scheduled.as_asked(told)
        act = self._demo(asked, names) if asked and self._demo is not None else None
        if act is None:
            act = rules.answer(asked, tools, handoffs, output_schema) if asked else ""
        if files:
            act = attached.with_files(act, files, tools)
        return before + act if isinstance(act, str) else act


def _call_events(writer: responses.ResponseWriter, call: DemoCall) -> list[Any]:
    return writer.function_call(call.name, call.arguments)


def _tokens(items: Any) -> int:
    return len(str(items)) // 4
