"""One model call as a run makes it, through OpenAI's client, and what it shows."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from agent_runner.model_calls import ModelBounds, call_model, usage_of, with_own_call_ids
from agent_runner.model_errors import incomplete_error
from agent_runner.models import Models
from agent_runner.settings import Settings
from agent_runner.transcript import Transcript
from agents import ModelSettings, ModelTracing, Usage
from chatkit_protocol.reducer import Viewer

from tests.openai_server import OpenaiServer

BOUNDS = ModelBounds(first_token_seconds_max=1.0, next_token_seconds_max=0.3, attempts_max=3, retry_seconds_max=5)


@dataclass
class Shown:
    """A publisher that keeps what it is told, and what came of the call."""

    viewer: Viewer = field(default_factory=Viewer)
    output: list[Any] = field(default_factory=list)
    usage: Usage | None = None

    def event(self, event: dict[str, Any], key: str = "") -> None:
        self.viewer.apply(event)

    def text_delta(self, item_id: str, content_index: int, delta: str) -> None:
        update = {
            "type": "assistant_message.content_part.text_delta",
            "content_index": content_index,
            "delta": delta,
        }
        self.viewer.apply({"type": "thread.item.updated", "item_id": item_id, "update": update})


async def call(
    server: OpenaiServer,
    api: str,
    shown: Shown,
    call_ids_used: set[str] | None = None,
    *,
    more: Sequence[dict[str, Any]] = (),
    reasoning: dict[str, Any] | None = None,
) -> None:
    """Raises ModelError, as a run would."""
    settings = Settings.model_validate(
        {
            "OPENAI_API_KEY": "sk-test",
            "OPENAI_BASE_URL": server.base_url,
            "AGENT_RUNNER_MODEL": "scripted",
            "AGENT_RUNNER_MODEL_API": api,
            "AGENT_RUNNER_MODEL_REASONING": reasoning or {},
        }
    )
    models = Models(settings)
    model = models.get(models.choose({}, None))
    transcript = Transcript(shown, "conv_1")

    def ask() -> AsyncIterator[Any]:
        return model.stream_response(
            system_instructions="Be brief.",
            input=[{"role": "user", "content": "hi"}, *cast("list[Any]", more)],
            model_settings=models.settings_of("scripted").resolve(ModelSettings()),
            tools=[],
            output_schema=None,
            handoffs=[],
            tracing=ModelTracing.DISABLED,
            previous_response_id=None,
            conversation_id=None,
            prompt=None,
        )

    try:
        response = await call_model(ask, lambda event, _is_first: transcript.on_model_event(event), BOUNDS)
    finally:
        await models.close()
    shown.usage = usage_of(response)
    incomplete = incomplete_error(response)
    if incomplete is not None:
        raise incomplete
    shown.output = with_own_call_ids(response.output, call_ids_used if call_ids_used is not None else set())
