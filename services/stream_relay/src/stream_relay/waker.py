"""Waiting that costs nothing but a timer: `asyncio.wait_for` would start a task for each wait of each viewer."""

import asyncio


class Waker:
    """Lets one task wait until it is woken. A wake while nobody waits is forgotten: look before you wait."""

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None

    def wake(self) -> None:
        """End the wait, if there is one."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Wait until woken, or for some seconds."""
        loop = asyncio.get_running_loop()
        self._waiter = loop.create_future()
        timer = loop.call_later(max(seconds, 0), self.wake)
        try:
            await self._waiter
        finally:
            timer.cancel()
            self._waiter = None
