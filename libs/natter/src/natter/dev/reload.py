"""Has the runner started anew when a file of the project changes. What it was answering, its successor goes on with."""

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

from contracts.services import Service

from natter.data_directory import DataDirectory

LOOK_SECONDS = 0.5
WATCHED = frozenset({".py", ".toml", ".json", ".md", ".txt", ".yaml", ".yml"})
NOT_OURS = frozenset({"node_modules", "__pycache__", "venv", "site-packages", "dist", "build"})
FILES_MAX = 5_000


class Reloader:
    """Watches a directory in a thread of its own, by the times of its files."""

    def __init__(self, project: Path, directory: DataDirectory, say: Callable[[str], None]) -> None:
        self._project = project
        self._directory = directory
        self._say = say
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="reload", daemon=True)

    def __enter__(self) -> "Reloader":
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._stop.set()
        self._thread.join(LOOK_SECONDS * 2)

    def _watch(self) -> None:
        seen = self._times()
        while not self._stop.wait(LOOK_SECONDS):
            now = self._times()
            changed = sorted(path for path in now.keys() | seen.keys() if now.get(path) != seen.get(path))
            seen = now
            if changed:
                more = f" and {len(changed) - 1} more" if len(changed) > 1 else ""
                self._say(f"{changed[0]}{more} changed: the runner starts anew")
                restart_runners(self._directory)

    def _times(self) -> dict[str, int]:
        times: dict[str, int] = {}
        for path in _files(self._project):
            with suppress(OSError):  # it was removed just now
                times[str(path.relative_to(self._project))] = path.stat().st_mtime_ns
            if len(times) == FILES_MAX:
                break
        return times


def restart_runners(directory: DataDirectory) -> None:
    """Tell the runners to end: they give back what they have, and `natter up` starts them again."""
    state = directory.read_state()
    for name, pid in (state.processes if state else {}).items():
        if name.partition(".")[0] == Service.AGENT_RUNNER and pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)


def _files(directory: Path) -> Iterator[Path]:
    with suppress(OSError):
        for path in sorted(directory.iterdir()):
            if path.name.startswith(".") or path.name in NOT_OURS or path.is_symlink():
                continue
            if path.is_dir():
                yield from _files(path)
            elif path.suffix in WATCHED:
                yield path
