"""What can be run, and the error of one that could not."""

import asyncio
import signal
import urllib.request
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from http.client import HTTPException
from pathlib import Path

from natter.servers.postgres import RunAs

PROBE_SECONDS_MAX = 2.0
# Not httpx: its client loads certificates (20 ms of a core), and each program that starts is asked 20 times a second.
_without_proxy = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Program:
    """A program that runs until it is told to stop.

    `is_ready` is asked again and again while it starts. `stop_signal` asks it to end; after `stop_seconds_max` it is
    killed, with everything that it started. One that `is_forked` has the command ``[python, "-m", module, …]``, and
    starts from the process that has imported its libraries (preloaded.py).
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(repr=False)
    is_ready: Callable[[], Awaitable[bool]]
    directory: Path | None = None
    run_as: RunAs = field(default_factory=RunAs)
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds_max: float = 2.0
    is_forked: bool = False

    @property
    def group(self) -> str:
        """The name that replicas share: `agent_runner` of `agent_runner.2`."""
        return self.name.partition(".")[0]


class ProgramFailedError(Exception):
    """A program did not start, or kept dying. `reason` is a sentence, `last_lines` what it said last."""

    def __init__(self, name: str, reason: str, last_lines: Sequence[str]) -> None:
        super().__init__(f"{name} {reason}")
        self.name = name
        self.reason = reason
        self.last_lines = tuple(last_lines)


def in_a_thread(probe: Callable[[], bool]) -> Callable[[], Awaitable[bool]]:
    """Make a probe that blocks usable as `is_ready`."""

    async def is_ready() -> bool:
        return await asyncio.to_thread(probe)

    return is_ready


def answers_ok(url: str) -> Callable[[], Awaitable[bool]]:
    """Ready when a GET of this URL is answered with a status below 400."""

    def probe() -> bool:
        try:
            with _without_proxy.open(url, timeout=PROBE_SECONDS_MAX):
                return True
        except (OSError, HTTPException):
            return False

    return in_a_thread(probe)
