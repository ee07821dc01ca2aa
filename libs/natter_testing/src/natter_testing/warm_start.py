"""Services that start warm: each is forked from a process that has imported all of them.

What a runner imports costs 2.4 s of CPU, and the tests start some two hundred services: that was half of what they
cost. What was forked is a process like any other (its own pid and environment, `kill -9` ends it alone) and runs the
same `__main__`. That services start from nothing as well is shown by all tests of `natter up`.

``python -m natter_testing.warm_start FD`` is the process that forks. On the socket FD it takes one packet for each
start: module, arguments and environment as JSON, and two files: the log, and a pipe on which it tells the pid and, at
the end, the exit code.
"""

import atexit
import contextlib
import ctypes
import functools
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import FrameType
from typing import IO, Any

from natter_testing.servers import die_with_parent
from natter_testing.settings import Settings

SERVICES = ("agent_runner", "auth_edge", "conversation_store", "stream_relay", "natter_todo.task_tools")
IMPORTED = (*(f"{name}.app" for name in SERVICES), "agent_runner.settings", "natter_todo", "uvicorn.loops.auto")
PACKET_BYTES_MAX = 200_000
PR_SET_PDEATHSIG = 1


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
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


def start_warm(module: str, arguments: Sequence[str], environment: Mapping[str, str], log: IO[bytes]) -> WarmProcess:
    """Run ``python -m module arguments`` with this environment and no other; what it says goes to the log."""
    told, telling = os.pipe()
    request = json.dumps({"module": module, "arguments": list(arguments), "environment": dict(environment)})
    try:
        socket.send_fds(_warm_process(), [request.encode()], [log.fileno(), telling])
    finally:
        os.close(telling)
    reader = os.fdopen(told)
    return WarmProcess(int(reader.readline()), reader)


@functools.cache
def _warm_process() -> socket.socket:
    """Start the process that forks; returns the socket on which it takes requests. It ends when that is closed."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        number = theirs.fileno()
        process = subprocess.Popen([*die_with_parent(), sys.executable, "-m", __name__, str(number)], pass_fds=[number])
    atexit.register(process.wait)
    atexit.register(ours.close)
    return ours


def main() -> None:
    gc.disable()
    for module in IMPORTED:
        importlib.import_module(module)
    gc.freeze()
    assert threading.active_count() == 1, "an import started a thread, and a lock that it holds would never be free"
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        request = _fork_on_request(requests)
    Settings.replace_environment(request["environment"])
    sys.argv = [request["module"], *request["arguments"]]
    runpy.run_module(request["module"], run_name="__main__", alter_sys=True)


def _fork_on_request(requests: socket.socket) -> dict[str, Any]:
    """Fork a child for each request, and return its request in it. Never returns in the parent."""
    children: dict[int, int] = {}
    woken, wake = socket.socketpair()
    wake.setblocking(False)
    signal.signal(signal.SIGCHLD, _on_child)
    signal.set_wakeup_fd(wake.fileno())
    while True:
        ready, _, _ = select.select([requests, woken], [], [])
        if woken in ready:
            woken.recv(PACKET_BYTES_MAX)
            _tell_ended(children)
        if requests in ready:
            packet, files, _, _ = socket.recv_fds(requests, PACKET_BYTES_MAX, 2)
            if not packet:
                os._exit(0)  # the tests are over; their children are told so by the kernel
            log, telling = files
            parent = os.getpid()
            if (pid := os.fork()) == 0:
                _become_a_child(log, parent)
                for descriptor in (*children.values(), telling, woken.fileno(), wake.fileno()):
                    os.close(descriptor)
                return json.loads(packet)
            os.close(log)
            children[pid] = telling
            os.write(telling, f"{pid}\n".encode())


def _on_child(_number: int, _frame: FrameType | None) -> None:
    """Nothing: without a handler, Python would not write to the wakeup descriptor."""


def _become_a_child(log: int, parent: int) -> None:
    """Undo what the parent set up, write to the log, and end with the parent as `die_with_parent` would have it."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)
    os.dup2(log, 1)
    os.dup2(log, 2)
    os.close(log)


def _tell_ended(children: dict[int, int]) -> None:
    """Tell the exit code of each child that ended (negative: the signal that ended it)."""
    for pid in list(children):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            telling = children.pop(pid)
            with contextlib.suppress(BrokenPipeError):
                os.write(telling, f"{os.waitstatus_to_exitcode(status)}\n".encode())
            os.close(telling)


if __name__ == "__main__":
    main()
