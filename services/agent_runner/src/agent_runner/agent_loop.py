"""The loop of one attempt: ask the model, store its calls, run the tools, store their outputs, and ask again."""

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any, cast

import structlog
from agents import (
    Agent,
    Handoff,
    Model,
    ModelResponse,
    RunConfig,
    RunContextWrapper,
    Runner,
    RunResult,
    Tool,
)
from agents import Usage as CallUsage
from agents.exceptions import ModelRefusalError
from contracts.errors import Code, TerminalError
from contracts.replies import RunClaimed, ToolCallView, Usage
from natterkit import Context
from natterkit.context import running
from natterkit.loading import check_agent, team_of
from openai.types.responses import ResponseFunctionToolCall

from agent_runner import nested, rules
from agent_runner.asking import Asking
from agent_runner.assistants import Served
from agent_runner.attachments import RunAttachments
from agent_runner.crash_points import CrashPoint
from agent_runner.equipment import CURRENT_RUN, NESTED, InvokeHandoff, Nested, OwnModel, equip
from agent_runner.hosted_tools import HostedCalls
from agent_runner.measuring import MEASURED, note_model
from agent_runner.mentions import tell_mentions
from agent_runner.metrics import FIRST_TOKEN_SECONDS
from agent_runner.model_calls import ModelBounds, call_model, usage_of, with_own_call_ids
from agent_runner.model_errors import ModelError, incomplete_error, sentence_of
from agent_runner.offered_tools import OfferedTools
from agent_runner.offerings import Chosen
from agent_runner.own_servers import OwnServers
from agent_runner.publisher import DeltaPublisher
from agent_runner.run_effects import RunEffects
from agent_runner.sampling import Sampling
from agent_runner.session import RunSession
from agent_runner.titles import TitleWriter
from agent_runner.tool_calls import ToolCalls
from agent_runner.tool_results import Outcome, parse_arguments
from agent_runner.transcript import Transcript
from agent_runner.workshop import Workshop

log = structlog.get_logger()
INTERRUPTED = '{"error": "The user stopped the answer."}'


