"""Processes that an earlier `natter up` left behind when it was killed.

Every process of a stack, and all that it starts, carries the stack's data directory in its environment. Who holds the
lock of the directory (data_directory.py) may stop whatever still carries it: nothing else can be meant.
"""

import contextlib
import os
import signal
from pathlib import Path

import psutil

MARKER = "NATTER_STACK"
STOP_SECONDS_MAX = 5.0


def marker(root: Path) -> dict[str, str]:
    """The environment variable that marks the processes of the stack in this data directory."""
    return {MARKER: str(root.resolve())}


def find_orphans(root: Path) -> list[psutil.Process]:
    """The running processes of this stack, apart from the caller and what started it."""
    mine = str(root.resolve())
    ancestors = {os.getpid(), *(parent.pid for parent in psutil.Process().parents())}
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid not in ancestors and process.environ().get(MARKER) == mine:
                found.append(process)
    return found


def stop_orphans(root: Path) -> list[str]:
    """Stop what an earlier stack left in this data directory, gently first; return the names of what was stopped."""
    found = find_orphans(root)
    names: list[str] = []
    for process in found:
        with contextlib.suppress(psutil.Error):
            names.append(f"{process.name()} ({process.pid})")
            # For Postgres SIGTERM waits for its clients to leave; SIGINT disconnects them.
            process.send_signal(signal.SIGINT if process.name() == "postgres" else signal.SIGTERM)
    _gone, alive = psutil.wait_procs(found, STOP_SECONDS_MAX)
    for process in alive:
        with contextlib.suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(alive, 1.0)
    return names
