"""Services that start warm: each is forked from a process that has imported all of them.

What a runner imports costs 2.4 s of CPU, and the tests start some two hundred services: that was half of what they
cost. `natter up` starts its services in the same way (natter.supervision.preloaded), but imports less beforehand, and
once for each stack. That services start from nothing as well is shown by Compose and by ``warm=False``.
"""

import atexit
import functools
import os
import signal
import subprocess
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO

from natter.supervision.preloaded import Preloaded

from natter_testing.servers import die_with_parent

SERVICES = ("agent_runner", "auth_edge", "conversation_store", "stream_relay", "natter_todo.task_tools")
MODULES = (*(f"{name}.app" for name in SERVICES), "agent_runner.settings", "natter_todo", "uvicorn.loops.auto")


@dataclass
class WarmProcess:
    """A service that was forked; what `subprocess.Popen` has of the same name does the same."""

    pid: int
    _told: IO[str]
    returncode: int | None = None
    _waiting: threading.Thread = field(init=False)

    def __post_init__(self) -> None:
        self._waiting = threading.Thread(target=self._read_exit_code, daemon=True)
        self._waiting.start()

    def _read_exit_code(self) -> None:
        with self._told:
            code = self._told.readline()
        self.returncode = int(code) if code else -signal.SIGKILL  # nothing: the process that forks was killed

    def poll(self) -> int | None:
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Raises subprocess.TimeoutExpired."""
        self._waiting.join(timeout)
        if self.returncode is None:
            raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
        return self.returncode

    def send_signal(self, number: signal.Signals) -> None:
        if self.returncode is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start_warm(module: str, arguments: Sequence[str], environment: Mapping[str, str], log: IO[bytes]) -> WarmProcess:
    """Run ``python -m module arguments`` with this environment and no other; what it says goes to the log."""
    reader = os.fdopen(_warm_process().fork(module, arguments, environment, log.fileno(), None))
    return WarmProcess(int(reader.readline()), reader)


@functools.cache
def _warm_process() -> Preloaded:
    """The process that forks, for as long as the tests last."""
    preloaded = Preloaded(MODULES, before=die_with_parent())
    atexit.register(preloaded.close)
    return preloaded
