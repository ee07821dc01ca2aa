"""Tells the store what the assistants that this runner serves look like, so that people can choose among them."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import structlog
from contracts.assistants import AssistantCard
from contracts.commands import RegisterAssistants

from agent_runner.store import Store

log = structlog.get_logger()


class Registration:
    """``async with Registration(store, cards)`` tells the store once, as soon as it is there; nothing waits for it."""

    def __init__(self, store: Store, cards: Sequence[AssistantCard]) -> None:
        self._store = store
        self._cards = tuple(cards)

    async def __aenter__(self) -> Self:
        self._telling = asyncio.create_task(self._tell())
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._telling.cancel()
        with suppress(asyncio.CancelledError):
            await self._telling

    async def _tell(self) -> None:
        if not self._cards:
            return  # none could be loaded, which is in the log
        try:
            await self._store.ask(RegisterAssistants(cards=self._cards))
        except Exception:
            log.exception("assistants.not_registered")
        else:
            log.info("assistants.registered", assistants=[card.assistant_id for card in self._cards])
