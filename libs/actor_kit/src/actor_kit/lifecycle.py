"""A process's life: start, run until SIGTERM or SIGINT, stop in order."""

import asyncio
import gc
import resource
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import TypeVar

import structlog
import uvloop
from contracts.errors import NatterError
from contracts.services import Service
from pydantic import ValidationError

from actor_kit.settings import ServiceSettings
from actor_kit.telemetry import configure_logging
from actor_kit.tracing import configure_tracing, stop_tracing
from actor_kit.watchdog import Watchdog

log = structlog.get_logger()

SettingsT = TypeVar("SettingsT", bound=ServiceSettings)
Main = Callable[[asyncio.Event], Awaitable[None]]

GARBAGE_THRESHOLDS = (10_000, 10, 10)
"""Nearly all that a service makes dies with its last reference; what is left to find are cycles, of which a run or a
connection leaves some thousand objects. Python's own thresholds have a busy runner look for them in a ninth of its
time, and a relay stop for half a second of CPU ten times while 5 000 viewers (750 000 objects) connect. With these a
full collection comes once per million objects."""
STOPS_PER_DRAIN = 2
"""A service drains its work, then its connection; what takes longer than both is cancelled."""


def run_until_stopped(service: Service, settings: ServiceSettings, main: Main) -> None:
    """Run ``main(stop)`` on uvloop; SIGTERM or SIGINT sets ``stop``, and main closes what it opened.

    A main that does not see it (it still waits for NATS at its start) is cancelled after twice the drain timeout.
    Exits with 1 and one line of log where the service cannot start.
    """
    configure_logging(str(service), settings)
    configure_tracing(str(service), settings)
    _allow_many_open_files()
    # What the imports made lives as long as the process. Frozen, no collection looks at it again: those while deltas
    # flow are shorter, and the one at exit no longer takes a second of the few that a stop may take.
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)
    gc.enable()  # disabled by `__main__` while it imports
    try:
        uvloop.run(_run(main, settings))
    except NatterError as error:
        log.error("service.cannot_run", code=error.code, detail=error.detail)  # noqa: TRY400  a reason, not a bug
        sys.exit(1)
    finally:
        stop_tracing()
        gc.freeze()


def _allow_many_open_files() -> None:
    """Raise the soft limit (often 1024, one per connection) to the hard one, which is what an operator decides."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS calls its limit infinite, and refuses it
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


async def _run(main: Main, settings: ServiceSettings) -> None:
    loop = asyncio.get_running_loop()
    with Watchdog(loop, settings.loop_stall_seconds_max):
        await _run_watched(main, settings.drain_timeout_seconds * STOPS_PER_DRAIN)


async def _run_watched(main: Main, stop_seconds_max: float) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    log.info("service.starting")
    running = asyncio.ensure_future(main(stop))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({running, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if not running.done():
        await asyncio.wait({running}, timeout=stop_seconds_max)
    if not running.done():  # it waits for a server that never came, say
        log.warning("service.cancelled", seconds=stop_seconds_max)
        running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    log.info("service.stopped")


def load_settings(settings_type: type[SettingsT]) -> SettingsT:
    """Read the settings, or exit with 2 and a line per setting that is wrong or missing (never its value)."""
    try:
        return settings_type()
    except ValidationError as error:
        for problem in error.errors(include_input=False, include_url=False, include_context=False):
            name = "_".join(str(part) for part in problem["loc"]).upper() or "settings"
            sys.stderr.write(f"{name}: {problem['msg']}\n")
        sys.exit(2)
