"""Writes the answer of one attempt: the agent with its tools, shown as it comes, stored step by step."""

import asyncio
import time
from contextlib import suppress
from functools import partial
from typing import Any

import structlog
from agents import Agent, FunctionTool, OpenAIResponsesModel, RunConfig, Runner
from agents import Usage as CallUsage
from agents.exceptions import ModelRefusalError
from agents.tool_context import ToolContext
from chatkit_protocol import events
from contracts.commands import ItemToSave
from contracts.errors import Code, TerminalError
from contracts.events import RunEvent
from contracts.identity import Principal
from contracts.replies import RunClaimed, ToolCallView, Usage
from identity.run_token import RunIdentity, mint

from agent_runner import rules, takeover
from agent_runner.crash_points import CrashPoint
from agent_runner.metrics import FIRST_TOKEN_SECONDS
from agent_runner.model_calls import ModelBounds, RunModel
from agent_runner.model_errors import ModelError, sentence_of
from agent_runner.models import model_settings
from agent_runner.publisher import DeltaPublisher
from agent_runner.session import session_of
from agent_runner.titles import TitleWriter
from agent_runner.tool_calls import ToolCalls
from agent_runner.tool_images import RunImages
from agent_runner.tool_results import Output, for_the_sdk, parse_arguments
from agent_runner.toolbox import RemoteTool
from agent_runner.translate import AnswerTranslator
from agent_runner.workshop import Workshop

log = structlog.get_logger()

RUN_TOKEN_MARGIN_SECONDS = 60
INTERRUPTED = '{"error": "The user stopped the answer."}'