class AgentLoop:
    """Runs the assistant's agent. `run` begins; then openai-agents asks `answer` for each step (`equipment`), and runs
    the tools between.
    """

    def __init__(  # noqa: PLR0913 - all that an attempt is made of
        self,
        workshop: Workshop,
        served: Served,
        claimed: RunClaimed,
        *,
        context: Context,
        effects: RunEffects,
        publisher: DeltaPublisher,
        transcript: Transcript,
        session: RunSession,
        tool_calls: ToolCalls,
        attachments: RunAttachments,
        titles: TitleWriter,
    ) -> None:
        self.usage = claimed.run.usage or Usage()
        """What all attempts of the run have used."""
        self.model_name: str | None = None
        self._workshop = workshop
        self._settings = workshop.settings
        self._served = served
        self._bounds = workshop.bounds(served.assistant)
        self._claimed = claimed
        self._context = context
        self._effects = effects
        self._publisher = publisher
        self._transcript = transcript
        self._session = session
        self._tool_calls = tool_calls
        self._attachments = attachments
        self._titles = titles
        self._asking = Asking(
            workshop.models,
            served.assistant,
            context,
            effects,
            claimed.inference_options,
            wants_tool=not claimed.checkpoint,
            model_sees_images=workshop.settings.model_sees_images,
        )
        self._hosted = HostedCalls(transcript, tool_calls.pictures, workshop.settings.tool_output_characters_max)
        self._own_servers = OwnServers()
        self._offered = OfferedTools(served, tool_calls, attachments, self._replayed_names)
        self._agents: dict[str, Agent[Any]] = {}
        self._starting: Agent[Any] | None = None
        self._agent_name: str | None = None
        self._handoffs: set[str] = set()
        self._call_ids: set[str] = set()
        self._handed_over: list[str] = []
        self._outputs_saved: set[str] = set()
        self._replay: list[dict[str, Any]] = []
        """The calls of the last checkpoint that have no outputs: the model has answered, its answer is given again."""
        self._last_output: list[dict[str, Any]] = []
        self._started = time.monotonic()
        self._has_begun = False

    @property
    def may_go_on(self) -> bool:
        """Whether a model may be asked that goes on with a text which another attempt has begun."""
        return self._workshop.models.some_continue

    # --- the loop ----------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Write the whole answer. Raises ModelError, TerminalError of a bound, FencedError, what the agent raises."""
        self._check_tokens()
        names = self._served.assistant.models
        self.model_name = self._workshop.models.choose(self._claimed.inference_options, self._claimed.run.model, names)
        self._asking.model_name = self.model_name
        note_model(self.model_name)
        items: list[Any] = [*rules.portable(await self._session.get_items())]
        self._replay = [dict(call) for call in rules.open_calls(items)]
        self._call_ids = rules.call_ids(items)
        self._outputs_saved = rules.call_ids(rules.outputs(items))
        turns_left = self._bounds.turns_max - rules.turns_used(self._claimed.checkpoint) + bool(self._replay)
        if turns_left <= 0:
            raise TerminalError(Code.RUN_TURNS_EXCEEDED, sentence_of(Code.RUN_TURNS_EXCEEDED))
        self._attachments.note(items)
        await self._offered.find()
        self._tool_calls.sampling = self._sampling()
        CURRENT_RUN.set(self)
        with running(self._context):
            chosen = Chosen(self._served.toolbox.offerings, self._tool_calls.read)
            await tell_mentions(self._served.assistant, self._claimed, self._context, self._effects, chosen)
            agent = self._starting = await self._starting_agent()
            with suppress(ModelRefusalError):  # an answer like any other: it was shown, and is stored
                result = await Runner.run(
                    agent,
                    [item for item in items if item not in self._replay],
                    context=self._sdk_context(),
                    max_turns=turns_left,
                    run_config=RunConfig(tracing_disabled=True, tool_not_found_behavior="return_error_to_model"),
                )
                await self._close(result)
        said = [*self._session.run_items[len(self._claimed.input) :], *self._last_output]
        if not self._hosted.has_any and not rules.says_something(said):
            raise ModelError(Code.MODEL_BAD_RESPONSE)

    async def close(self) -> None:
        await self._own_servers.close()

    async def answer(self, agent: Agent[Any], own: OwnModel, asked: dict[str, Any]) -> ModelResponse:
        """One step of an agent. Raises what `run` raises."""
        scope = NESTED.get()
        if scope is not None:
            return await self._answer_nested(scope, agent, own, asked)
        self._handoffs |= {handoff.tool_name for handoff in asked["handoffs"]}
        self._agent_name = agent.name
        await self._store_outputs(rules.outputs(asked["input"]))
        self._transcript.begin_response()
        self._hosted.begin_response(len(self._session.run_items))
        if self._replay:
            return self._replayed()
        model = self._asking.model_for(agent, own, asked["tools"])
        titles_by = None if isinstance(own, Model) else self._asking.name(own)
        self._effects.sees = self._asking.sees(model, own)
        asked = {**asked, "input": await self._attachments.put_in(asked["input"], self._effects.sees)}
        begun = self._transcript.begun_text
        if begun and not self._asking.continues(own, asked):
            self._transcript.withdraw_begun()
            begun = ""
        with self._tool_calls.waits.model():
            response = await call_model(
                lambda: model.stream_response(**self._asking.asked(own, asked, begun)),
                lambda event, is_first: self._show(event, is_first, titles_by),
                ModelBounds.of(self._settings),
                titles_by or str(getattr(model, "model", "")),
            )
        self._asking.wants_tool = False
        output, usage = self._read(response)
        output = rules.with_begun(output, begun)
        kept = [item for item in output if item.type not in rules.HOSTED_CALLS]  # no other model could read those
        said = [rules.storable_item(item.model_dump(exclude_none=True)) for item in kept]
        await self._store_calls([*self._hosted.take_drawn(), *said])
        self._check_tokens()
        return ModelResponse(output=output, usage=usage, response_id=None)

    def last_items(self, *, is_complete: bool) -> tuple[dict[str, Any], ...]:
        """The session items that no checkpoint has: the last words, and an output for each call that has none."""
        items = list(self._last_output)
        if not is_complete:
            if not items:  # of a model call that was cut short there is what was seen of it
                items += [_message(text) for text in self._transcript.unsaved_texts()]
            open_calls = rules.open_calls([*self._session.run_items, *items])
            items += [_output(str(call["call_id"]), INTERRUPTED) for call in open_calls]
        return tuple(items)

    def say_instead(self, words: str) -> None:
        """These words are the answer, whatever the model has said."""
        self._transcript.say(words)
        self._last_output = [_message(words)]

    async def _close(self, result: RunResult) -> None:
        """Where the last step was a tool's (``tool_use_behavior``), its output is the answer."""
        await self._store_outputs(rules.outputs(cast("list[Any]", result.to_input_list())))
        words = "" if result.final_output is None else str(result.final_output)
        if words and not self._last_output:  # no words: a model that had nothing to say after its tools
            self.say_instead(words)

    # --- the agents --------------------------------------------------------------------------------------

    async def _starting_agent(self) -> Agent[Any]:
        """The assistant's agent; after a takeover the one that the last checkpoint handed over to."""
        agent = self._served.assistant.fixed_agent
        if agent is None:
            made: Any = cast("Callable[[Context], Any]", self._served.assistant.agent)(self._context)
            agent = cast("Agent[Any]", await made if inspect.isawaitable(made) else made)
            check_agent(agent)
            equip(agent)
        team = team_of(agent)
        self._agents = {member.name: member for member in team}
        await self._own_servers.open(server for member in team for server in member.mcp_servers)
        current = self._agents.get(self._claimed.agent_name or "", agent)
        if current is agent:
            return agent
        get_all_tools = current.get_all_tools
        current = replace(current, input_guardrails=[])  # those are for what people say, and were passed before
        current.get_all_tools = get_all_tools
        return current

    async def tools(self, agent: Agent[Any], tools: list[Tool]) -> list[Tool]:
        """An agent's tools as the SDK is to see them."""
        return self._offered.of(agent, tools)

    def is_starting(self, agent: Agent[Any]) -> bool:
        """Whether the SDK is about to begin the run itself, and not one inside of it."""
        starting, self._starting = self._starting, None
        return starting is agent

    def _sdk_context(self) -> Any:
        make = self._served.assistant.make_context
        return self._context if make is None else make(self._context)

    async def hand_over(
        self, handoff: Handoff[Any, Any], invoke: InvokeHandoff, context: RunContextWrapper[Any], arguments: str
    ) -> Agent[Any]:
        """Hand over; what the handoff's author does with it is done at most once."""
        call_id = self._call_of(handoff.tool_name, arguments)
        known = self._agents.get(handoff.agent_name)
        if call_id is None or NESTED.get() is not None:
            return await invoke(context, arguments)
        is_new = await self._tool_calls.begin_handoff(handoff.tool_name, call_id, arguments)
        agent = await invoke(context, arguments) if is_new or known is None else known
        self._workshop.crash_points.reach(CrashPoint.IN_HANDOFF)
        await self._effects.store()
        await self._tool_calls.finish_handoff(call_id, agent.name)
        self._agents[agent.name] = agent
        return agent

    def _call_of(self, name: str, arguments: str) -> str | None:
        """The call that a handoff is invoked for: the SDK does not say."""
        for call in rules.open_calls(self._session.run_items):
            is_it = call["name"] == name and call["arguments"] == arguments and call["call_id"] not in self._handed_over
            if is_it:
                self._handed_over.append(str(call["call_id"]))
                return str(call["call_id"])
        return None

    def _replayed_names(self) -> set[str]:
        targets = [target for agent in self._agents.values() for target in agent.handoffs]
        names = {one.tool_name if isinstance(one, Handoff) else Handoff.default_tool_name(one) for one in targets}
        return {str(call["name"]) for call in self._replay} - names

    # --- the model ---------------------------------------------------------------------------------------

    def _read(self, response: Any) -> tuple[list[Any], CallUsage]:
        """The output and usage of a whole response; of one that is cut off nothing is executed. Raises ModelError."""
        usage = usage_of(response)
        self.usage = rules.with_call(self.usage, usage)
        incomplete = incomplete_error(response)
        if incomplete is not None:
            raise incomplete  # before any tool is called: its arguments may be cut off
        return with_own_call_ids(response.output, self._call_ids), usage

    def _sampling(self) -> Sampling:
        """How MCP servers may ask the run's model; the agent's next step sees whether the run's tokens are used."""

        def count(usage: CallUsage) -> None:
            self.usage = rules.with_call(self.usage, usage)

        bounds = ModelBounds.of(self._settings)
        return Sampling(self._workshop.models, self.model_name or "", self._served.assistant.demo, bounds, count)

    def _replayed(self) -> ModelResponse:
        """The calls that an earlier attempt began: given once more, so that the SDK goes on with them."""
        calls, self._replay = self._replay, []
        output: list[Any] = [
            ResponseFunctionToolCall(
                type="function_call", call_id=call["call_id"], name=call["name"], arguments=call["arguments"]
            )
            for call in calls
        ]
        return ModelResponse(output=output, usage=CallUsage(), response_id=None)

    async def _answer_nested(
        self, scope: Nested, agent: Agent[Any], own: OwnModel, asked: dict[str, Any]
    ) -> ModelResponse:
        """One step of an agent that is a tool: nobody sees it, and the ledger keeps it."""
        step_id = nested.step_id(scope.call_id, scope.steps_count)
        scope.steps_count += 1
        model = self._asking.model_for(agent, own, asked["tools"])

        async def ask() -> ModelResponse:
            request = self._asking.asked_nested(own, asked)
            bounds = ModelBounds.of(self._settings)
            name = str(getattr(model, "model", "")) if isinstance(own, Model) else self._asking.name(own)
            response = await call_model(
                lambda: model.stream_response(**request), lambda _event, _first: None, bounds, name
            )
            output, usage = self._read(response)
            self._check_tokens()
            return ModelResponse(output=output, usage=usage, response_id=None)

        async def record() -> Outcome:
            return await nested.recorded(ask)

        with self._tool_calls.waits.model():
            result, _ = await self._tool_calls.record(nested.MODEL, step_id, {"agent": agent.name}, record)
        response = nested.replayed(result)
        self._call_ids |= {str(item.call_id) for item in response.output if item.type == "function_call"}
        return response

    # --- what is shown while the model speaks ------------------------------------------------------------

    def _show(self, event: Any, is_first_token: bool, titles_by: str | None) -> Awaitable[None] | None:
        self._transcript.on_model_event(event)
        drawing = self._hosted.on_model_event(event)
        if is_first_token or drawing is not None:
            return self._on_rare_event(drawing, is_first_token, titles_by)
        return self._publisher.flush() if self._publisher.is_crowded else None

    async def _on_rare_event(
        self, drawing: Awaitable[None] | None, is_first_token: bool, titles_by: str | None
    ) -> None:
        if is_first_token:
            await self._on_first_token(titles_by)
        if drawing is not None:
            await drawing

    async def _on_first_token(self, titles_by: str | None) -> None:
        models = self._workshop.models
        helper = models.helper(self._served.assistant.helper_model, titles_by)
        if helper and self._effects.title is None and self._claimed.is_first_turn:
            self._titles.start(models.get(helper), models.settings_of(helper))
        if not self._has_begun:
            self._has_begun = True
            measured = MEASURED.get()
            FIRST_TOKEN_SECONDS.labels(measured.assistant, measured.model).observe(time.monotonic() - self._started)
        await asyncio.sleep(0)  # lets the publisher send it before a model that never waits goes on
        if self._workshop.crash_points.directory is not None:
            await self._publisher.flush()
            self._workshop.crash_points.reach(CrashPoint.AFTER_FIRST_DELTA)

    # --- checkpoints -------------------------------------------------------------------------------------

    async def _store_calls(self, items: list[dict[str, Any]]) -> None:
        """Store a model turn that calls tools before any of them runs; the last turn is stored with the run's end.

        One that has but drawn a picture is no last one: the SDK asks once more.
        """
        calls = [item for item in items if item["type"] == "function_call"]
        items = [*self._last_output, *items]
        self._last_output = [] if calls else items
        if not calls:
            return
        for call in calls:
            arguments = parse_arguments(call["arguments"])
            view = ToolCallView(call_id=call["call_id"], name=call["name"], arguments=arguments, status="running")
            self._transcript.tool_started(view)
        await self._publisher.flush()
        self._workshop.crash_points.reach(CrashPoint.BEFORE_CHECKPOINT)
        items_to_save = self._transcript.take_items()
        await self._session.checkpoint(items, items_to_save, self.usage, agent_name=self._agent_name)
        self._workshop.crash_points.reach(CrashPoint.AFTER_CHECKPOINT)

    async def _store_outputs(self, outputs: list[dict[str, Any]]) -> None:
        """Store the outputs of the tool calls, and who goes on, before the model is asked with them."""
        outputs = [item for item in outputs if item["call_id"] not in self._outputs_saved]
        if not outputs:
            return
        running_calls = {call.call_id: call for call in self._transcript.running_calls()}
        for item in outputs:
            call = running_calls.get(item["call_id"])
            if call is not None:  # nothing of ours was executed: a handoff, or a tool that does not exist
                status = "success" if call.name in self._handoffs else "failure"
                ended = {"status": status, "result": str(item.get("output"))}
                self._transcript.tool_finished(call.model_copy(update=ended))
        await self._publisher.flush()
        self._workshop.crash_points.reach(CrashPoint.BEFORE_OUTPUTS_CHECKPOINT)
        hidden, hidden_items = self._effects.take_hidden()
        await self._session.checkpoint(
            [*(rules.storable_item(item) for item in outputs), *hidden],
            (*self._transcript.take_items(), *hidden_items),
            agent_name=self._agent_name,
            metadata=self._effects.take_metadata(),
            title=self._effects.take_title(),
        )
        self._outputs_saved |= rules.call_ids(outputs)
        self._workshop.crash_points.reach(CrashPoint.AFTER_OUTPUTS_CHECKPOINT)

    def _check_tokens(self) -> None:
        if self.usage.total_tokens > self._bounds.tokens_max:
            raise TerminalError(Code.RUN_TOKENS_EXCEEDED, sentence_of(Code.RUN_TOKENS_EXCEEDED))


def _message(text: str) -> dict[str, Any]:
    content: list[Any] = [{"type": "output_text", "text": text, "annotations": []}]
    return {"type": "message", "role": "assistant", "content": content}


def _output(call_id: str, output: str) -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}
