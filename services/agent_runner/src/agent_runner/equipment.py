"""Has an agent's model calls, function tools and handoffs go through the run that executes it.

An agent of the SDK is an object that people make once, with tools and handoffs that hold on to it. So it is changed in
place, once: its model, the list of its tools and its handoffs ask the run that they are called in, if there is one.
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextvars import ContextVar
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import Any, Protocol

from agents import (
    Agent,
    Handoff,
    Model,
    ModelProvider,
    ModelResponse,
    ModelSettings,
    MultiProvider,
    RunConfig,
    RunContextWrapper,
    Tool,
)
from agents.models import get_default_model_settings
from agents.run import AgentRunner
from natterkit.loading import team_of

OwnModel = str | Model | None
"""The model that an agent names or brings; None: the run's."""
InvokeHandoff = Callable[[RunContextWrapper[Any], str], Awaitable[Agent[Any]]]


class Run(Protocol):
    """What an agent asks of the run that it is part of."""

    async def answer(self, agent: Agent[Any], own: OwnModel, asked: dict[str, Any]) -> ModelResponse: ...

    async def tools(self, agent: Agent[Any], tools: list[Tool]) -> list[Tool]: ...

    def is_starting(self, agent: Agent[Any]) -> bool: ...

    async def hand_over(
        self, handoff: Handoff[Any, Any], invoke: InvokeHandoff, context: RunContextWrapper[Any], arguments: str
    ) -> Agent[Any]: ...


@dataclass
class Nested:
    """An agent that is executed as a tool: by which call, and how often its model was asked."""

    call_id: str
    steps_count: int = 0


CURRENT_RUN: ContextVar[Run | None] = ContextVar("agent_runner_run", default=None)
NESTED: ContextVar[Nested | None] = ContextVar("agent_runner_nested", default=None)


CURRENT_PROVIDER: ContextVar[ModelProvider | None] = ContextVar("agent_runner_provider", default=None)


def equip(agent: Agent[Any]) -> None:
    """Change an agent, and all that it may hand over to or call as a tool. Twice is once."""
    for member in team_of(agent):
        if not isinstance(member.model, RunModel):
            _equip(member)


def _equip(agent: Agent[Any]) -> None:
    if agent.model is None and agent.model_settings == get_default_model_settings():
        agent.model_settings = ModelSettings()  # those are for OpenAI's default model, and it is not what will answer
    agent.model = RunModel(agent, agent.model)
    list_tools = agent.get_all_tools

    async def get_all_tools(run_context: RunContextWrapper[Any]) -> list[Tool]:
        tools = await list_tools(run_context)
        run = CURRENT_RUN.get()
        return tools if run is None else await run.tools(agent, tools)

    agent.get_all_tools = get_all_tools
    for handoff in agent.handoffs:
        if isinstance(handoff, Handoff) and not isinstance(handoff.on_invoke_handoff, _InvokedByTheRun):
            handoff.on_invoke_handoff = _InvokedByTheRun(handoff)


class _InvokedByTheRun:
    """A handoff's function."""

    def __init__(self, handoff: Handoff[Any, Any]) -> None:
        self._handoff = handoff
        self._invoke: InvokeHandoff = handoff.on_invoke_handoff

    async def __call__(self, context: RunContextWrapper[Any], arguments: str) -> Agent[Any]:
        run = CURRENT_RUN.get()
        if run is None:
            return await self._invoke(context, arguments)
        agent = await run.hand_over(self._handoff, self._invoke, context, arguments)
        equip(agent)
        return agent


class InnerRunner(AgentRunner):
    """Runs an agent that an assistant's own code starts, in a guardrail say or in a function tool: as a nested one."""

    async def run(self, starting_agent: Agent[Any], input: Any, **options: Any) -> Any:  # noqa: A002 - the SDK's name
        _make_nested(starting_agent, input)
        return await super().run(starting_agent, input, **_with_our_models(options))

    def run_streamed(self, starting_agent: Agent[Any], input: Any, **options: Any) -> Any:  # noqa: A002 - the SDK's name
        _make_nested(starting_agent, input)
        return super().run_streamed(starting_agent, input, **_with_our_models(options))


def _with_our_models(options: dict[str, Any]) -> dict[str, Any]:
    """In what a ChatKitServer runs, the names of models mean those of the runner's provider."""
    provider = CURRENT_PROVIDER.get()
    given = options.get("run_config")
    if provider is None or (given is not None and type(given.model_provider) is not MultiProvider):
        return options
    return {**options, "run_config": replace(given or RunConfig(), model_provider=provider)}


def _make_nested(agent: Agent[Any], asked: Any) -> None:
    run = CURRENT_RUN.get()
    if run is None:
        return
    equip(agent)
    if NESTED.get() is None and not run.is_starting(agent):
        digest = sha256(json.dumps(asked, default=str, sort_keys=True).encode()).hexdigest()
        NESTED.set(Nested(f"{agent.name[:100]}:{digest[:16]}"))


class RunModel(Model):
    """An agent's model: the run asks the real one, by streaming, so that what is shown, what is stored and what the
    agent goes on with are one order of events.
    """

    def __init__(self, agent: Agent[Any], own: OwnModel) -> None:
        self._agent = agent
        self.own: OwnModel = own

    async def get_response(self, *args: Any, **asked: Any) -> ModelResponse:
        """One step of the run; outside of a run, as if the agent had never been changed."""
        run = CURRENT_RUN.get()
        if run is None:
            return await self._original().get_response(*args, **asked)
        return await run.answer(self._agent, self.own, asked)

    def stream_response(self, *args: Any, **asked: Any) -> AsyncIterator[Any]:
        """The same, for who wants a stream: in a run it has one event, the whole answer."""
        run = CURRENT_RUN.get()
        if run is None:
            return self._original().stream_response(*args, **asked)
        return self._whole(run, asked)

    async def _whole(self, run: Run, asked: dict[str, Any]) -> AsyncIterator[Any]:
        from agent_runner.nested import completed  # noqa: PLC0415 - it needs this module

        yield completed(await run.answer(self._agent, self.own, asked))

    def _original(self) -> Model:
        return self.own if isinstance(self.own, Model) else MultiProvider().get_model(self.own)
