"""The decisions about runs, and what of a conversation a model is given; without I/O and without a clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from contracts.errors import Code, RetryableError, TerminalError
from contracts.message import Json

POSITIONS_PER_TURN = 1_000_000
UNFINISHED = frozenset({"queued", "running"})
EndStatus = Literal["completed", "failed", "cancelled"]


@dataclass(frozen=True)
class RunState:
    """A run as a runner's request finds it. ``lease_seconds``: how long its lease holds, 0 without one."""

    status: str
    is_active: bool
    epoch: int
    runner_id: str | None = None
    lease_seconds: float = 0.0


def check_claim(run: RunState, *, runner_id: str) -> None:
    """Raises TerminalError (run_finished) or RetryableError (run_leased, after the remaining lease)."""
    if run.status not in UNFINISHED:
        raise TerminalError(Code.RUN_FINISHED, f"The run is {run.status}.")
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
    return TerminalError(Code.RUN_STALE_EPOCH, f"The run's epoch is {run.epoch}, not {epoch}.")


def stops_at_once(run: RunState) -> bool:
    """Whether a cancelled run can be ended here and now: nobody works on it and nobody has."""
    return run.status == "queued" and run.epoch == 0


# --- what the model sees ----------------------------------------------------------------------------------

_CALLS = {
    "function_call": "function_call_output",
    "custom_tool_call": "custom_tool_call_output",
    "computer_call": "computer_call_output",
    "local_shell_call": "local_shell_call_output",
    "shell_call": "shell_call_output",
    "apply_patch_call": "apply_patch_call_output",
}
_OUTPUTS = frozenset(_CALLS.values())


def is_model_message(item: Json) -> bool:
    """Whether a session item is a message, not a tool call, its output or a thought. A history is counted in them."""
    return item.get("type", "message" if "role" in item else None) == "message"


def whole_window(items: Sequence[Json], following: Sequence[Json] = ()) -> list[Json]:
    """Leave out of a conversation's last session items what a model would refuse.

    The result begins with a user's message if there is one. Left out are a call without its output, an output without
    its call, and the reasoning that led to such a call. ``following`` are the items that come next: a call may have its
    output among them.
    """
    start = next((at for at, item in enumerate(items) if item.get("role") == "user"), 0)
    window = list(items[start:])
    calls = {_call_key(item) for item in window if item.get("type") in _CALLS}
    outputs = {_call_key(item) for item in [*window, *following] if item.get("type") in _OUTPUTS}
    kept: list[Json] = []
    for item in window:
        kind = item.get("type")
        if kind in _CALLS and _call_key(item) not in outputs:
            while kept and kept[-1].get("type") == "reasoning":
                kept.pop()
            continue
        if kind in _OUTPUTS and _call_key(item) not in calls:
            continue
        kept.append(item)
    return kept


def _call_key(item: Json) -> tuple[str, str]:
    kind = str(item.get("type"))
    return _CALLS.get(kind, kind), str(item.get("call_id"))


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
