"""Asks conversation_store on behalf of a run; waits while the store or the bus is away, for nobody else could go on."""

import asyncio
from collections import OrderedDict
from typing import TypeVar

import structlog
from actor_kit.bus import Bus
from contracts.errors import Code, RetryableError, TerminalError
from contracts.message import Command, Query, Reply
from contracts.replies import RunClaimed

from agent_runner.metrics import FENCED
from agent_runner.publisher import FencedError

log = structlog.get_logger()
ReplyT = TypeVar("ReplyT", bound=Reply)

PAUSE_SECONDS_FIRST = 0.05
PAUSE_SECONDS_MAX = 1.0
BUG_ATTEMPTS_MAX = 4
RUN_TOKENS_MAX = 2_000
"""Tokens that are kept, of the runs claimed last: more than a runner has slots."""
_AWAY = frozenset({Code.STORE_UNAVAILABLE, Code.BUS_UNAVAILABLE, Code.DEADLINE_EXCEEDED})
_GONE = frozenset({Code.NOT_FOUND, Code.FORBIDDEN})
_NOT_OURS = frozenset({Code.RUN_STALE_EPOCH, Code.RUN_FINISHED, Code.RUN_WAITING, Code.NOT_FOUND, Code.FORBIDDEN})


class Store:
    """Every command that a runner sends is one that may be sent twice, so a lost answer is asked for again.

    The store's answer to a claim has the run's token, which goes with all that is asked for this run: without it the
    store does nothing.
    """

    def __init__(self, bus: Bus, run_tokens: OrderedDict[str, str] | None = None) -> None:
        self._bus = bus
        self._run_tokens = OrderedDict[str, str]() if run_tokens is None else run_tokens

    def over(self, bus: Bus) -> "Store":
        """The same, over another connection, for another event loop."""
        return Store(bus, self._run_tokens)

    async def ask(
        self, command: Command[ReplyT] | Query[ReplyT], *, may_be_gone: bool = False, for_run: str | None = None
    ) -> ReplyT:
        """The reply, however long the store is away; the caller bounds the time.

        Raises FencedError where the run is no longer this attempt's (taken over, finished, deleted); RetryableError
        where the store fails each time for a reason that it does not know, which the run's next attempt may not meet;
        and what else the store raised. ``may_be_gone``: what is asked for may be, without the run being so.
        ``for_run``: who asks, where the request does not say.
        """
        pause = PAUSE_SECONDS_FIRST
        bugs_count = 0
        while True:
            try:
                return await self._bus.request(command, run_token=self._token_for(command, for_run))
            except TerminalError as error:
                if error.code in _NOT_OURS and not (may_be_gone and error.code in _GONE):
                    FENCED.labels("store").inc()
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

    def _token_for(self, command: Command[ReplyT] | Query[ReplyT], for_run: str | None) -> str | None:
        """By its run; what names no run is for its conversation's, of which one at a time is at work."""
        for key in (for_run, getattr(command, "run_id", None), getattr(command, "conversation_id", None)):
            token = None if key is None else self._run_tokens.get(key)
            if token is not None:
                return token
        return None

    def keep_token(self, claimed: RunClaimed) -> None:
        """Whoever works on a claimed run begins with this."""
        for key in (claimed.run.run_id, claimed.run.conversation_id):
            self._run_tokens[key] = claimed.run_token
            self._run_tokens.move_to_end(key)
        while len(self._run_tokens) > 2 * RUN_TOKENS_MAX:
            self._run_tokens.popitem(last=False)
