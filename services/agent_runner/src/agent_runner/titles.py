"""A new conversation's title: by the model, beside the first answer; else from the message itself."""

import asyncio
from typing import Any

import structlog
from agents import Model, ModelSettings, ModelTracing
from contracts.text import storable

from agent_runner import rules

log = structlog.get_logger()

TITLE_SECONDS_MAX = 3.0
PROMPT_CHARACTERS_MAX = 2_000
INSTRUCTIONS = (
    "Write a title of at most six words, in the language of the message, for a conversation that begins with this "
    "message. Answer with the title alone: no quotes, no full stop."
)


class TitleWriter:
    """Starts once the first answer has begun, so that it never delays it; `title` waits a bounded time."""

    def __init__(self, message: str) -> None:
        self._message = message
        self._task: asyncio.Task[str | None] | None = None

    def start(self, model: Model, settings: ModelSettings) -> None:
        """Ask the model, unless one has been asked."""
        if self._task is None:
            self._task = asyncio.create_task(self._ask(model, settings), name="title")

    async def title(self) -> str | None:
        """The title; the message's first line where the model gives none in time."""
        if self._task is not None:
            done, _ = await asyncio.wait({self._task}, timeout=TITLE_SECONDS_MAX)
            if done and (title := self._task.result()):
                return title
        return self.plain_title()

    def plain_title(self) -> str | None:
        return rules.title_from(self._message)

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _ask(self, model: Model, settings: ModelSettings) -> str | None:
        try:
            response = await model.get_response(
                INSTRUCTIONS,
                self._message[:PROMPT_CHARACTERS_MAX],
                settings,
                [],
                None,
                [],
                ModelTracing.DISABLED,
                previous_response_id=None,
                conversation_id=None,
                prompt=None,
            )
        except Exception as error:  # noqa: BLE001 - a title is never worth failing a run
            log.warning("title.failed", error=repr(error)[:300])
            return None
        return rules.title_from(storable(_text(response.output)).strip().strip("\"'“”"))


def _text(output: list[Any]) -> str:
    parts = [part for item in output if item.type == "message" for part in item.content]
    return " ".join(part.text for part in parts if part.type == "output_text")
