"""How much a process works on at once, over all its mailboxes."""

import asyncio
from collections import deque


class Slots:
    """A count of slots that mailboxes share. One takes slots before it asks for messages, and keeps each until that
    message is settled or will not come; who waits for one is served in turn.
    """

    def __init__(self, count: int) -> None:
        self.free = count
        self.sharers = 0
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def are_scarce(self) -> bool:
        """Somebody else may be waiting for what one asks for in vain: ask for a short while only."""
        return self.sharers > 1 and self.free <= 0

    def take_at_most(self, wanted: int) -> int:
        """Take a fair share of what is free, without waiting; none where others wait."""
        if self._waiting or self.free <= 0 or wanted <= 0:
            return 0
        taken = min(wanted, max(1, self.free // max(1, self.sharers)))
        self.free -= taken
        return taken

    async def take_one(self) -> None:
        """Take a slot, and wait for it in turn."""
        if self.free > 0 and not self._waiting:
            self.free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give_back(1)  # it had just been served
            elif turn in self._waiting:
                self._waiting.remove(turn)
            raise

    def give_back(self, count: int) -> None:
        """Free slots, of which those who wait get one each. A negative count: more came than was asked for."""
        self.free += count
        while self.free > 0 and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                self.free -= 1
                turn.set_result(None)
