"""The decisions about runs, and what of a conversation a model is given; without I/O and without a clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.errors import Code, RetryableError, TerminalError
from contracts.message import Json

POSITIONS_PER_TURN = 1_000_000
UNFINISHED = frozenset({"queued", "running", "waiting"})
EndStatus = Literal["completed", "failed", "cancelled"]


@dataclass(frozen=True)
class RunState:
    """A run as a runner's request finds it. ``lease_seconds``: how long its lease holds, 0 without one.

    ``epoch_waited``: its epoch when it last began to wait for a person.
    """

    status: str
    is_active: bool
    epoch: int
    runner_id: str | None = None
    lease_seconds: float = 0.0
    epoch_waited: int = 0

    @property
    def attempts_count(self) -> int:
        """The claims that came to no end: one that began to wait for a person had done what it could."""
        return self.epoch - self.epoch_waited


def check_claim(run: RunState, *, runner_id: str) -> None:
    """Raises TerminalError (run_finished) or RetryableError (run_leased, after the remaining lease)."""
    if run.status not in UNFINISHED:
        raise TerminalError(Code.RUN_FINISHED, f"The run is {run.status}.")
    if run.status == "waiting":
        raise TerminalError(Code.RUN_WAITING, "The run waits for a person.")
    if not run.is_active:
        raise RetryableError(Code.RUN_LEASED, "The run waits behind another one.", retry_after_seconds=5.0)
    if run.status == "running" and run.lease_seconds > 0 and run.runner_id != runner_id:
        raise RetryableError(
            Code.RUN_LEASED, "Another runner works on this run.", retry_after_seconds=max(0.1, run.lease_seconds)
        )


def refusal_of_write(run: RunState, *, epoch: int) -> TerminalError:
    """Why a run's write was refused: it is finished, or it is another attempt's."""
    if run.status not in UNFINISHED:
        return TerminalError(Code.RUN_FINISHED, f"The run is {run.status}.")
    if run.status == "waiting":
        return TerminalError(Code.RUN_WAITING, "The run waits for a person.")
    return TerminalError(Code.RUN_STALE_EPOCH, f"The run's epoch is {run.epoch}, not {epoch}.")


def stops_at_once(run: RunState) -> bool:
    """Whether a cancelled run can be ended here and now: nobody works on it and nobody has."""
    return run.status == "queued" and run.epoch == 0


# --- what the model sees ----------------------------------------------------------------------------------


def newest_within(items: Sequence[tuple[Json, int]], bytes_max: int) -> list[Json]:
    """Of (item, its size in bytes), oldest first, the newest that together fit into ``bytes_max``; oldest first."""
    kept: list[Json] = []
    room = bytes_max
    for item, size in reversed(items):
        room -= size
        if room < 0:
            break
        kept.append(item)
    return kept[::-1]
