"""Which model answers: the demo model without a key, else any OpenAI-compatible provider."""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Literal, cast

import openai
from agents import Model, ModelProvider, ModelSettings, OpenAIChatCompletionsModel, OpenAIResponsesModel
from agents.models.fake_id import FAKE_RESPONSES_ID
from contracts.errors import Code
from contracts.message import Json
from natterkit import Demo
from openai import AsyncStream
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response
from openai.types.responses.response import IncompleteDetails
from openai.types.shared import Reasoning

from agent_runner.demo import DemoModel
from agent_runner.model_errors import ModelError
from agent_runner.settings import DEMO_MODEL, ReasoningConfig, Settings

CONNECT_SECONDS_MAX = 10.0


class Models:
    """Hands out models by name; one HTTP client (with its connections) for all of them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._client: openai.AsyncOpenAI | None = None
        if settings.openai_api_key is not None or settings.openai_base_url is not None:
            key = settings.openai_api_key.get_secret_value() if settings.openai_api_key else "none"
            self._client = openai.AsyncOpenAI(
                api_key=key,
                base_url=settings.openai_base_url,
                max_retries=0,  # RunModel retries, within the bounds of a run
                timeout=openai.Timeout(settings.model_first_token_seconds_max, connect=CONNECT_SECONDS_MAX),
            )
            load_what_it_loads_late(self._client)

    @property
    def client(self) -> openai.AsyncOpenAI | None:
        """The provider's client; None for the demo model."""
        return self._client

    def choose(self, inference_options: Mapping[str, Any], model_of_run: str | None, names: Sequence[str] = ()) -> str:
        """The name of the model for a run; ``names``: those of its assistant. Raises ModelError (model_not_allowed)."""
        default = names[0] if names and self._client is not None else self._settings.model_name
        asked = inference_options.get("model") or model_of_run
        if not asked:
            return default
        if asked not in (names or self._settings.model_names_allowed) and asked != default:
            raise ModelError(Code.MODEL_NOT_ALLOWED)
        return str(asked)

    def get(self, name: str, demo: Demo | None = None) -> Model:
        """The model of a name; ``demo``: how the demo model answers for an assistant."""
        if name == DEMO_MODEL or self._client is None:
            return DemoModel(self._settings.demo_word_delay_ms / 1000, demo)
        if self._settings.model_api == "chat_completions":
            return ChatCompletionsModel(model=name, openai_client=self._client)
        return OpenAIResponsesModel(model=name, openai_client=self._client)

    def is_demo(self, model: Model) -> bool:
        return isinstance(model, DemoModel)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()


def load_what_it_loads_late(client: openai.AsyncOpenAI) -> None:
    """The SDK imports an API when it is first used: else the first run would hold up the loop, and lose its lease."""
    _ = (client.responses, client.chat.completions, client.conversations.items)


class NamedModels(ModelProvider):
    """The models by name, as the SDK asks for them; without a name, the one of the run."""

    def __init__(self, models: Models, name_of_run: str, demo: Demo | None) -> None:
        self._models = models
        self._name_of_run = name_of_run
        self._demo = demo

    def get_model(self, model_name: str | None) -> Model:
        return self._models.get(model_name or self._name_of_run, self._demo)


StreamedCompletion = tuple[Response, AsyncStream[ChatCompletionChunk]]


class ChatCompletionsModel(OpenAIChatCompletionsModel):
    """The SDK's, with two differences.

    Words and the tool calls after them are one message of the assistant: the SDK makes two of them where the words have
    no id, and models whose roles must alternate refuse those. And an answer that was cut off or filtered is
    ``incomplete``, as in the Responses API: the SDK says no more than that it has ended.
    """

    async def _fetch_response(self, system_instructions: Any, input: Any, *args: Any, **kwargs: Any) -> Any:  # noqa: A002
        items = input if isinstance(input, str) else [_with_id(item) for item in cast("list[Json]", input)]
        answer = cast(
            "ChatCompletion | StreamedCompletion",
            await super()._fetch_response(system_instructions, cast("Any", items), *args, **kwargs),
        )
        if isinstance(answer, ChatCompletion):
            return answer
        response, chunks = answer
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
        self.response = chunks.response  # the SDK reads the request's id from it

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
        await self._chunks.close()


_INCOMPLETE: dict[str, Literal["max_output_tokens", "content_filter"]] = {
    "length": "max_output_tokens",
    "content_filter": "content_filter",
}


def tool_wanted(inference_options: Json, tools: Sequence[Any]) -> str | None:
    """The tool to call first, that ChatKit's ``inference_options.tool_choice`` names, where it is one."""
    choice = inference_options.get("tool_choice")
    wanted = choice.get("id") if isinstance(choice, dict) else None
    return wanted if isinstance(wanted, str) and wanted in {tool.name for tool in tools} else None


def asked_of_the_model(
    settings: ModelSettings, tool_choice: str | None, reasoning: ReasoningConfig | None
) -> ModelSettings:
    """What a model is asked for: the tool that a person has chosen, else what the agent's author says, else ours."""
    ours = ModelSettings(
        include_usage=True,
        reasoning=Reasoning(effort=reasoning.effort, summary=reasoning.summary) if reasoning else None,
    )
    return ours.resolve(settings).resolve(ModelSettings(tool_choice=tool_choice))
