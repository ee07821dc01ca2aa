"""Waiting that costs next to nothing: no task, and no timer, for each wait of each viewer."""

import asyncio


class Waker:
    """Lets one task wait until it is woken. A wake while nobody waits is forgotten: look before you wait.

    A timer that is due before the time asked for stays, and ends the wait too early, once: a viewer waits after each
    delta, and a timer for each would cost more than the delta. `close` it in the end.
    """

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """End the wait, if there is one."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Wait until woken, or for some seconds at most."""
        loop = asyncio.get_running_loop()
        due = loop.time() + max(seconds, 0)
        if self._timer is None or self._timer.when() > due:
            self.close()
            self._timer = loop.call_at(due, self._on_timer)
        self._waiter = loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def close(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._timer = None
        self.wake()
