"""A bounded queue before a scarce thing, fair among users: whoever asks for much waits behind themselves."""

import asyncio
from collections import OrderedDict, deque
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from contracts.errors import Code, NatterError, RetryableError

_Waiting = deque[asyncio.Future[None]]


class FairQueue:
    """``async with queue.place(user)``: at most ``places`` are inside; the others wait, and users take turns.

    One user has at most ``user_places_max`` of the places, also while others are free: whoever comes then does not
    wait for slow work of somebody else. At most ``waiting_max`` wait, none longer than ``seconds_max``; who is too much
    is refused with ``code``. If the queue is full, the last one of the user who has the most in it is refused.

    After each of a user's, that user may not enter in their place for ``user_pause_seconds``; others may at once.
    """

    def __init__(
        self,
        places: int,
        *,
        waiting_max: int,
        seconds_max: float,
        code: Code,
        user_places_max: int | None = None,
        user_pause_seconds: float = 0.0,
    ) -> None:
        self._free = places
        self._user_places_max = user_places_max or places
        self._user_pause_seconds = user_pause_seconds
        self._inside: dict[str, int] = {}
        self._waiting_max = waiting_max
        self._seconds_max = seconds_max
        self._code = code
        self._waiting: OrderedDict[str, _Waiting] = OrderedDict()
        self._waiting_count = 0

    @property
    def waiting_count(self) -> int:
        return self._waiting_count

    @asynccontextmanager
    async def place(self, user: str) -> AsyncGenerator[None]:
        """Raises RetryableError (``code``) where there is no room, or not in time; what `refuse_waiting` was given."""
        await self._enter(user)
        try:
            yield
        finally:
            self._leave(user)

    def refuse_waiting(self, error: NatterError) -> None:
        """Refuse all who wait: what they wait for is away."""
        for waiting in self._waiting.values():
            for one in waiting:
                if not one.done():
                    one.set_exception(error)
        self._waiting.clear()
        self._waiting_count = 0

    async def _enter(self, user: str) -> None:
        if self._may_enter(user):
            self._take(user)
            return
        if self._waiting_count >= self._waiting_max:
            self._make_room(user)
        place = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(user, deque()).append(place)
        self._waiting_count += 1
        try:
            async with asyncio.timeout(self._seconds_max):
                await place
        except BaseException as error:
            if place.done() and not place.cancelled() and place.exception() is None:
                self._leave(user)  # it was given in the same moment
            else:
                self._forget(user, place)
            if isinstance(error, TimeoutError):
                raise self._too_much() from None
            raise

    def _may_enter(self, user: str) -> bool:
        return self._free > 0 and self._inside.get(user, 0) < self._user_places_max

    def _take(self, user: str) -> None:
        self._free -= 1
        self._inside[user] = self._inside.get(user, 0) + 1

    def _leave(self, user: str) -> None:
        self._free += 1
        if self._user_pause_seconds > 0:
            asyncio.get_running_loop().call_later(self._user_pause_seconds, self._end_pause, user)
        else:
            self._may_enter_again(user)
        self._let_in()

    def _end_pause(self, user: str) -> None:
        self._may_enter_again(user)
        self._let_in()

    def _may_enter_again(self, user: str) -> None:
        self._inside[user] -= 1
        if self._inside[user] == 0:
            del self._inside[user]

    def _let_in(self) -> None:
        while (next_user := self._next_user()) is not None:
            waiting = self._waiting[next_user]
            place = waiting.popleft()
            self._waiting_count -= 1
            if waiting:
                self._waiting.move_to_end(next_user)
            else:
                del self._waiting[next_user]
            if not place.done():
                self._take(next_user)
                place.set_result(None)

    def _next_user(self) -> str | None:
        """Whose turn it is; None where no place is free, or only users wait who have all that they may have."""
        return next((user for user in self._waiting if self._may_enter(user)), None) if self._free > 0 else None

    def _forget(self, user: str, place: asyncio.Future[None]) -> None:
        waiting = self._waiting.get(user)
        if waiting is None or place not in waiting:
            return
        waiting.remove(place)
        self._waiting_count -= 1
        if not waiting:
            del self._waiting[user]

    def _make_room(self, user: str) -> None:
        greedy = max(self._waiting, key=lambda one: len(self._waiting[one]), default=user)
        if greedy == user or len(self._waiting[greedy]) <= len(self._waiting.get(user, ())) + 1:
            raise self._too_much()
        place = self._waiting[greedy][-1]
        self._forget(greedy, place)
        if not place.done():
            place.set_exception(self._too_much())

    def _too_much(self) -> RetryableError:
        return RetryableError(self._code, "There is too much to do right now.", retry_after_seconds=1.0)
