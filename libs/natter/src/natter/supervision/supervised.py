"""One program kept alive."""

import asyncio
import contextlib
import os
import signal
from collections import deque
from collections.abc import AsyncGenerator, Callable

from actor_kit.watchdog import STALLED_EXIT_CODE

from natter.supervision.preloaded import ForkedProcess, Preloaded, forked
from natter.supervision.program import Program, ProgramFailedError

LAST_LINES_MAX = 20
LINE_BYTES_MAX = 64 * 1024
START_SECONDS_MAX = 120.0
READY_POLL_SECONDS = 0.05
RESTART_DELAY_SECONDS_FIRST = 0.2
RESTART_DELAY_SECONDS_MAX = 10.0
FAILED_RESTARTS_MAX = 10
"""How many lives in a row may end before the program was ready, until it is given up."""
LAST_OUTPUT_SECONDS_MAX = 0.5


class Supervised:
    """Runs a program; runs it again, after a growing pause, when it dies.

    `on_line(name, line)` gets what it prints. A program that dies before it was ever ready is not tried again: what is
    wrong with it then is wrong for good. Unless its watchdog ended it: then what it worked on was wrong.
    """

    def __init__(
        self, program: Program, on_line: Callable[[str, str], None], preloaded: Preloaded | None = None
    ) -> None:
        self.program = program
        self.restarts = 0
        self.pid: int | None = None
        self._on_line = on_line
        self._preloaded = preloaded
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES_MAX)
        self._stopping = asyncio.Event()
        self._ready = asyncio.Event()
        self._was_ready = False
        self._task: asyncio.Task[None] | None = None

    @property
    def was_ready(self) -> bool:
        """Whether it has started well once: only then its end is more than a failed start."""
        return self._was_ready

    async def start(self) -> None:
        """Start the program and return when it is ready. Raises ProgramFailedError."""
        self._task = asyncio.create_task(self._run(), name=f"run {self.program.name}")
        ready = asyncio.create_task(self._ready.wait())
        try:
            await asyncio.wait({ready, self._task}, timeout=START_SECONDS_MAX, return_when=asyncio.FIRST_COMPLETED)
            if self._task.done():
                await self._task
            if not ready.done():
                raise self._failure(f"was not ready within {START_SECONDS_MAX:g} s")
        finally:
            ready.cancel()

    async def wait(self) -> None:
        """Return when the program was stopped. Raises ProgramFailedError when it is given up."""
        if self._task is not None:
            await asyncio.shield(self._task)

    async def stop(self, seconds_max: float) -> None:
        """Stop the program within the smaller of its own limit and this one."""
        self._stopping.set()
        if self._task is None:
            return
        self._signal(self.program.stop_signal)
        await asyncio.wait({self._task}, timeout=min(seconds_max, self.program.stop_seconds_max))
        if not self._task.done():
            self._on_line(self.program.name, "natter: did not stop in time and is killed")
            self.kill()
            await asyncio.wait({self._task}, timeout=1.0)
        with contextlib.suppress(ProgramFailedError):
            if self._task.done():
                await self._task

    def kill(self) -> None:
        """Kill the program and everything that it started, now."""
        self._stopping.set()
        self._signal(signal.SIGKILL)

    async def _run(self) -> None:
        failed = 0
        while not self._stopping.is_set():
            how, code = await self._live_once()
            if self._stopping.is_set():
                return
            if not self._was_ready and code != STALLED_EXIT_CODE:
                raise self._failure(f"{how} before it was ready")
            failed = 0 if self._ready.is_set() else failed + 1
            if failed >= FAILED_RESTARTS_MAX:
                raise self._failure(f"{how}, {failed} times in a row before it was ready")
            delay = min(RESTART_DELAY_SECONDS_FIRST * 2**failed, RESTART_DELAY_SECONDS_MAX)
            self._on_line(self.program.name, f"natter: {how}; starting it again in {delay:g} s")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
            self.restarts += 1

    async def _live_once(self) -> tuple[str, int | None]:
        """Run the program to its end and say how it ended, with its exit code where it was started."""
        self._ready.clear()
        try:
            async with self._started() as process:
                code = await self._live(process)
        except OSError as error:
            return f"cannot be started ({error})", None
        return (f"exited with code {code}" if code >= 0 else f"was killed by {signal.Signals(-code).name}"), code

    @contextlib.asynccontextmanager
    async def _started(self) -> AsyncGenerator[asyncio.subprocess.Process | ForkedProcess]:
        """The program's process. Raises OSError where it cannot be started."""
        program = self.program
        if program.is_forked and self._preloaded is not None:
            async with forked(
                self._preloaded, program.command, program.environment, program.directory, LINE_BYTES_MAX
            ) as process:
                yield process
            return
        yield await asyncio.create_subprocess_exec(
            *program.command,
            env=dict(program.environment),
            cwd=program.directory,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            limit=LINE_BYTES_MAX,
            start_new_session=True,  # Ctrl-C in the terminal reaches Natter alone, which stops all in order
            **program.run_as,
        )

    async def _live(self, process: asyncio.subprocess.Process | ForkedProcess) -> int:
        """Watch a process to its end; returns the exit code."""
        self.pid = process.pid
        assert process.stdout is not None
        reader = asyncio.create_task(self._read(process.stdout))
        watch = asyncio.create_task(self._watch_ready())
        if self._stopping.is_set():  # told to stop while it was being started
            self._signal(self.program.stop_signal)
        try:
            code = await process.wait()
        finally:
            watch.cancel()
            self._signal(signal.SIGKILL)  # what it started and left behind
            self.pid = None
        await asyncio.wait({reader}, timeout=LAST_OUTPUT_SECONDS_MAX)
        reader.cancel()
        return code

    async def _watch_ready(self) -> None:
        while not await self.program.is_ready():
            await asyncio.sleep(READY_POLL_SECONDS)
        self._was_ready = True
        self._ready.set()

    async def _read(self, output: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await output.readuntil()
            except asyncio.IncompleteReadError as end:
                line = end.partial
                if not line:
                    return
            except asyncio.LimitOverrunError as too_long:
                line = await output.readexactly(too_long.consumed)
            text = line.decode(errors="replace").rstrip()
            self._last_lines.append(text)
            self._on_line(self.program.name, text)

    def _signal(self, which: signal.Signals) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):
                if which is signal.SIGKILL:
                    os.killpg(self.pid, which)
                else:
                    os.kill(self.pid, which)

    def _failure(self, reason: str) -> ProgramFailedError:
        return ProgramFailedError(self.program.name, reason, self._last_lines)
