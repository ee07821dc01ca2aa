"""Several programs kept alive together."""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence

from natter.supervision.program import Program, ProgramFailedError
from natter.supervision.supervised import Supervised

STOP_SECONDS_MAX = 9.0
"""For all programs together; the promise is 10 s."""


class Supervisor:
    """Starts programs, restarts those that die, stops all of them."""

    def __init__(self, on_line: Callable[[str, str], None]) -> None:
        self._on_line = on_line
        self._supervised: list[Supervised] = []

    @property
    def running(self) -> Sequence[Supervised]:
        """The programs in the order in which they were started."""
        return tuple(self._supervised)

    async def start(self, programs: Iterable[Program]) -> None:
        """Start programs side by side and return when all are ready. Raises the first ProgramFailedError."""
        started = [Supervised(program, self._on_line) for program in programs]
        self._supervised += started
        tasks = [asyncio.create_task(supervised.start()) for supervised in started]
        try:
            await asyncio.gather(*tasks)
        except ProgramFailedError:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            raise

    async def run_until_one_is_given_up(self) -> None:
        """Raise the ProgramFailedError of the first program that is given up."""
        await asyncio.gather(*(supervised.wait() for supervised in self._supervised))

    async def stop(self, order: Sequence[str]) -> None:
        """Stop the programs group by group, at last all that `order` does not name.

        A group is a name with its replicas: `agent_runner`, `agent_runner.2`, …
        """
        deadline = time.monotonic() + STOP_SECONDS_MAX
        left = list(self._supervised)
        for name in (*order, None):
            group = [supervised for supervised in left if name in {None, supervised.program.name.partition(".")[0]}]
            left = [supervised for supervised in left if supervised not in group]
            seconds_left = max(deadline - time.monotonic(), 0.0)
            await asyncio.gather(*(supervised.stop(seconds_left) for supervised in group))

    def kill(self) -> None:
        """Kill everything now."""
        for supervised in self._supervised:
            supervised.kill()
