"""The loop of one attempt: ask the model, store its calls, run the tools, store their outputs, and ask again."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import suppress
from typing import Any

from agents import Agent, FunctionTool, Model, ModelResponse, OpenAIResponsesModel, RunConfig, Runner
from agents.exceptions import ModelRefusalError
from agents.tool_context import ToolContext
from contracts.errors import Code, TerminalError
from contracts.replies import RunClaimed, ToolCallView, Usage

from agent_runner import rules
from agent_runner.crash_points import CrashPoint
from agent_runner.metrics import FIRST_TOKEN_SECONDS
from agent_runner.model_calls import ModelBounds, call_model, usage_of, with_own_call_ids
from agent_runner.model_errors import ModelError, incomplete_error, sentence_of
from agent_runner.models import model_settings
from agent_runner.publisher import DeltaPublisher
from agent_runner.session import RunSession
from agent_runner.titles import TitleWriter
from agent_runner.tool_calls import ToolCalls
from agent_runner.tool_results import Output, for_the_sdk, parse_arguments
from agent_runner.toolbox import RemoteTool
from agent_runner.transcript import Transcript
from agent_runner.workshop import Workshop

INTERRUPTED = '{"error": "The user stopped the answer."}'


class AgentLoop(Model):
    """Runs the agent. `run` begins; then openai-agents asks `get_response` for each step, and runs the tools between.

    The agent's model is this object: it asks the real one, by streaming, so that what is shown, what is stored and what
    the agent goes on with are one order of events.
    """

    _model: Model

    def __init__(
        self,
        workshop: Workshop,
        claimed: RunClaimed,
        *,
        publisher: DeltaPublisher,
        transcript: Transcript,
        session: RunSession,
        tool_calls: ToolCalls,
        titles: TitleWriter,
    ) -> None:
        self.usage = claimed.run.usage or Usage()
        """What all attempts of the run have used."""
        self.model_name: str | None = None
        self._workshop = workshop
        self._settings = workshop.settings
        self._claimed = claimed
        self._publisher = publisher
        self._transcript = transcript
        self._session = session
        self._tool_calls = tool_calls
        self._titles = titles
        self._call_ids: set[str] = set()
        self._outputs_saved: set[str] = set()
        self._last_output: list[dict[str, Any]] = []
        self._started = time.monotonic()
        self._has_begun = False

    # --- the loop ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write the whole answer. Raises ModelError, TerminalError of a bound, FencedError."""
        self._check_tokens()
        options = self._claimed.inference_options
        self.model_name = self._workshop.models.choose(options, self._claimed.run.model)
        self._model = self._workshop.models.get(self.model_name)
        tools = await self._tool_calls.tools()
        items: list[Any] = [*rules.portable(await self._session.get_items())]
        items += await self._finish_open_calls(items, (*self._tool_calls.personal.connect_tools, *tools))
        self._call_ids = rules.call_ids(items)
        self._outputs_saved = rules.call_ids(rules.outputs(items))
        agent = Agent[None](
            name="Natter",
            instructions=self._settings.instructions,
            model=self,
            model_settings=model_settings(
                options, frozenset(tool.name for tool in tools), self._settings.model_reasoning.get(self.model_name)
            ),
            tools=[self._function_tool(tool) for tool in tools],
        )
        self._tool_calls.personal.on_tools = lambda more: (
            agent.tools.extend(  # the SDK looks at them again for each step
                self._function_tool(tool) for tool in more if tool.name not in {known.name for known in agent.tools}
            )
        )
        turns_left = rules.turns_left(self._settings.run_turns_max, self._claimed.next_step)
        if turns_left <= 0:
            raise TerminalError(Code.RUN_TURNS_EXCEEDED, sentence_of(Code.RUN_TURNS_EXCEEDED))
        with suppress(ModelRefusalError):  # an answer like any other: it was shown, and is stored
            await Runner.run(
                agent,
                items,
                max_turns=turns_left,
                run_config=RunConfig(tracing_disabled=True, tool_not_found_behavior="return_error_to_model"),
            )
        if not rules.says_something([*self._session.run_items[len(self._claimed.input) :], *self._last_output]):
            raise ModelError(Code.MODEL_BAD_RESPONSE)

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """One step. Raises what `run` raises."""
        await self._store_outputs(rules.outputs(kwargs["input"]))
        self._transcript.begin_response()
        asked = {**kwargs, "input": self._with_images(kwargs["input"])}
        response = await call_model(
            lambda: self._model.stream_response(*args, **asked), self._show, ModelBounds.of(self._settings)
        )
        usage = usage_of(response)
        self.usage = rules.with_call(self.usage, usage)
        incomplete = incomplete_error(response)
        if incomplete is not None:
            raise incomplete  # before any tool is called: its arguments may be cut off
        output = with_own_call_ids(response.output, self._call_ids)
        await self._store_calls([rules.storable_item(item.model_dump(exclude_none=True)) for item in output])
        self._check_tokens()
        return ModelResponse(output=output, usage=usage, response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        """The model's own stream; the runner does not use it."""
        return self._model.stream_response(*args, **kwargs)

    def last_items(self, *, is_complete: bool) -> tuple[dict[str, Any], ...]:
        """The session items that no checkpoint has: the last words, and an output for each call that has none."""
        items = list(self._last_output)
        if not is_complete:
            if not items:  # of a model call that was cut short there is what was seen of it
                items += [_message(text) for text in self._transcript.unsaved_texts()]
            open_calls = rules.open_calls([*self._session.run_items, *items])
            items += [_output(str(call["call_id"]), INTERRUPTED) for call in open_calls]
        return tuple(items)

    def _with_images(self, items: list[Any]) -> list[Any]:
        """The items with the images that tools returned, where the model can see them."""
        sees_images = self._settings.model_sees_images and isinstance(self._model, OpenAIResponsesModel)
        return self._tool_calls.images.put_in(items, model_sees_images=sees_images)

    # --- what is shown while the model speaks ------------------------------------------------------------

    def _show(self, event: Any, is_first_token: bool) -> Awaitable[None] | None:
        self._transcript.on_model_event(event)
        if is_first_token:
            return self._on_first_token()
        return self._publisher.flush() if self._publisher.is_crowded else None

    async def _on_first_token(self) -> None:
        if self._claimed.is_first_turn and not self._workshop.models.is_demo(self._model):
            self._titles.start(self._model)
        if not self._has_begun:
            self._has_begun = True
            FIRST_TOKEN_SECONDS.observe(time.monotonic() - self._started)
        await asyncio.sleep(0)  # lets the publisher send it before a model that never waits goes on
        if self._workshop.crash_points.directory is not None:
            await self._publisher.flush()
            self._workshop.crash_points.reach(CrashPoint.AFTER_FIRST_DELTA)

    # --- checkpoints -------------------------------------------------------------------------------------

    async def _store_calls(self, items: list[dict[str, Any]]) -> None:
        """Store a model turn that calls tools before any of them runs; the last turn is stored with the run's end."""
        calls = [item for item in items if item["type"] == "function_call"]
        if not calls:
            self._last_output = items
            return
        for call in calls:
            arguments = parse_arguments(call["arguments"])
            view = ToolCallView(call_id=call["call_id"], name=call["name"], arguments=arguments, status="running")
            self._transcript.tool_started(view)
        await self._publisher.flush()
        self._workshop.crash_points.reach(CrashPoint.BEFORE_CHECKPOINT)
        await self._session.checkpoint(items, self._transcript.take_items(), self.usage)
        self._workshop.crash_points.reach(CrashPoint.AFTER_CHECKPOINT)

    async def _store_outputs(self, outputs: list[dict[str, Any]]) -> None:
        """Store the outputs of the tool calls before the model is asked with them."""
        outputs = [item for item in outputs if item["call_id"] not in self._outputs_saved]
        if not outputs:
            return
        running = {call.call_id: call for call in self._transcript.running_calls()}
        for item in outputs:
            call = running.get(item["call_id"])
            if call is not None:  # of a tool that does not exist: nothing was executed, the output is the SDK's
                failed = {"status": "failure", "result": str(item.get("output"))}
                self._transcript.tool_finished(call.model_copy(update=failed))
        await self._publisher.flush()
        self._workshop.crash_points.reach(CrashPoint.BEFORE_OUTPUTS_CHECKPOINT)
        await self._session.checkpoint([rules.storable_item(item) for item in outputs], self._transcript.take_items())
        self._outputs_saved |= rules.call_ids(outputs)
        self._workshop.crash_points.reach(CrashPoint.AFTER_OUTPUTS_CHECKPOINT)

    def _check_tokens(self) -> None:
        if self.usage.total_tokens > self._settings.run_tokens_max:
            raise TerminalError(Code.RUN_TOKENS_EXCEEDED, sentence_of(Code.RUN_TOKENS_EXCEEDED))

    # --- tools -------------------------------------------------------------------------------------------

    def _function_tool(self, tool: RemoteTool) -> FunctionTool:
        async def invoke(context: ToolContext[Any], arguments: str) -> Any:
            return for_the_sdk(await self._tool_calls.execute(tool, context.tool_call_id, arguments))

        return FunctionTool(
            name=tool.name,
            description=tool.description,
            params_json_schema=tool.input_schema,
            on_invoke_tool=invoke,
            strict_json_schema=False,
        )

    async def _finish_open_calls(self, items: list[Any], tools: tuple[RemoteTool, ...]) -> list[dict[str, Any]]:
        """Finish the calls that an earlier attempt began; the ledger knows which of them have a result."""
        by_name = {tool.name: tool for tool in tools}

        async def finish(call: Any) -> dict[str, Any]:
            name, call_id, arguments = call["name"], call["call_id"], call["arguments"]
            tool = by_name.get(name)
            if tool is None:
                return _output(call_id, await self._tool_calls.give_up(name, call_id, arguments))
            return _output(call_id, await self._tool_calls.execute(tool, call_id, arguments))

        outputs = list(await asyncio.gather(*(finish(call) for call in rules.open_calls(items))))
        await self._store_outputs(outputs)
        return outputs


def _message(text: str) -> dict[str, Any]:
    content: list[Any] = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "role": "assistant", "content": content}


def _output(call_id: str, output: Output) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}
