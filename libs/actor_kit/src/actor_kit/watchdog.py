"""Ends a process whose event loop stands still, after it has told where, and on whose account.

Code that does not give the loop back (a loop without `await`, a regular expression that backtracks, a blocking call)
stops everybody whom the process serves, and a health check can only say so. The watchdog

- *tells* after a quarter of its time: the stack of what blocks and of every task go to the log, and the message that
  is being handled is marked (`on_stall`), so that it is known when it comes again;
- *ends* the process after all of it, with the stacks of all threads (exit code 26): its supervisor starts it anew.

Its time is its own: a thread counts the ticks that passed without a beat of the loop, so a process that was suspended
and goes on is not late. What keeps even that thread from running (C code that holds the interpreter's lock, as `re`
does) uses the processor, and is measured by the timers of the processor time, which do not advance in a suspended
process either. The signal handlers are the process's own: SIGPROF tells, SIGVTALRM ends.
"""

import asyncio
import contextlib
import ctypes
import faulthandler
import signal
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable
from contextvars import ContextVar
from types import FrameType
from typing import Any, Final

import structlog

log = structlog.get_logger()

TICKS: Final = 20
"""How many ticks without a beat end the process; a quarter of them make it tell."""
BEATS_PER_TICK: Final = 4
STALLED_EXIT_CODE: Final = int(signal.SIGVTALRM)
"""How a process ends that the watchdog ended: 26."""
TELLING_SECONDS_MAX: Final = 3.0
TASKS_LOGGED_MAX: Final = 100
AWAITS_LOGGED_MAX: Final = 30

OnStall = Callable[[], Awaitable[None]]

_on_stall: ContextVar[OnStall | None] = ContextVar("on_stall", default=None)


def on_stall(callback: OnStall) -> None:
    """Await ``callback`` if code of this context, or of a task that it starts, stalls the loop.

    It runs in a thread and a loop of its own, for at most `TELLING_SECONDS_MAX`: it must open what it needs.
    """
    _on_stall.set(callback)


class Watchdog:
    """``with Watchdog(loop, seconds_max):`` in the main thread of a process, once; 0 seconds turns it off."""

    def __init__(self, loop: asyncio.AbstractEventLoop, seconds_max: float) -> None:
        self._loop = loop
        self._seconds_max = seconds_max
        self._tick_seconds = seconds_max / TICKS
        self._beats = 0
        self._told_of_beat = 0
        self._stopped = threading.Event()

    def __enter__(self) -> None:
        if self._seconds_max == 0:
            return
        # From the kernel to `_exit`, with no Python between, which may not be able to run; and not by the signal's
        # default action, which the first process of a container ignores. `faulthandler` writes the stacks before.
        libc = ctypes.CDLL(None)
        libc.signal(signal.SIGVTALRM, ctypes.cast(libc._exit, ctypes.c_void_p))  # noqa: SLF001  its name in C
        faulthandler.register(signal.SIGVTALRM, file=sys.stderr, all_threads=True, chain=True)
        signal.signal(signal.SIGPROF, self._tell)
        self._arm()
        self._beat()
        threading.Thread(target=self._watch, name="watchdog", daemon=True).start()

    def __exit__(self, *_error: object) -> None:
        self._stopped.set()
        for timer in (signal.ITIMER_PROF, signal.ITIMER_VIRTUAL):
            signal.setitimer(timer, 0)

    def _arm(self) -> None:
        """Let the timers of the processor time begin anew."""
        signal.setitimer(signal.ITIMER_PROF, self._seconds_max / 4)
        signal.setitimer(signal.ITIMER_VIRTUAL, self._seconds_max)

    def _beat(self) -> None:
        self._beats += 1
        if not self._stopped.is_set():
            self._loop.call_later(self._tick_seconds / BEATS_PER_TICK, self._beat)

    def _watch(self) -> None:
        seen, ticks_still = 0, 0
        while not self._stopped.wait(self._tick_seconds):
            if self._beats != seen:
                seen, ticks_still = self._beats, 0
                self._arm()
                continue
            ticks_still += 1
            if ticks_still == TICKS // 4:
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGPROF)
            elif ticks_still >= TICKS:
                with contextlib.suppress(Exception):
                    log.error("loop.stalled_too_long", seconds=self._seconds_max, tasks=_tasks(self._loop))
                signal.raise_signal(signal.SIGVTALRM)

    def _tell(self, _signal: int, frame: FrameType | None) -> None:
        """Python calls this in the main thread, between two steps of what blocks it, and in its context."""
        if self._told_of_beat == self._beats or self._stopped.is_set():
            return
        self._told_of_beat = self._beats
        # Whatever fails here (a log that cannot be written, say) must not be raised into the code that was interrupted.
        with contextlib.suppress(Exception):
            stack = traceback.format_stack(frame)
            log.error("loop.stalled", seconds=self._seconds_max / 4, stack="".join(stack), tasks=_tasks(self._loop))
        callback = _on_stall.get()
        if callback is not None:
            with contextlib.suppress(Exception):
                telling = threading.Thread(target=_run, args=(callback,), name="telling", daemon=True)
                telling.start()
                telling.join(TELLING_SECONDS_MAX)


def _run(callback: OnStall) -> None:
    async def bounded() -> None:
        async with asyncio.timeout(TELLING_SECONDS_MAX):
            await callback()

    try:
        asyncio.run(bounded())
    except Exception as error:  # noqa: BLE001  the process ends all the same
        log.warning("loop.stall_not_told", error=repr(error))


def _tasks(loop: asyncio.AbstractEventLoop) -> list[str]:
    """Each task with the chain of what it awaits, from the outside in."""
    return [f"{task.get_name()}: {_awaits(task)}" for task in list(asyncio.all_tasks(loop))[:TASKS_LOGGED_MAX]]


def _awaits(task: asyncio.Task[Any]) -> str:
    places: list[str] = []
    awaited: Any = task.get_coro()
    while (frame := getattr(awaited, "cr_frame", None)) is not None and len(places) < AWAITS_LOGGED_MAX:
        places.append(f"{frame.f_code.co_qualname} ({frame.f_code.co_filename}:{frame.f_lineno})")
        awaited = awaited.cr_await
    return " > ".join(places)
