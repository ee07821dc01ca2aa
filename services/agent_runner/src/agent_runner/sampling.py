"""An MCP server asks the run's model (sampling): only a server whose setting allows it some tokens, and no more."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import structlog
from agents import ModelSettings, ModelTracing, Usage
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    CreateMessageRequestParams,
    CreateMessageResult,
    ErrorData,
    TextContent,
)
from natterkit import McpServer
from natterkit.demo import Demo
from openai.types.responses import Response

from agent_runner.model_calls import ModelBounds, call_model, usage_of
from agent_runner.model_errors import ModelError
from agent_runner.models import Models

log = structlog.get_logger()
ASKED_CHARACTERS_MAX = 100_000
"""Of what a server may send to the model at once."""
REQUESTS_MAX = 10
"""Of one call of a tool."""

Sample = Callable[[CreateMessageRequestParams], Awaitable[CreateMessageResult | ErrorData]]


@dataclass
class Sampling:
    """The model of one attempt, for servers. What they use counts among the run's tokens (``count``)."""

    models: Models
    model_name: str
    demo: Demo | None
    bounds: ModelBounds
    count: Callable[[Usage], None]

    def of_call(self, config: McpServer) -> Sample | None:
        """Who answers during one call of a tool; None where the server may not ask."""
        return _OfCall(self, config).answer if config.sampling_tokens_max else None

    async def ask(self, asked: CreateMessageRequestParams, items: list[Any], tokens_max: int) -> Response:
        """The model's answer. Raises ModelError."""
        model = self.models.get(self.model_name, self.demo)
        settings = self.models.settings_of(self.model_name)
        settings = settings.resolve(ModelSettings(max_tokens=tokens_max, temperature=asked.temperature))
        return await call_model(
            lambda: model.stream_response(
                asked.system_prompt,
                items,
                settings,
                [],
                None,
                [],
                ModelTracing.DISABLED,
                previous_response_id=None,
                conversation_id=None,
                prompt=None,
            ),
            lambda _event, _is_first: None,
            self.bounds,
            self.model_name,
        )


@dataclass
class _OfCall:
    """What one call of a tool has left."""

    sampling: Sampling
    config: McpServer
    _requests_count: int = 0
    _tokens_left: int = field(init=False)

    def __post_init__(self) -> None:
        self._tokens_left = self.config.sampling_tokens_max

    async def answer(self, asked: CreateMessageRequestParams) -> CreateMessageResult | ErrorData:
        """The model's words, or why there are none."""
        items = _items(asked)
        if items is None or asked.tools:
            return ErrorData(code=INVALID_PARAMS, message="Only text can be sampled here, and without tools.")
        if sum(len(str(item["content"])) for item in items) > ASKED_CHARACTERS_MAX:
            return ErrorData(code=INVALID_PARAMS, message=f"Ask with at most {ASKED_CHARACTERS_MAX} characters.")
        tokens_max = min(asked.max_tokens, self._tokens_left)
        if tokens_max <= 0 or self._requests_count >= REQUESTS_MAX:
            return ErrorData(code=INVALID_REQUEST, message="This call has used up what it may sample.")
        self._requests_count += 1
        self._tokens_left -= tokens_max  # taken before it is used: a server may ask several things at once
        try:
            response = await self.sampling.ask(asked, items, tokens_max)
        except ModelError as error:
            log.warning("sampling.failed", server=self.config.name, code=error.code)
            return ErrorData(code=INTERNAL_ERROR, message="The model cannot be asked now.")
        usage = usage_of(response)
        self.sampling.count(usage)
        self._tokens_left += max(0, tokens_max - (usage.output_tokens or tokens_max))
        stop_reason = "endTurn" if response.status == "completed" else "maxTokens"
        content = TextContent(type="text", text=response.output_text)
        return CreateMessageResult(
            role="assistant", content=content, model=self.sampling.model_name, stop_reason=stop_reason
        )


def _items(asked: CreateMessageRequestParams) -> list[dict[str, Any]] | None:
    """The messages as a model gets them; None where one is no text."""
    items: list[dict[str, Any]] = []
    for message in asked.messages:
        texts = [part.text for part in message.content_as_list if isinstance(part, TextContent)]
        if len(texts) != len(message.content_as_list):
            return None
        items.append({"role": message.role, "content": "\n".join(texts)})
    return items
