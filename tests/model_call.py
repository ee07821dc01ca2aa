"""One model call as a run makes it, through OpenAI's client, and what it shows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from agent_runner.model_calls import ModelBounds, RunModel
from agent_runner.models import Models, model_settings
from agent_runner.publisher import DeltaPublisher
from agent_runner.settings import Settings
from agent_runner.translate import AnswerTranslator
from agents import ModelTracing, Usage
from chatkit_protocol.reducer import Viewer

from tests.openai_server import OpenaiServer

BOUNDS = ModelBounds(first_token_seconds_max=1.0, next_token_seconds_max=0.3, attempts_max=3, retry_seconds_max=5)


@dataclass
class Shown:
    """A publisher and a turn that keep what they are told."""

    viewer: Viewer = field(default_factory=Viewer)
    is_crowded: bool = False
    first_tokens: int = 0
    output: list[Any] = field(default_factory=list)
    usage: Usage | None = None

    def event(self, event: dict[str, Any]) -> None:
        self.viewer.apply(event)

    def text_delta(self, item_id: str, content_index: int, delta: str) -> None:
        update = {
            "type": "assistant_message.content_part.text_delta",
            "content_index": content_index,
            "delta": delta,
        }
        self.viewer.apply({"type": "thread.item.updated", "item_id": item_id, "update": update})

    async def before_call(self, input_items: list[Any]) -> None: ...

    async def on_first_token(self) -> None:
        self.first_tokens += 1

    def on_usage(self, usage: Usage) -> None:
        self.usage = usage

    async def after_call(self, output: list[Any]) -> None:
        self.output = output


async def call(
    server: OpenaiServer,
    api: str,
    shown: Shown,
    call_ids_used: set[str] | None = None,
    *,
    more: Sequence[dict[str, Any]] = (),
    reasoning: dict[str, Any] | None = None,
) -> Any:
    settings = Settings.model_validate(
        {
            "RUN_TOKEN_SECRET": "x" * 32,
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": server.base_url,
            "AGENT_RUNNER_MODEL": "scripted",
            "AGENT_RUNNER_MODEL_API": api,
            "AGENT_RUNNER_MODEL_REASONING": reasoning or {},
        }
    )
    models = Models(settings)
    model = RunModel(
        models.get(models.choose({}, None)),
        BOUNDS,
        AnswerTranslator(cast("Any", shown), "conv_1"),
        publisher=cast("DeltaPublisher", shown),
        turn=shown,
        call_ids_used=call_ids_used if call_ids_used is not None else set(),
        with_images=list,
    )
    try:
        return await model.get_response(
            system_instructions="Be brief.",
            input=[{"role": "user", "content": "hi"}, *more],
            model_settings=model_settings({}, frozenset(), settings.model_reasoning.get("scripted")),
            tools=[],
            output_schema=None,
            handoffs=[],
            tracing=ModelTracing.DISABLED,
            previous_response_id=None,
            conversation_id=None,
            prompt=None,
        )
    finally:
        await models.close()
