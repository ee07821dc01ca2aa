"""Several programs kept alive together."""

import asyncio
import time
from collections.abc import Callable, Collection, Iterable, Sequence

from natter.supervision.preloaded import Preloaded
from natter.supervision.program import Program
from natter.supervision.supervised import Supervised
from natter.supervision.together import together

STOP_SECONDS_MAX = 8.0
"""For all programs together; the promise is 10 s."""
STEP_SECONDS_MIN = 0.8
"""What a step has even when those before it took all the time: the last ones are NATS and Postgres."""


class Supervisor:
    """Starts programs, restarts those that die, stops all of them."""

    def __init__(self, on_line: Callable[[str, str], None], preloaded: Preloaded | None = None) -> None:
        self._on_line = on_line
        self._preloaded = preloaded
        self._supervised: list[Supervised] = []
        self._changed = asyncio.Event()

    @property
    def running(self) -> Sequence[Supervised]:
        """The programs in the order in which they were started."""
        return tuple(self._supervised)

    async def start(self, programs: Iterable[Program]) -> None:
        """Start programs side by side and return when all are ready. Raises the first ProgramFailedError."""
        started = [Supervised(program, self._on_line, self._preloaded) for program in programs]
        self._supervised += started
        self._changed.set()
        await together(*(supervised.start() for supervised in started))
        self._changed.set()

    async def run_until_one_is_given_up(self) -> None:
        """Raise the ProgramFailedError of the first program that is given up; those that join later are watched too.

        One whose start fails is told by `start`, and is nobody's here.
        """
        while True:
            self._changed.clear()
            changed = asyncio.create_task(self._changed.wait())
            lives = [asyncio.create_task(one.wait()) for one in self._supervised if one.was_ready]
            try:
                await asyncio.wait({changed, *lives}, return_when=asyncio.FIRST_COMPLETED)
                for life in lives:
                    if life.done():
                        await life
            finally:
                for task in (changed, *lives):
                    task.cancel()
                await asyncio.gather(changed, *lives, return_exceptions=True)

    async def remove(self, names: Collection[str]) -> None:
        """Stop the programs of these names, side by side, and keep them no more."""
        gone = [supervised for supervised in self._supervised if supervised.program.name in names]
        self._supervised = [supervised for supervised in self._supervised if supervised not in gone]
        self._changed.set()
        await asyncio.gather(*(supervised.stop(STOP_SECONDS_MAX) for supervised in gone))

    async def stop(self, order: Sequence[Collection[str]]) -> None:
        """Stop the programs step by step: each step names the groups that stop side by side; at last all others."""
        deadline = time.monotonic() + STOP_SECONDS_MAX
        left = list(self._supervised)
        for groups in (*order, {supervised.program.group for supervised in left}):
            now = [supervised for supervised in left if supervised.program.group in groups]
            left = [supervised for supervised in left if supervised not in now]
            seconds_left = max(deadline - time.monotonic(), STEP_SECONDS_MIN)
            await asyncio.gather(*(supervised.stop(seconds_left) for supervised in now))

    def kill(self) -> None:
        """Kill everything now."""
        for supervised in self._supervised:
            supervised.kill()
