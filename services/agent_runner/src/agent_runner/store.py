"""Asks conversation_store on behalf of a run; waits while the store or the bus is away, for nobody else could go on."""

import asyncio
from typing import TypeVar

import structlog
from actor_kit.bus import Bus
from contracts.errors import Code, RetryableError, TerminalError
from contracts.message import Command, Query, Reply

from agent_runner.publisher import FencedError

log = structlog.get_logger()
ReplyT = TypeVar("ReplyT", bound=Reply)

PAUSE_SECONDS_FIRST = 0.05
PAUSE_SECONDS_MAX = 1.0
BUG_ATTEMPTS_MAX = 4
_AWAY = frozenset({Code.STORE_UNAVAILABLE, Code.BUS_UNAVAILABLE, Code.DEADLINE_EXCEEDED})
_NOT_OURS = frozenset({Code.RUN_STALE_EPOCH, Code.RUN_FINISHED, Code.NOT_FOUND, Code.FORBIDDEN})


class Store:
    """Every command that a runner sends is one that may be sent twice, so a lost answer is asked for again."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    async def ask(self, command: Command[ReplyT] | Query[ReplyT]) -> ReplyT:
        """The reply, however long the store is away; the caller bounds the time.

        Raises FencedError where the run is no longer this attempt's (taken over, finished, deleted); RetryableError
        where the store fails each time for a reason that it does not know, which the run's next attempt may not meet;
        and what else the store raised.
        """
        pause = PAUSE_SECONDS_FIRST
        bugs_count = 0
        while True:
            try:
                return await self._bus.request(command)
            except TerminalError as error:
                if error.code in _NOT_OURS:
                    raise FencedError from error
                if error.code != Code.INTERNAL:
                    raise
                bugs_count += 1
                if bugs_count == BUG_ATTEMPTS_MAX:
                    raise RetryableError(Code.INTERNAL, error.detail) from error
                log.warning("store.failed", command=type(command).__name__, attempt=bugs_count)
            except RetryableError as error:
                if error.code not in _AWAY:
                    raise
                log.warning("store.away", code=error.code, command=type(command).__name__)
            await asyncio.sleep(pause)
            pause = min(pause * 2, PAUSE_SECONDS_MAX)
