"""Which model answers: the demo model without a provider, else one of those that the providers have."""

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, cast

import openai
from agents import (
    Model,
    ModelProvider,
    ModelResponse,
    ModelSettings,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
)
from agents.models.fake_id import FAKE_RESPONSES_ID
from contracts.errors import Code
from contracts.message import Json
from natterkit import Demo
from openai import AsyncStream
from openai.types.chat import ChatCompletionChunk
from openai.types.responses import Response
from openai.types.responses.response import IncompleteDetails

from agent_runner.attachments import Sees, sees_of
from agent_runner.demo import DemoModel
from agent_runner.model_errors import ModelError
from agent_runner.providers import ModelConfig, ProviderConfig
from agent_runner.settings import DEMO_MODEL, Settings

CONNECT_SECONDS_MAX = 10.0
OPENAI_URL = "https://api.openai.com/v1"


@dataclass(frozen=True)
class Known:
    """A model that somebody may ask for by ``id``: of which provider, and what that is told of it."""

    id: str
    provider: ProviderConfig
    config: ModelConfig | None
    """None: nobody lists it, and the provider takes any model."""

    @property
    def name(self) -> str:
        """What the provider calls it."""
        return self.config.name if self.config else self.id


class Models:
    """Hands out models by their ids; one HTTP client (with its connections) for each provider."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._known = {
            config.id: Known(config.id, provider, config)
            for provider in settings.providers
            for config in provider.models
        }
        self._open = next((provider for provider in settings.providers if provider.takes_any_model), None)
        self._clients: dict[str, openai.AsyncOpenAI] = {}
        for provider in settings.providers:
            if provider.api == "litellm":
                litellm_model()  # its import takes seconds: better now than in a run
            else:
                self._clients[provider.name] = client_of(provider, settings)

    @property
    def client(self) -> openai.AsyncOpenAI | None:
        """The client of the default model's provider; None for the demo model, and over LiteLLM."""
        known = self.known(self._settings.model_name)
        return self._clients.get(known.provider.name) if known else None

    @property
    def is_demo(self) -> bool:
        """Whether there is nobody to ask but the demo model."""
        return not self._settings.providers

    def known(self, model_id: str) -> Known | None:
        """What is known of a model; None where no provider has it."""
        if model_id in self._known:
            return self._known[model_id]
        return Known(model_id, self._open, None) if self._open is not None and model_id != DEMO_MODEL else None

    def offered(self, names: Sequence[str] = ()) -> list[str]:
        """What a run may ask for, the default first; ``names``: those of its assistant."""
        return list(names or self._settings.model_names_allowed)

    def choose(self, inference_options: Mapping[str, Any], model_of_run: str | None, names: Sequence[str] = ()) -> str:
        """The id of the model for a run; ``names``: those of its assistant. Raises ModelError (model_not_allowed)."""
        offered = self.offered(names)
        asked = inference_options.get("model") or model_of_run
        if asked and asked not in (*offered, self._settings.model_name):
            raise ModelError(Code.MODEL_NOT_ALLOWED)
        if self.is_demo:
            return DEMO_MODEL
        return str(asked or offered[0])

    def get(self, model_id: str, demo: Demo | None = None) -> Model:
        """The model of an id; ``demo``: how the demo model answers for an assistant. Raises ModelError."""
        if model_id == DEMO_MODEL or self.is_demo:
            return DemoModel(self._settings.demo_word_delay_ms / 1000, demo)
        known = self.known(model_id)
        if known is None:
            raise ModelError(Code.MODEL_NOT_ALLOWED)
        provider = known.provider
        if provider.api == "litellm":
            key = provider.key.get_secret_value() if provider.key else None
            return litellm_model()(known.name, provider.base_url, key)
        client = self._clients[provider.name]
        if provider.api == "chat_completions":
            return ChatCompletionsModel(model=known.name, openai_client=client)
        return OpenAIResponsesModel(model=known.name, openai_client=client)

    def settings_of(self, model_id: str) -> ModelSettings:
        """What its provider, and the operator, want a model to be asked with."""
        known = self.known(model_id)
        reasoning = self._settings.model_reasoning.get(known.name if known else model_id)
        ours = ModelSettings(include_usage=True, reasoning=reasoning.as_asked() if reasoning else None)
        return ours.resolve(known.provider.asked_with(known.config)) if known else ours

    def sees(self, model_id: str) -> Sees:
        """What a model takes of files as it is: what its provider's entry says, else what its API has words for."""
        known = self.known(model_id)
        if known is None:
            return Sees()
        is_responses = known.provider.api == "responses"
        takes = known.config.takes if known.config else None
        if takes is None:
            return sees_of(model_sees_images=self._settings.model_sees_images, is_responses=is_responses)
        return Sees("images" in takes, "pdf" in takes, is_responses)

    @property
    def some_continue(self) -> bool:
        """Whether any provider's models go on with a beginning that they are given."""
        return any(provider.continues for provider in self._settings.providers)

    def continues(self, model_id: str) -> bool:
        known = self.known(model_id)
        return known is not None and known.provider.continues is not None

    def settings_to_go_on(self, model_id: str) -> ModelSettings:
        """What a model is asked with beside a beginning of its answer, which is the last message."""
        known = self.known(model_id)
        if known is None or known.provider.continues != "continue_final_message":
            return ModelSettings()
        return ModelSettings(extra_body={"continue_final_message": True, "add_generation_prompt": False})

    def helper(self, own: str | None, model_of_run: str | None) -> str | None:
        """The model that writes titles: the assistant's ``own``, else the operator's, else the run's; None: nobody."""
        chosen = own or self._settings.helper_model or model_of_run
        return None if chosen == DEMO_MODEL or self.is_demo else chosen

    async def close(self) -> None:
        for client in self._clients.values():
            await client.close()


