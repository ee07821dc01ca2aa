"""An assistant: an agent of the OpenAI Agents SDK, and what people see around it."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from agents import Agent
from pydantic import JsonValue

from natterkit.actions import OnAction
from natterkit.context import Context
from natterkit.demo import Demo
from natterkit.mcp_server import McpServer
from natterkit.mentions import OnMention

AgentFactory = Callable[[Context], Agent[Any] | Awaitable[Agent[Any]]]
"""Makes the agent of one run; it is called anew when another runner goes on with that run."""
Subject = Callable[[Mapping[str, Any], JsonValue], str]
"""From a call's arguments and its result (None while it runs): what it is about, in a few words; "" for nothing."""


@dataclass(frozen=True)
class StartPrompt:
    """A suggestion on the start screen: ``label`` is what the button says, ``prompt`` what is sent."""

    label: str
    prompt: str
    icon: str | None = None


@dataclass(frozen=True)
class ComposerTool:
    """A tool that a person can choose beside their message; ``id`` is the tool's name."""

    id: str
    label: str
    icon: str | None = None


@dataclass(frozen=True)
class History:
    """What the model sees of earlier turns; what is None is the runner's setting."""

    messages_max: int | None = None
    tokens_max: int | None = None


@dataclass(frozen=True)
class Bounds:
    """Bounds of a run over all its attempts; what is None is the runner's setting, which none can exceed."""

    seconds_max: float | None = None
    turns_max: int | None = None
    tokens_max: int | None = None


@dataclass(frozen=True)
class ToolWords:
    """How a tool's entry in the conversation reads: while it runs, when it is done, and what it is about."""

    running: str
    done: str
    subject: Subject | None = None


@dataclass(frozen=True, kw_only=True)
class Assistant:
    """An agent, and what is told of it.

    ``agent``: an ``Agent`` as it is, or a function that makes one for each run. ``name``: for people; the agent's own
    where it is absent. ``models``: the ids of the models that a run may ask for, the first is the default; without any
    the runner's. ``helper_model``: the one that writes titles; by default the runner's, else the one that answers.
    ``marks_data``: whether agents with tools are told that what tools return is data, and no instruction.
    ``tells_date``: whether the date, the user's time zone and their language are said after the instructions of its
    agents. ``mcp_servers``: beside those of the agent. ``make_context``: what tools get as the SDK's context, where
    that is not to be the `Context` itself (which ``Context.current()`` gives in any case). ``tool_words``: by the
    name of a tool. ``on_action``: is called with what people do in widgets; without it actions are refused.
    ``on_mention``: what the model is told of things that they mention; without it, their ids and data. ``demo``:
    answers where there is no key for a model. ``takes_any_file``: people may attach what its model cannot look at as
    well, because its tools do something with it.
    """

    agent: Agent[Any] | AgentFactory
    name: str | None = None
    greeting: str | None = None
    start_prompts: Sequence[StartPrompt] = ()
    composer_tools: Sequence[ComposerTool] = ()
    models: Sequence[str] = ()
    helper_model: str | None = None
    tells_date: bool = True
    marks_data: bool = True
    mcp_servers: Sequence[McpServer] = ()
    history: History = field(default_factory=History)
    bounds: Bounds = field(default_factory=Bounds)
    make_context: Callable[[Context], Any] | None = None
    tool_words: Mapping[str, ToolWords] = field(default_factory=dict[str, ToolWords])
    on_action: OnAction | None = None
    on_mention: OnMention | None = None
    demo: Demo | None = None
    takes_any_file: bool = False

    @property
    def fixed_agent(self) -> Agent[Any] | None:
        """The agent of every run, or None where each has its own made."""
        agent: Any = self.agent
        return cast("Agent[Any]", agent) if isinstance(agent, Agent) else None

    @property
    def title(self) -> str:
        """What people call it."""
        if self.name is not None:
            return self.name
        agent = self.fixed_agent
        return agent.name if agent is not None else "Assistant"
