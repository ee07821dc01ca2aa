"""How many runs a runner takes on: a run waits for its model, so what counts is how busy the process is."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from actor_kit.health import LOOP_DELAY_SECONDS_MAX, Health

AT_ONCE_MAX = 32
"""Asked for at a time, though more slots are free: what is asked for comes, and another runner may have less to do."""
AT_EASE_DELAY_SECONDS_MAX = 0.1
_PAGE_BYTES = 4_096
_STATM = Path("/proc/self/statm")


def room_for_runs(free: int, *, loop_delay_seconds: float, memory_share: float) -> int:
    """Of the ``free`` slots, how many to fill now: many at ease, one by one while the loop is late, else none.

    ``memory_share``: what is used of what may be.
    """
    if memory_share >= 1 or loop_delay_seconds > LOOP_DELAY_SECONDS_MAX:
        return 0
    if loop_delay_seconds > AT_EASE_DELAY_SECONDS_MAX:
        return min(free, 1)
    return min(free, AT_ONCE_MAX)


def memory_bytes() -> int:
    """The resident memory of this process; 0 where Linux does not tell."""
    try:
        return int(_STATM.read_text().split()[1]) * _PAGE_BYTES
    except OSError:
        return 0


@dataclass(frozen=True)
class Admission:
    """What a `Mailbox` asks before it takes on more."""

    health: Health
    memory_bytes_max: int
    memory_bytes: Callable[[], int] = memory_bytes

    def __call__(self, free: int) -> int:
        share = self.memory_bytes() / self.memory_bytes_max
        return room_for_runs(free, loop_delay_seconds=self.health.loop_delay_seconds, memory_share=share)
