"""The budget of requests per minute of each user, counted in conversation_store for all replicas.

A replica takes several permits at once and uses them up within the window, so that most requests cost no round
trip. What it holds may be lost at any time: then the user has a few requests less in that minute.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final
from weakref import WeakValueDictionary

from contracts.commands import TakeRequestPermit
from contracts.errors import Code, RetryableError
from contracts.identity import Principal
from contracts.replies import RateChecked

from auth_edge.rules import permits_to_take

USERS_MAX: Final = 10_000
AskForPermits = Callable[[TakeRequestPermit], Awaitable[RateChecked]]


@dataclass
class Budget:
    """What a replica may still hand out for one user until `ends_at`; refused until then if `is_used_up`."""

    at_hand: int
    left_in_store: int
    ends_at: float
    is_used_up: bool = False


@dataclass
class Permits:
    """Hands out permits, one per request. `now` is monotonic, in seconds."""

    requests_per_minute_max: int
    now: Callable[[], float]
    budgets: OrderedDict[str, Budget] = field(default_factory=OrderedDict[str, Budget])
    _locks: WeakValueDictionary[str, asyncio.Lock] = field(default_factory=WeakValueDictionary[str, asyncio.Lock])

    async def take(self, principal: Principal, ask: AskForPermits) -> RateChecked:
        """Use one permit of the user. Raises RetryableError: `rate_limited`, or what `ask` raises."""
        user_id = principal.user_id
        budget = self._at_hand(user_id)
        if budget is None:
            # One at a time for each user: a hundred requests at once would take a hundred shares.
            lock = self._locks.get(user_id) or self._locks.setdefault(user_id, asyncio.Lock())
            async with lock:
                budget = self._at_hand(user_id) or await self._ask(principal, ask)
                self._keep(user_id, budget)
                return self._use(budget)
        return self._use(budget)

    def _at_hand(self, user_id: str) -> Budget | None:
        budget = self.budgets.get(user_id)
        if budget is None or budget.ends_at <= self.now():
            return None
        return budget if budget.at_hand > 0 or budget.is_used_up else None

    def _use(self, budget: Budget) -> RateChecked:
        reset_seconds = max(0.0, budget.ends_at - self.now())
        if budget.is_used_up:
            detail = f"At most {self.requests_per_minute_max} requests a minute."
            raise RetryableError(Code.RATE_LIMITED, detail, retry_after_seconds=reset_seconds)
        budget.at_hand -= 1
        return RateChecked(
            limit=self.requests_per_minute_max,
            remaining=max(0, budget.at_hand + budget.left_in_store),
            reset_seconds=reset_seconds,
        )

    async def _ask(self, principal: Principal, ask: AskForPermits) -> Budget:
        limit = self.requests_per_minute_max
        command = TakeRequestPermit(principal=principal, requests_per_minute_max=limit, permits=permits_to_take(limit))
        try:
            reply = await ask(command)
        except RetryableError as error:
            if error.code != Code.RATE_LIMITED:
                raise
            # Remembered, so that a flood of one user does not become a flood of the store.
            return Budget(0, 0, self.now() + (error.retry_after_seconds or 1.0), is_used_up=True)
        return Budget(reply.granted, reply.remaining, self.now() + reply.reset_seconds)

    def _keep(self, user_id: str, budget: Budget) -> None:
        self.budgets[user_id] = budget
        self.budgets.move_to_end(user_id)
        while len(self.budgets) > USERS_MAX:
            self.budgets.popitem(last=False)


REFUSED_WAIT_SECONDS: Final = 0.25
REFUSED_WAITING_MAX: Final = 64


@dataclass
class SlowRefusals:
    """Who is beyond their budget hears it a little later: so a flood that waits for its answers is no flood any more.

    Only so many wait, which is a part of what this replica works on at once; beyond, a refusal is told at once.
    """

    waiting: int = 0

    async def wait(self) -> None:
        if self.waiting >= REFUSED_WAITING_MAX:
            return
        self.waiting += 1
        try:
            await asyncio.sleep(REFUSED_WAIT_SECONDS)
        finally:
            self.waiting -= 1


@dataclass
class Refusals:
    """Whom the store has refused another turn, and until when: what comes before need not be asked again."""

    now: Callable[[], float]
    until: OrderedDict[str, float] = field(default_factory=OrderedDict[str, float])

    def keep(self, user_id: str, seconds: float) -> None:
        self.until[user_id] = self.now() + seconds
        self.until.move_to_end(user_id)
        while len(self.until) > USERS_MAX:
            self.until.popitem(last=False)

    def check(self, user_id: str) -> None:
        """Raises RetryableError (`rate_limited`) while the refusal holds."""
        seconds = self.until.get(user_id, 0.0) - self.now()
        if seconds > 0:
            raise RetryableError(Code.RATE_LIMITED, "Too many turns in a minute.", retry_after_seconds=seconds)