class Answer:
    """The `Turn` of a run: told of each model call, it keeps viewers, checkpoints and bounds in step."""

    def __init__(
        self, workshop: Workshop, claimed: RunClaimed, principal: Principal, publisher: DeltaPublisher
    ) -> None:
        settings = workshop.settings
        run = claimed.run
        self._workshop = workshop
        self._claimed = claimed
        self._publisher = publisher
        self.translator = AnswerTranslator(publisher, run.conversation_id)
        self.session = session_of(workshop, claimed, principal)
        self.usage = run.usage or Usage()
        self.model_name: str | None = None
        self.title_writer = TitleWriter(None, rules.user_text(claimed.user_item))
        self._unsaved: list[dict[str, Any]] = []
        self._started = time.monotonic()
        self._has_begun = False
        self._outputs_saved: set[str] = set()
        identity = RunIdentity(principal.user_id, run.run_id, run.conversation_id, claimed.epoch)
        token_seconds = int(settings.run_seconds_max) + RUN_TOKEN_MARGIN_SECONDS
        self._images = RunImages.of(claimed.saved_items, settings.tool_image_bytes_max)
        self.tool_calls = ToolCalls(
            principal=principal,
            run_id=run.run_id,
            epoch=claimed.epoch,
            mint_run_token=partial(mint, identity, workshop.run_token_secret, ttl_seconds=token_seconds),
            store=workshop.store,
            toolbox=workshop.toolbox,
            translator=self.translator,
            crash_points=workshop.crash_points,
            output_characters_max=settings.tool_output_characters_max,
            images=self._images,
            wait_seconds_max=settings.tools_wait_seconds_max,
        )

    async def write(self) -> None:
        """Write the whole answer. Raises ModelError, TerminalError of a bound, FencedError."""
        settings = self._workshop.settings
        self._check_tokens()
        options = self._claimed.inference_options
        self.model_name = self._workshop.models.choose(options, self._claimed.run.model)
        model = self._workshop.models.get(self.model_name)
        if self._claimed.is_first_turn and not self._workshop.models.is_demo(model):
            self.title_writer = TitleWriter(model, rules.user_text(self._claimed.user_item))
        tools = await self._workshop.toolbox.tools()
        items: list[Any] = [*rules.portable(await self.session.get_items())]
        items = [*items, *await self._finish_open_calls(items, tools)]
        self._outputs_saved = rules.call_ids([item for item in items if item.get("type") == "function_call_output"])
        agent = Agent[None](
            name="Natter",
            instructions=settings.instructions,
            model=self._run_model(model, items),
            model_settings=model_settings(
                options, frozenset(tool.name for tool in tools), settings.model_reasoning.get(self.model_name)
            ),
            tools=[self._function_tool(tool) for tool in tools],
        )
        turns_left = rules.turns_left(settings.run_turns_max, self._claimed.next_step)
        if turns_left <= 0:
            raise TerminalError(Code.RUN_TURNS_EXCEEDED, sentence_of(Code.RUN_TURNS_EXCEEDED))
        with suppress(ModelRefusalError):  # an answer like any other: it was shown, and is stored
            await Runner.run(
                agent,
                items,
                max_turns=turns_left,
                run_config=RunConfig(tracing_disabled=True, tool_not_found_behavior="return_error_to_model"),
            )
        if not rules.says_something([*self.session.run_items[len(self._claimed.input) :], *self._unsaved]):
            raise ModelError(Code.MODEL_BAD_RESPONSE)

    async def announce(self) -> None:
        """Say that the run has started; or that it starts again, and settle what only the dead attempt knew."""
        run, epoch = self._claimed.run, self._claimed.epoch
        kind = "run.started" if epoch == 1 else "run.restarted"
        event = RunEvent(type=kind, run_id=run.run_id, conversation_id=run.conversation_id, epoch=epoch)
        self._publisher.run_event(event)
        if epoch > 1:
            # Once this is stored the stream refuses the earlier attempts, so that what is read next is all there is.
            await self._publisher.flush()
            await takeover.settle(self._workshop.bus, self._publisher, self.translator, self._claimed)
        self._publisher.event(events.stream_options())
        await asyncio.sleep(0)  # the first of it leaves while the agent is made

    def end(self, *, is_complete: bool) -> tuple[tuple[ItemToSave, ...], tuple[dict[str, Any], ...]]:
        """End what is shown, and return the items and session items that no checkpoint has yet."""
        session_items = list(self._unsaved)
        if not is_complete:
            if not session_items:  # of a model call that was cut short there is what was seen of it
                session_items += [_message(text) for text in self.translator.unsaved_texts()]
            open_calls = rules.open_calls([*self.session.run_items, *session_items])
            session_items += [_output(str(call["call_id"]), INTERRUPTED) for call in open_calls]
        return self.translator.end(), tuple(session_items)

    @property
    def running_calls(self) -> list[ToolCallView]:
        """The tool calls that have begun and not ended."""
        return self.translator.running_calls()

    # --- Turn --------------------------------------------------------------------------------------------

    async def before_call(self, input_items: list[Any]) -> None:
        """Store the outputs of the tool calls before the model is asked with them."""
        outputs = [
            item
            for item in input_items
            if item.get("type") == "function_call_output" and item["call_id"] not in self._outputs_saved
        ]
        if not outputs:
            return
        for item in outputs:
            self._show_if_never_executed(item)
        await self._publisher.flush()
        self._workshop.crash_points.reach(CrashPoint.BEFORE_OUTPUTS_CHECKPOINT)
        await self.session.checkpoint([rules.storable_item(item) for item in outputs], self.translator.take_items())
        self._outputs_saved |= rules.call_ids(outputs)
        self._workshop.crash_points.reach(CrashPoint.AFTER_OUTPUTS_CHECKPOINT)

    async def on_first_token(self) -> None:
        self.title_writer.start()
        if not self._has_begun:
            self._has_begun = True
            FIRST_TOKEN_SECONDS.observe(time.monotonic() - self._started)
        await asyncio.sleep(0)  # lets the publisher send it before a model that never waits goes on
        if self._workshop.crash_points.directory is not None:
            await self._publisher.flush()
            self._workshop.crash_points.reach(CrashPoint.AFTER_FIRST_DELTA)

    def on_usage(self, usage: CallUsage) -> None:
        self.usage = rules.with_call(self.usage, usage)

    async def after_call(self, output: list[Any]) -> None:
        """Store a model turn that calls tools before any of them runs; the last turn is stored with the run's end."""
        items = [rules.storable_item(item.model_dump(exclude_none=True)) for item in output]
        calls = [item for item in items if item["type"] == "function_call"]
        if not calls:
            self._unsaved = items
        else:
            for item in calls:
                self._show(item)
            await self._publisher.flush()
            self._workshop.crash_points.reach(CrashPoint.BEFORE_CHECKPOINT)
            await self.session.checkpoint(items, self.translator.take_items(), self.usage)
            self._workshop.crash_points.reach(CrashPoint.AFTER_CHECKPOINT)
        self._check_tokens()

    # --- inside ------------------------------------------------------------------------------------------

    def _check_tokens(self) -> None:
        if self.usage.total_tokens > self._workshop.settings.run_tokens_max:
            raise TerminalError(Code.RUN_TOKENS_EXCEEDED, sentence_of(Code.RUN_TOKENS_EXCEEDED))

    def _run_model(self, model: Any, items: list[Any]) -> RunModel:
        settings = self._workshop.settings
        bounds = ModelBounds(
            first_token_seconds_max=settings.model_first_token_seconds_max,
            next_token_seconds_max=settings.model_next_token_seconds_max,
            attempts_max=settings.model_attempts_max,
            retry_seconds_max=settings.model_retry_seconds_max,
        )
        return RunModel(
            model,
            bounds,
            self.translator,
            publisher=self._publisher,
            turn=self,
            call_ids_used=rules.call_ids(items),
            with_images=partial(
                self._images.put_in,
                model_sees_images=settings.model_sees_images and isinstance(model, OpenAIResponsesModel),
            ),
        )

    async def _finish_open_calls(self, items: list[Any], tools: tuple[RemoteTool, ...]) -> list[dict[str, Any]]:
        """Finish the calls that an earlier attempt began; the ledger knows which of them have a result."""
        by_name = {tool.name: tool for tool in tools}
        calls = rules.open_calls(items)

        async def finish(call: Any) -> dict[str, Any]:
            tool = by_name.get(call["name"])
            if tool is None:
                return _output(
                    call["call_id"], await self.tool_calls.give_up(call["name"], call["call_id"], call["arguments"])
                )
            return _output(call["call_id"], await self.tool_calls.execute(tool, call["call_id"], call["arguments"]))

        outputs = list(await asyncio.gather(*(finish(call) for call in calls)))
        if outputs:
            await self.before_call(outputs)
        return outputs

    def _function_tool(self, tool: RemoteTool) -> FunctionTool:
        async def invoke(context: ToolContext[Any], arguments: str) -> Any:
            return for_the_sdk(await self.tool_calls.execute(tool, context.tool_call_id, arguments))

        return FunctionTool(
            name=tool.name,
            description=tool.description,
            params_json_schema=tool.input_schema,
            on_invoke_tool=invoke,
            strict_json_schema=False,
        )

    def _show(self, call: dict[str, Any]) -> None:
        arguments = parse_arguments(call["arguments"])
        view = ToolCallView(call_id=call["call_id"], name=call["name"], arguments=arguments, status="running")
        self.translator.tool_started(view)

    def _show_if_never_executed(self, output: dict[str, Any]) -> None:
        """A call of a tool that does not exist gets its output from the SDK."""
        running = {call.call_id: call for call in self.translator.running_calls()}
        call = running.get(output["call_id"])
        if call is not None:
            self.translator.tool_finished(
                call.model_copy(update={"status": "failure", "result": str(output.get("output"))})
            )


def _message(text: str) -> dict[str, Any]:
    content: list[Any] = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "role": "assistant", "content": content}


def _output(call_id: str, output: Output) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}