def client_of(provider: ProviderConfig, settings: Settings) -> openai.AsyncOpenAI:
    client = openai.AsyncOpenAI(
        api_key=provider.key.get_secret_value() if provider.key else "none",
        base_url=provider.base_url or OPENAI_URL,
        max_retries=0,  # RunModel retries, within the bounds of a run
        timeout=openai.Timeout(settings.model_first_token_seconds_max, connect=CONNECT_SECONDS_MAX),
    )
    load_what_it_loads_late(client)
    return client


def load_what_it_loads_late(client: openai.AsyncOpenAI) -> None:
    """The SDK imports an API when it is first used: else the first run would hold up the loop, and lose its lease."""
    _ = (client.responses, client.chat.completions, client.conversations.items)


def litellm_model() -> Callable[[str, str | None, str | None], Model]:
    """The SDK's model over LiteLLM, as ours; the settings have seen to it that it is installed."""
    from agent_runner.litellm_models import LitellmModel  # noqa: PLC0415 - heavy, and an extra

    return LitellmModel


class NamedModels(ModelProvider):
    """The models by name, as the SDK asks for them; without a name, the one of the run."""

    def __init__(self, models: Models, name_of_run: str, demo: Demo | None) -> None:
        self._models = models
        self._name_of_run = name_of_run
        self._demo = demo

    def get_model(self, model_name: str | None) -> Model:
        model_id = model_name or self._name_of_run
        return _AskedWith(self._models.get(model_id, self._demo), self._models.settings_of(model_id))


class _AskedWith(Model):
    """A model that is asked with these settings, where the agent has none of its own."""

    def __init__(self, model: Model, settings: ModelSettings) -> None:
        self._model = model
        self._settings = settings

    async def get_response(
        self,
        system_instructions: str | None,
        input: Any,  # noqa: A002 - the SDK's name
        model_settings: ModelSettings,
        *args: Any,
        **asked: Any,
    ) -> ModelResponse:
        settings = self._settings.resolve(model_settings)
        return await self._model.get_response(system_instructions, input, settings, *args, **asked)

    def stream_response(
        self,
        system_instructions: str | None,
        input: Any,  # noqa: A002 - the SDK's name
        model_settings: ModelSettings,
        *args: Any,
        **asked: Any,
    ) -> AsyncIterator[Any]:
        settings = self._settings.resolve(model_settings)
        return self._model.stream_response(system_instructions, input, settings, *args, **asked)


class ChatCompletionsModel(OpenAIChatCompletionsModel):
    """The SDK's, with two differences.

    Words and the tool calls after them are one message of the assistant: the SDK makes two of them where the words have
    no id, and models whose roles must alternate refuse those. And an answer that was cut off or filtered is
    ``incomplete``, as in the Responses API: the SDK says no more than that it has ended.
    """

    async def _fetch_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: A002
        items: Any = as_one_message_each(input)
        return watched(await super()._fetch_response(system_instructions, items, *args, **kwargs))


def as_one_message_each(asked: Any) -> Any:
    """The input with words and the calls after them as one message."""
    return asked if isinstance(asked, str) else [_with_id(item) for item in cast("list[Json]", asked)]


def watched(answer: Any) -> Any:
    """The answer, with its end noted where it is streamed."""
    if not isinstance(answer, tuple):
        return answer
    response, chunks = cast("tuple[Response, AsyncStream[ChatCompletionChunk]]", answer)
    return response, WatchedChunks(response, chunks)


def _with_id(item: Json) -> Json:
    if item.get("role") != "assistant" or not isinstance(item.get("content"), str):
        return item
    text: Json = {"type": "output_text", "text": item["content"], "annotations": []}
    return {**item, "id": FAKE_RESPONSES_ID, "type": "message", "content": [text]}


class WatchedChunks:
    """The chunks of an answer, with the reason of its end noted in the Response that is made of them."""

    def __init__(self, response: Response, chunks: AsyncStream[ChatCompletionChunk]) -> None:
        self._response = response
        self._chunks = chunks
        self.response = getattr(chunks, "response", None)  # the SDK reads the request's id from it

    async def __aiter__(self) -> AsyncIterator[ChatCompletionChunk]:
        async for chunk in self._chunks:
            for choice in chunk.choices:
                reason = _INCOMPLETE.get(choice.finish_reason or "")
                if reason is not None:
                    self._response.status = "incomplete"
                    self._response.incomplete_details = IncompleteDetails(reason=reason)
                    choice.finish_reason = "stop"  # or the SDK makes a refusal, or an error, of an answer without text
            yield chunk

    async def close(self) -> None:
        close: Any = getattr(self._chunks, "close", None) or getattr(self._chunks, "aclose", None)  # LiteLLM's
        if close is not None:
            await close()


_INCOMPLETE: dict[str, Literal["max_output_tokens", "content_filter"]] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}


def tool_wanted(inference_options: Json, tools: Sequence[Any]) -> str | None:
    """The tool to call first, that ChatKit's ``inference_options.tool_choice`` names, where it is one."""
    choice = inference_options.get("tool_choice")
    wanted = choice.get("id") if isinstance(choice, dict) else None
    return wanted if isinstance(wanted, str) and wanted in {tool.name for tool in tools} else None
