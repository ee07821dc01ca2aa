"""A whole Natter as a child process, the way a person starts it."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import psutil
from natter import tokens
from natter.data_directory import DataDirectory, StackState
from natter.supervision.orphans import find_orphans, stop_orphans

from natter_testing.servers import die_with_parent
from natter_testing.settings import Settings

READY_SECONDS_MAX = 90.0
STOP_SECONDS_MAX = 12.0
LINES_SHOWN_MAX = 100
WITHOUT_WEB = ("--no-web", "--edge-port", "0", "--relay-port", "0")


class NotReadyError(Exception):
    """`natter up` ended, or took too long; the text has what it said."""


@dataclass
class Natter:
    """A `natter up` that runs, whoever started it: its data directory, and the address of its web app."""

    data_dir: Path
    url: str = ""

    @property
    def state(self) -> StackState:
        """What `stack.json` says now: addresses, process ids."""
        state = DataDirectory.open(self.data_dir).read_state()
        assert state is not None
        return state

    @property
    def edge_url(self) -> str:
        return self.state.edge_urls[0]

    @property
    def relay_url(self) -> str:
        return self.state.relay_urls[0]

    def token(self, user: str, ttl_seconds: int = 900) -> str:
        """What `natter token --user …` prints."""
        return tokens.mint(DataDirectory.open(self.data_dir), user, ttl_seconds)

    def headers(self, user: str) -> dict[str, str]:
        """The request headers of a user."""
        return {"Authorization": f"Bearer {self.token(user)}"}

    def pid(self, name: str) -> int:
        """The process id of a service, for instance `agent_runner` or `agent_runner.2`."""
        found = self.state.processes.get(name)
        assert found is not None, f"{name} is not running"
        return found

    def kill(self, name: str) -> None:
        """Kill a service as a crash would; the supervisor starts it again."""
        os.kill(self.pid(name), signal.SIGKILL)


@dataclass
class RunningNatter(Natter):
    """A `natter up` of one's own that printed `ready`. `output` has all its lines, of standard output and error."""

    process: subprocess.Popen[str] = field(kw_only=True)
    output: list[str] = field(default_factory=list[str])
    readers: list[threading.Thread] = field(default_factory=list[threading.Thread])

    def stop(self, how: signal.Signals = signal.SIGTERM) -> float:
        """Stop it as a person would, and return how many seconds that took. Raises subprocess.TimeoutExpired."""
        began = time.monotonic()
        self.process.send_signal(how)
        self.process.wait(STOP_SECONDS_MAX)
        for reader in self.readers:
            reader.join(1)
        return time.monotonic() - began

    def close(self) -> None:
        """Close the pipes of a process that has ended."""
        for reader in self.readers:
            reader.join(1)
        for stream in (self.process.stdout, self.process.stderr):
            if stream is not None:
                stream.close()

    def processes_left(self) -> list[psutil.Process]:
        """Processes of this stack that run though they should not."""
        return find_orphans(self.data_dir)


@contextlib.contextmanager
def natter_up(
    data_dir: Path, *arguments: str, environment: Mapping[str, str] | None = None
) -> Generator[RunningNatter]:
    """Run `natter up` on a data directory until the block ends; without arguments, without the web app on free ports.

    Raises NotReadyError.
    """
    natter = start(data_dir, arguments or WITHOUT_WEB, environment or {})
    try:
        _wait_until_ready(natter)
        yield natter
    finally:
        if natter.process.poll() is None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                natter.stop()
        if natter.process.poll() is None:
            natter.process.kill()
            natter.process.wait()
        stop_orphans(data_dir)
        natter.close()
        sys.stdout.write("\n".join(natter.output[-LINES_SHOWN_MAX:]))  # pytest shows it when the test failed


def start(data_dir: Path, arguments: Sequence[str], environment: Mapping[str, str]) -> RunningNatter:
    """Start `natter up`; its lines are read as they come."""
    process = subprocess.Popen(
        [*die_with_parent(), sys.executable, "-m", "natter", "up", "--data-dir", str(data_dir), *arguments],
        env={**Settings().inherited, **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
    )
    natter = RunningNatter(data_dir, process=process)
    for stream in (process.stdout, process.stderr):
        assert stream is not None
        reader = threading.Thread(target=_read, args=(stream, natter.output), daemon=True)
        reader.start()
        natter.readers.append(reader)
    return natter


def _read(stream: IO[str], lines: list[str]) -> None:
    lines.extend(line.rstrip("\n") for line in stream)


def _wait_until_ready(natter: RunningNatter) -> None:
    deadline = time.monotonic() + READY_SECONDS_MAX
    while time.monotonic() < deadline:
        ended = natter.process.poll() is not None
        for line in natter.output:
            if line.startswith("ready http"):
                natter.url = line.removeprefix("ready ")
                return
        if ended:
            break
        time.sleep(0.02)
    said = "\n".join(natter.output[-LINES_SHOWN_MAX:])
    raise NotReadyError(f"natter up is not ready (exit code {natter.process.poll()}); it said:\n{said}")
