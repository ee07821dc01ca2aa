"""When text leaves a runner: at once while the process is at ease, else in frames, the same for all of its runs."""

import asyncio
from collections.abc import Callable
from typing import Protocol

AT_EASE_DELTAS_PER_SECOND = 500.0
CROWDED_DELTAS_PER_SECOND = 1_500.0
"""Of all runs of the process together. A delta costs about 0.1 ms here and as much again elsewhere."""
CROWDED_FRAME_SECONDS = 0.05
AT_EASE_LOOP_DELAY_SECONDS = 0.02
LATE_LOOP_DELAY_SECONDS = 0.2
FRAME_SECONDS_MAX = 0.1
RATE_WINDOW_SECONDS = 0.25


def frame_seconds(deltas_per_second: float, loop_delay_seconds: float) -> float:
    """How long text is gathered before it leaves; 0: not at all.

    Up to 50 ms by what the models of all runs say together, up to 100 ms while the event loop is late.
    """
    crowd = _share(deltas_per_second, AT_EASE_DELTAS_PER_SECOND, CROWDED_DELTAS_PER_SECOND)
    lateness = _share(loop_delay_seconds, AT_EASE_LOOP_DELAY_SECONDS, LATE_LOOP_DELAY_SECONDS)
    return max(crowd * CROWDED_FRAME_SECONDS, lateness * FRAME_SECONDS_MAX)


def _share(value: float, least: float, most: float) -> float:
    return min(max((value - least) / (most - least), 0.0), 1.0)


class Gathering(Protocol):
    """A run's publisher that holds text back."""

    def release(self) -> None:
        """Send it."""
        ...


class Frames:
    """The one clock of all runs: what they hold leaves together, in one write to the bus.

    ``loop_delay_seconds`` says how late the event loop is now.
    """

    def __init__(self, loop_delay_seconds: Callable[[], float]) -> None:
        self._loop_delay_seconds = loop_delay_seconds
        self._holding: list[Gathering] = []
        self._deltas_count = 0
        self._window_began_at = 0.0
        self._frame_seconds = 0.0
        self._last_tick_at = 0.0

    def count_delta(self) -> float:
        """Count a text delta; returns for how long one is to be held now: 0 for not at all.

        Decided once for each window, as long as the loop's delay is measured: this is called for every word.
        """
        now = asyncio.get_running_loop().time()
        self._deltas_count += 1
        elapsed = now - self._window_began_at
        if elapsed >= RATE_WINDOW_SECONDS:
            self._frame_seconds = frame_seconds(self._deltas_count / elapsed, self._loop_delay_seconds())
            self._deltas_count, self._window_began_at = 0, now
        return self._frame_seconds

    def hold(self, gathering: Gathering, seconds: float) -> None:
        """Have it released at the end of the frame: ``seconds`` after the last one's, or at once if that is past."""
        self._holding.append(gathering)
        if len(self._holding) == 1:
            loop = asyncio.get_running_loop()
            loop.call_at(max(self._last_tick_at + seconds, loop.time()), self._tick)

    def _tick(self) -> None:
        self._last_tick_at = asyncio.get_running_loop().time()
        holding, self._holding = self._holding, []
        for gathering in holding:
            gathering.release()
