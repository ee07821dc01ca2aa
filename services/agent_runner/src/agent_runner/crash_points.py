"""Where fault tests may kill or pause a runner: every step of a run at which dying means something else."""

import os
import signal
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import structlog

log = structlog.get_logger()


class CrashPoint(StrEnum):
    """The steps of a run, in their order; each is reached before what its name says it is before."""

    BEFORE_CLAIM = "before_claim"
    AFTER_CLAIM = "after_claim"
    AFTER_FIRST_DELTA = "after_first_delta"
    BEFORE_CHECKPOINT = "before_checkpoint"
    AFTER_CHECKPOINT = "after_checkpoint"
    AFTER_TOOL_BEGUN = "after_tool_begun"
    AFTER_TOOL_CALLED = "after_tool_called"
    IN_NESTED_AGENT = "in_nested_agent"
    IN_HANDOFF = "in_handoff"
    AFTER_TOOL_FINISHED = "after_tool_finished"
    BEFORE_OUTPUTS_CHECKPOINT = "before_outputs_checkpoint"
    AFTER_OUTPUTS_CHECKPOINT = "after_outputs_checkpoint"
    AFTER_ASKED = "after_asked"
    BEFORE_SUSPEND = "before_suspend"
    AFTER_SUSPEND = "after_suspend"
    BEFORE_FINISH = "before_finish"
    AFTER_FINISH = "after_finish"


@dataclass(frozen=True)
class CrashPoints:
    """Does nothing unless a test names a directory: then a file ``<crash point>`` in it is taken away and obeyed.

    The file holds the name of a signal and how often the point is to be reached before ("SIGKILL 0"). It is removed
    first, so that one runner dies once.
    """

    directory: Path | None = None

    def reach(self, point: CrashPoint) -> None:
        if self.directory is None:
            return
        order = self.directory / point
        try:
            name, passes = order.read_text().split()
            order.unlink()
        except FileNotFoundError:
            return
        if int(passes) > 0:
            order.write_text(f"{name} {int(passes) - 1}")
            return
        log.warning("crash_point.reached", point=point, signal=name)
        os.kill(os.getpid(), signal.Signals[name])
