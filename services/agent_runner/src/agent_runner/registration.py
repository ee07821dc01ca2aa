"""Tells the store what the assistants that this runner serves look like, so that people can choose among them."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

import structlog
from contracts.assistants import AssistantCard
from contracts.commands import RegisterAssistants

from agent_runner.store import Store

log = structlog.get_logger()


class Registration:
    """``async with Registration(store, cards, changed)`` tells the store as soon as it is there, and again when
    ``changed`` is set and the cards are others; nothing waits for it.
    """

    def __init__(self, store: Store, cards: Callable[[], Sequence[AssistantCard]], changed: asyncio.Event) -> None:
        self._store = store
        self._cards = cards
        self._changed = changed

    async def __aenter__(self) -> Self:
        self._telling = asyncio.create_task(self._keep_told())
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._telling.cancel()
        with suppress(asyncio.CancelledError):
            await self._telling

    async def _keep_told(self) -> None:
        told: tuple[AssistantCard, ...] = ()
        while True:
            self._changed.clear()
            cards = tuple(self._cards())
            if cards != told and await self._tell(cards):  # none could be loaded: that is in the log
                told = cards
            await self._changed.wait()

    async def _tell(self, cards: tuple[AssistantCard, ...]) -> bool:
        try:
            await self._store.ask(RegisterAssistants(cards=cards))
        except Exception:
            log.exception("assistants.not_registered")
            return False
        log.info("assistants.registered", assistants=[card.assistant_id for card in cards])
        return True
