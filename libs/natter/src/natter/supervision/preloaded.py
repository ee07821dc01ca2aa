"""Python programs that start in a tenth of the time: each is forked from one process that has imported their libraries.

What a runner imports costs 2.5 s of a core, and most of it the other services import as well. The process that forks
(``python -m natter.supervision.preloaded FD MODULE…``) imports it once, but nothing of the services' own: their metrics
are theirs alone. What is forked is a process like any other, with a session, environment, directory, output and exit
code of its own; `kill -9` ends it alone. When the one that forks dies, the kernel tells what it forked to stop (Linux),
and the next `fork` starts it anew.

On the socket FD it takes one packet for each start: module, arguments, environment and directory as JSON, and two
files: the output, and a pipe on which it tells the pid and, at the end, the exit code (negative: the signal that ended
it), a line each. That pipe ends without an exit code where the one that forks has died.
"""

import asyncio
import contextlib
import ctypes
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
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from setproctitle import setproctitle

from natter.settings import Settings

LIBRARIES = (
    *("agents", "agents.mcp", "natterkit", "chatkit_protocol", "contracts.registry", "file_store", "identity"),
    *("actor_kit.actor", "actor_kit.lifecycle", "asyncpg", "fastapi", "sse_starlette", "uvicorn.loops.auto"),
    "uvicorn.protocols.http.httptools_impl",
)
"""What the services stand on. One that is missing here is imported by each service that needs it."""
PACKET_BYTES_MAX = 200_000
PR_SET_PDEATHSIG = 1


@dataclass
class Preloaded:
    """The process that forks. It is started by `start`, or by the first `fork`, and ends when it is closed.

    ``environment`` is that of the interpreter (`PYTHONPATH` is read there, and by nothing that is forked), ``before``
    what stands before its command.
    """

    modules: Sequence[str] = LIBRARIES
    environment: Mapping[str, str] | None = field(default=None, repr=False)
    before: Sequence[str] = ()
    _requests: socket.socket | None = None
    _process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it and return at once: it takes requests when it has imported everything."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            command = [*self.before, sys.executable, "-m", __name__, str(theirs.fileno()), *self.modules]
            self._process = subprocess.Popen(
                command,
                # A title may not be written over the environment: by that, orphans.py knows whose a process is.
                env={**(Settings().inherited if self.environment is None else self.environment), "SPT_NOENV": "1"},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,  # Ctrl-C in the terminal is not for it
            )
        self._requests = ours

    def fork(
        self, module: str, arguments: Sequence[str], environment: Mapping[str, str], output: int, directory: Path | None
    ) -> int:
        """Run ``python -m module arguments`` with this environment and no other. Returns the pipe that tells pid and
        exit code. Raises OSError where it cannot be started.
        """
        request = {"module": module, "arguments": list(arguments), "environment": dict(environment)}
        packet = json.dumps({**request, "directory": str(directory or Path.cwd())}).encode()
        told, telling = os.pipe()
        try:
            try:
                self._send(packet, output, telling)
            except ConnectionError:  # it has died
                self.close()
                self._send(packet, output, telling)
        except OSError:
            os.close(told)
            raise
        finally:
            os.close(telling)
        return told

    def _send(self, packet: bytes, output: int, telling: int) -> None:
        if self._requests is None:
            self.start()
        assert self._requests is not None
        socket.send_fds(self._requests, [packet], [output, telling])

    def close(self) -> None:
        """End it. What it has forked and still runs is told to stop."""
        if self._requests is not None and self._process is not None:
            self._requests.close()
            self._requests = None
            self._process.wait()


class ForkedProcess:
    """A program that was forked; `asyncio.subprocess.Process` has the same of these names."""

    def __init__(self, pid: int, stdout: asyncio.StreamReader, told: asyncio.StreamReader) -> None:
        self.pid = pid
        self.stdout = stdout
        self._told = told

    async def wait(self) -> int:
        """The exit code; negative: the signal that ended it, or that which ended the process that forked it."""
        return int(await self._told.readline() or -signal.SIGKILL)


@contextlib.asynccontextmanager
async def forked(
    preloaded: Preloaded,
    command: Sequence[str],
    environment: Mapping[str, str],
    directory: Path | None,
    line_bytes_max: int,
) -> AsyncGenerator[ForkedProcess]:
    """Run ``[python, "-m", module, *arguments]`` while the block lasts. Raises OSError where it cannot be started."""
    module, *arguments = command[2:]
    output, write_end = os.pipe()
    try:
        told = preloaded.fork(module, arguments, environment, write_end, directory)
    except OSError:
        os.close(output)
        raise
    finally:
        os.close(write_end)
    async with _read(output, line_bytes_max) as stdout, _read(told, line_bytes_max) as tells:
        pid = await tells.readline()
        if not pid:
            raise ChildProcessError("the process that forks it has died")
        yield ForkedProcess(int(pid), stdout, tells)


@contextlib.asynccontextmanager
async def _read(descriptor: int, limit: int) -> AsyncGenerator[asyncio.StreamReader]:
    reader = asyncio.StreamReader(limit=limit)
    pipe = os.fdopen(descriptor, "rb", 0)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), pipe
    )
    try:
        yield reader
    finally:
        transport.close()


# --- In the process that forks ----------------------------------------------------------------------------------------


def main() -> None:
    gc.disable()
    for module in sys.argv[2:]:
        with contextlib.suppress(ImportError):  # whoever needs it will say so
            importlib.import_module(module)
    gc.freeze()
    assert threading.active_count() == 1, "an import started a thread, and a lock that it holds would never be free"
    with socket.socket(fileno=int(sys.argv[1])) as requests:
        request = _fork_on_request(requests)
    sys.argv = [request["module"], *request["arguments"]]
    setproctitle(" ".join([sys.executable, "-m", *sys.argv]))  # before the environment that it looks at is another
    Settings.replace_environment(request["environment"])
    os.chdir(request["directory"])
    sys.path[0] = request["directory"]
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
                os._exit(0)  # who asked has ended, or wants no more; what was forked is told so by the kernel
            output, telling = files
            parent = os.getpid()
            if (pid := os.fork()) == 0:
                _become_a_child(output, parent)
                for descriptor in (*children.values(), telling, woken.fileno(), wake.fileno()):
                    os.close(descriptor)
                return json.loads(packet)
            os.close(output)
            children[pid] = telling
            _tell(telling, pid)


def _on_child(_number: int, _frame: FrameType | None) -> None:
    """Nothing: without a handler, Python would not write to the wakeup descriptor."""


def _become_a_child(output: int, parent: int) -> None:
    """Undo what the parent set up, write to the output, and end with the parent."""
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.setsid()
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.close(output)


def _tell_ended(children: dict[int, int]) -> None:
    for pid in list(children):
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            telling = children.pop(pid)
            _tell(telling, os.waitstatus_to_exitcode(status))
            os.close(telling)


def _tell(telling: int, number: int) -> None:
    with contextlib.suppress(BrokenPipeError):
        os.write(telling, f"{number}\n".encode())


if __name__ == "__main__":
    main()
