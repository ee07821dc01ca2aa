"""The assistants that this process serves: loaded at the start; one that is broken is left out, the others run on."""

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import structlog
from agents import Agent, Model
from chatkit_protocol.items import PICTURE_TYPES
from contracts.assistants import (
    AssistantCard,
    ComposerCommand,
    ComposerModel,
    ComposerResource,
    ComposerTool,
    StartPrompt,
)
from natterkit import Assistant, AssistantError, ChatKitAssistant, McpServer, load_assistant
from natterkit.loading import place_of, team_of
from pydantic import ValidationError

from agent_runner.equipment import RunModel, equip
from agent_runner.file_text import TEXT_TYPES
from agent_runner.hosted_tools import can_execute, hosted_tools_of, refusal
from agent_runner.models import Models
from agent_runner.offerings import Offering
from agent_runner.own_servers import as_mcp_server
from agent_runner.settings import OperatorsMcpServer, Settings
from agent_runner.toolbox import Toolbox

log = structlog.get_logger()
MODELS_MAX = COMMANDS_MAX = 50
RESOURCES_MAX = 100
"""How many a card may name."""


@dataclass(frozen=True)
class Served:
    """An assistant with what its runs share. ``servers_of``: the MCP servers of its agents, by the agent's name."""

    assistant_id: str
    assistant: Assistant
    toolbox: Toolbox
    shared_servers: frozenset[str] = frozenset()
    servers_of: Mapping[str, frozenset[str]] = field(default_factory=dict[str, frozenset[str]])

    def servers_for(self, agent: Agent[Any], *, is_nested: bool) -> frozenset[str]:
        """Whose tools this agent is offered: its own, and where it answers people, the assistant's."""
        own = self.servers_of.get(agent.name, frozenset())
        return own if is_nested else own | self.shared_servers

    def offerings(self, kind: str) -> list[Offering]:
        """What people are offered of its servers, in the servers' order."""
        return [one for listed in self.toolbox.offerings.values() for one in listed if one.kind == kind]


class LoadedAssistants(Mapping[str, Served]):
    """By their ids, in the order of the settings."""

    def __init__(self, served: Mapping[str, Served], changed: asyncio.Event) -> None:
        self._served = dict(served)
        self.changed = changed
        """Set when a server offers people something else than before."""

    def __getitem__(self, assistant_id: str) -> Served:
        return self._served[assistant_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._served)

    def __len__(self) -> int:
        return len(self._served)

    @property
    def has_own_servers_tools(self) -> bool:
        """Whether the tools of every MCP server of ours are known."""
        return all(served.toolbox.has_own_servers_tools for served in self.values())

    def cards(self, models: Models) -> list[AssistantCard]:
        """What people see of them."""
        return [card_of(served, models) for served in self.values()]

    def start(self) -> None:
        for served in self.values():
            served.toolbox.start()

    async def close(self) -> None:
        for served in self.values():
            await served.toolbox.close()


def load_assistants(settings: Settings, models: Models) -> LoadedAssistants:
    """Load what the settings name. What cannot be loaded is told in the log, with its file and line, and left out."""
    targets = settings.assistant_targets()
    first = next(iter(targets))
    served: dict[str, Served] = {}
    changed = asyncio.Event()
    for assistant_id in settings.assistants_served():
        try:
            assistant = load_assistant(targets[assistant_id])
            check_models(assistant, models, targets[assistant_id])
        except AssistantError as error:
            log.error(  # noqa: TRY400  what is wrong is in the message, which names the file and the line
                "assistant.not_loaded",
                assistant=assistant_id,
                target=targets[assistant_id],
                reason=error.reason,
                file=error.file,
                line=error.line,
                exc_info=error.__cause__,
            )
            continue
        added = [
            server
            for server in settings.mcp_server_configs()
            if assistant_id in server.assistants or (not server.assistants and assistant_id == first)
        ]
        served[assistant_id] = serve(assistant_id, assistant, added, settings, changed.set)
        log.info("assistant.loaded", assistant=assistant_id, target=targets[assistant_id])
    return LoadedAssistants(served, changed)


def serve(
    assistant_id: str,
    assistant: Assistant,
    added: Sequence[OperatorsMcpServer],
    settings: Settings,
    on_offered: Callable[[], None] = lambda: None,
) -> Served:
    """Make an assistant's agents durable, and its tools known."""
    if isinstance(assistant, ChatKitAssistant):
        from agent_runner.chatkit_loop import serve_store  # noqa: PLC0415 - only then openai-chatkit is needed

        serve_store(assistant)
    servers: dict[str, McpServer] = {}
    shared = [_named_once(server, servers) for server in [*assistant.mcp_servers, *added]]
    servers_of: dict[str, frozenset[str]] = {}
    if assistant.fixed_agent is not None:
        equip(assistant.fixed_agent)
        for member in team_of(assistant.fixed_agent):
            servers_of[member.name] = frozenset(_taken_from(member, servers))
    toolbox = Toolbox(
        tuple(servers.values()),
        refresh_seconds=settings.tools_refresh_seconds,
        wait_seconds_max=settings.tools_wait_seconds_max,
        refuses_private=settings.refuses_private_addresses,
        on_offered=on_offered,
    )
    return Served(assistant_id, assistant, toolbox, frozenset(shared), servers_of)


