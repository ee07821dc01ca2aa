"""How one step of an agent is asked: of which model, told what beside its instructions, with which settings."""

from dataclasses import dataclass
from typing import Any

from agents import Agent, Model, ModelSettings, OpenAIResponsesModel, Tool
from contracts.message import Json
from natterkit import Assistant, AssistantError, Context

from agent_runner import rules
from agent_runner.attachments import Sees, sees_of
from agent_runner.demo import DemoModel
from agent_runner.equipment import OwnModel
from agent_runner.hosted_tools import can_execute, hosted_tools_of, refusal
from agent_runner.models import Models, tool_wanted
from agent_runner.run_effects import RunEffects


@dataclass
class Asking:
    """Of one attempt. ``wants_tool``: the tool that a person has chosen was not called yet."""

    models: Models
    assistant: Assistant
    context: Context
    effects: RunEffects
    inference_options: Json
    wants_tool: bool
    model_sees_images: bool
    model_name: str = ""
    """The run's model, for agents that name none."""

    def name(self, own: str | None) -> str:
        return own or self.model_name

    def model_for(self, agent: Agent[Any], own: OwnModel, tools: list[Tool]) -> Model:
        """Raises AssistantError where it cannot execute the agent's tools, ModelError where nobody has it."""
        model = own if isinstance(own, Model) else self.models.get(self.name(own), self.assistant.demo)
        hosted = hosted_tools_of(tools)
        if hosted and not can_execute(model) and not isinstance(model, DemoModel):
            where = f"the model “{getattr(model, 'model', '')}” is not asked by it"
            raise AssistantError(refusal(agent, hosted, where))
        return model

    def sees(self, model: Model, own: OwnModel) -> Sees:
        """What the model takes of files as it is."""
        if isinstance(own, Model):
            is_responses = isinstance(model, OpenAIResponsesModel)
            return sees_of(model_sees_images=self.model_sees_images, is_responses=is_responses)
        return self.models.sees(self.name(own))

    def continues(self, own: OwnModel, asked: dict[str, Any]) -> bool:
        """Whether the model goes on with a text that is given to it as the beginning of its answer."""
        return not isinstance(own, Model) and not asked["output_schema"] and self.models.continues(self.name(own))

    def asked(self, own: OwnModel, asked: dict[str, Any], begun: str = "") -> dict[str, Any]:
        """What the SDK asks, with hidden context and settings as this model is to get them.

        ``begun``: the beginning of the answer, without the blanks at its end, which some servers refuse.
        """
        wanted = tool_wanted(self.inference_options, asked["tools"]) if self.wants_tool else None
        request = {**self.asked_nested(own, asked, wanted), "input": [*asked["input"], *self.effects.hidden]}
        return self._going_on(self.name(own), request, begun) if begun and not isinstance(own, Model) else request

    def _going_on(self, name: str, request: dict[str, Any], begun: str) -> dict[str, Any]:
        beginning: Json = {"type": "message", "role": "assistant", "content": begun.rstrip()}
        settings: ModelSettings = request["model_settings"]
        settings = settings.resolve(self.models.settings_to_go_on(name))
        return {**request, "input": [*request["input"], beginning], "model_settings": settings}

    def asked_nested(self, own: OwnModel, asked: dict[str, Any], tool_choice: str | None = None) -> dict[str, Any]:
        """The same of an agent that is a tool: it sees nothing of the conversation."""
        settings = self._settings(own, asked["model_settings"], tool_choice)
        return {**asked, "system_instructions": self._told(asked), "model_settings": settings}

    def _settings(self, own: OwnModel, of_agent: ModelSettings, tool_choice: str | None) -> ModelSettings:
        """The tool that a person has chosen, else what the agent's author says, else the operator."""
        # An agent that brings its model's object, with a client of its own, is asked what it says, and no more.
        is_own = isinstance(own, Model)
        ours = ModelSettings(include_usage=True) if is_own else self.models.settings_of(self.name(own))
        return ours.resolve(of_agent).resolve(ModelSettings(tool_choice=tool_choice))

    def _told(self, asked: dict[str, Any]) -> str | None:
        """An agent's instructions, that tools return data, and what it cannot know: the date, where its user is."""
        user = self.context.user
        told = [asked["system_instructions"]]
        if asked["tools"] and self.assistant.marks_data:
            told.append(rules.TOOLS_RETURN_DATA)
        if self.assistant.tells_date:
            told.append(rules.situation(self.context.now, user.time_zone, user.locale))
        return "\n\n".join(filter(None, told)) or None
