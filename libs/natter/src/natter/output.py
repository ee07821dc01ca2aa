"""What `natter up` shows: progress, and each service's lines behind its name; standard output has `ready` alone.

Lines are written by a thread of their own, so that a terminal or a pipe that nobody reads cannot hold up the services.
"""

import logging
import queue
import sys
import threading
from logging.handlers import RotatingFileHandler
from pathlib import Path

from rich.console import Console
from rich.status import Status
from rich.text import Text

from natter.log_lines import COLOURS as LEVEL_COLOURS
from natter.log_lines import LEVELS, as_json, is_below, read_line

WAITING_LINES_MAX = 10_000
LOG_FILE_BYTES_MAX = 5 * 1024 * 1024
LOG_FILES_KEPT = 1
LAST_LINES_SECONDS_MAX = 1.0
NAME_WIDTH = 18
COLOURS = ("cyan", "green", "magenta", "yellow", "blue", "bright_cyan", "bright_green", "bright_magenta")


class Output:
    """Shows lines on standard error and keeps them in `<logs>/<name>.log`."""

    def __init__(self, logs: Path, *, log_format: str | None = None, level: str = "info") -> None:
        """``log_format``: "json" or "console"; None: as suits where lines go. ``level``: the lowest that is told."""
        self.console = Console(stderr=True, highlight=False, soft_wrap=True)
        self.log_format = log_format or ("console" if self.console.is_terminal else "json")
        self._level = level if level in LEVELS else "info"
        self._logs = logs
        self._lines: queue.Queue[tuple[str, str, bool] | None] = queue.Queue(WAITING_LINES_MAX)
        self._dropped = 0
        self._files: dict[str, RotatingFileHandler] = {}
        self._colours: dict[str, str] = {}
        self._status: Status | None = None
        logs.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._writer = threading.Thread(target=self._write, name="output", daemon=True)
        self._writer.start()

    def line(self, name: str, text: str, *, is_secret: bool = False) -> None:
        """Show one line of a service, and keep it unless it holds a secret.

        Never blocks: when the reader is too slow, lines are left out and counted.
        """
        try:
            self._lines.put_nowait((name, text, not is_secret))
        except queue.Full:
            self._dropped += 1

    def progress(self, text: str) -> None:
        """Say what is being done now: a spinner on a terminal, else a line."""
        if not self.console.is_terminal:
            self.line("natter", text)
        elif self._status is None:
            self._status = self.console.status(text)
            self._status.start()
        else:
            self._status.update(text)

    def ready(self, url: str) -> None:
        """Print the line that says that a message would be answered."""
        self.end_progress()
        sys.stdout.write(f"ready {url}\n")
        sys.stdout.flush()

    def end_progress(self) -> None:
        """Take the spinner away."""
        if self._status is not None:
            self._status.stop()
            self._status = None

    def close(self) -> None:
        """Write what is waiting, for a bounded time."""
        self.end_progress()
        try:
            self._lines.put(None, timeout=LAST_LINES_SECONDS_MAX)
        except queue.Full:
            return
        self._writer.join(LAST_LINES_SECONDS_MAX)

    def _write(self) -> None:
        while (entry := self._lines.get()) is not None:
            name, text, is_kept = entry
            line = read_line(name, text) if is_kept else None
            if line is not None and is_below(line.level, self._level):
                continue
            if line is not None and self.log_format == "json":
                text = as_json(name, line)
            if is_kept:
                self._keep(name, text)
            self._show(name, text, LEVEL_COLOURS.get(line.level) if line else None)
            if self._dropped:
                count, self._dropped = self._dropped, 0
                self._show("natter", f"{count} lines were left out: nobody read them fast enough")
        for file in self._files.values():
            file.close()

    def _show(self, name: str, text: str, style: str | None = None) -> None:
        colour = self._colours.setdefault(name, COLOURS[len(self._colours) % len(COLOURS)])
        prefix = Text(f"{name:<{NAME_WIDTH}} │ ", style=colour)
        try:
            self.console.print(prefix + Text.from_ansi(text, style=style or ""))
        except OSError:  # the terminal is gone; the files still have everything
            return

    def _keep(self, name: str, text: str) -> None:
        file = self._files.get(name)
        if file is None:
            path = self._logs / f"{name}.log"
            file = RotatingFileHandler(path, maxBytes=LOG_FILE_BYTES_MAX, backupCount=LOG_FILES_KEPT, encoding="utf-8")
            self._files[name] = file
        file.emit(logging.LogRecord(name, logging.INFO, "", 0, text, None, None))