def check_models(assistant: Assistant, models: Models, target: str) -> None:
    """Look whether there is a provider for each model that an assistant and its agents name, and whether it executes
    the tools that only a provider can. Raises AssistantError.
    """
    if models.is_demo:
        return
    team = team_of(assistant.fixed_agent) if assistant.fixed_agent is not None else []
    own = [member.model for member in team if isinstance(member.model, str)]
    helper = [assistant.helper_model] if assistant.helper_model else []
    unknown = [name for name in (*assistant.models, *helper, *own) if models.known(name) is None]
    wrong = f"no provider has the model “{unknown[0]}”." if unknown else _without_its_tools(assistant, team, models)
    if wrong:
        file, line = place_of(target)
        raise AssistantError(wrong, file=file, line=line)


def _without_its_tools(assistant: Assistant, team: Sequence[Agent[Any]], models: Models) -> str | None:
    for member in team:
        hosted = hosted_tools_of(list(member.tools))
        if not hosted:
            continue
        if isinstance(member.model, Model):
            if not can_execute(member.model):
                return refusal(member, hosted, "its own model is not asked by it")
            continue
        for name in [member.model] if member.model else models.offered(assistant.models):
            known = models.known(name)
            if known is not None and known.provider.api != "responses":
                return refusal(member, hosted, f"the model “{name}” is asked by {known.provider.api}")
    return None


def card_of(served: Served, models: Models) -> AssistantCard:
    """What people see of an assistant before they write to it."""
    assistant = served.assistant
    return AssistantCard(
        assistant_id=served.assistant_id,
        name=assistant.title,
        greeting=assistant.greeting,
        start_prompts=tuple(
            StartPrompt(label=one.label, prompt=one.prompt, icon=one.icon) for one in assistant.start_prompts
        ),
        tools=tuple(ComposerTool(id=one.id, label=one.label, icon=one.icon) for one in assistant.composer_tools),
        models=_choices(assistant, models),
        attachment_types=_file_types(assistant, models, models.offered(assistant.models)[0]),
        commands=tuple(
            ComposerCommand(id=one.id, label=one.label, description=one.description)
            for one in served.offerings("prompt")[:COMMANDS_MAX]
        ),
        resources=tuple(
            ComposerResource(id=one.id, label=one.label, group=one.server.config.title, description=one.description)
            for one in served.offerings("resource")[:RESOURCES_MAX]
        ),
    )


def _file_types(assistant: Assistant, models: Models, model_id: str) -> tuple[str, ...]:
    """What can be done with files. Of a server's own code, and of a model that an agent brings, nobody knows."""
    agent = assistant.fixed_agent
    own = agent.model.own if agent is not None and isinstance(agent.model, RunModel) else None
    is_known = agent is not None and not isinstance(own, Model) and not models.is_demo
    if assistant.takes_any_file or not is_known or isinstance(assistant, ChatKitAssistant):
        return ("*/*",)
    return (*TEXT_TYPES, *(PICTURE_TYPES if models.sees(str(own or model_id)).images else ()))


def _choices(assistant: Assistant, models: Models) -> tuple[ComposerModel, ...]:
    """The models that a person may choose among; none where there is one, or only the demo model."""
    offered = [] if models.is_demo else models.offered(assistant.models)
    choices: list[ComposerModel] = []
    for at, model_id in enumerate(offered):
        known = models.known(model_id)
        config = known.config if known else None
        label = config.label if config else None
        described = config.description if config else None
        with suppress(ValidationError):  # a name of AGENT_RUNNER_MODELS_ALLOWED that no composer could send
            choices.append(
                ComposerModel(
                    id=model_id,
                    label=label or model_id,
                    description=described,
                    is_default=at == 0,
                    attachment_types=_file_types(assistant, models, model_id),
                )
            )
    return tuple(choices[:MODELS_MAX]) if len(choices) > 1 else ()


def _taken_from(agent: Agent[Any], servers: dict[str, McpServer]) -> list[str]:
    """The MCP servers of an agent, as far as the runner can serve them itself: pooled, and with their outcomes told."""
    names: list[str] = []
    for server in list(agent.mcp_servers):
        config = as_mcp_server(server)
        if config is not None:
            agent.mcp_servers.remove(server)
            names.append(_named_once(config, servers))
    return names


def _named_once(server: McpServer, servers: dict[str, McpServer]) -> str:
    """Keep it under a name that no other server of the assistant has."""
    name = server.name
    number = 2
    while name in servers and servers[name] != server:
        name = f"{server.name[:29]}_{number}"
        number += 1
    servers[name] = server if name == server.name else server.model_copy(update={"name": name})
    return name
