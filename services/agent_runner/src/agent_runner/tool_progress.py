"""How far a running tool call is, shown in its entry: now and then, and in few words."""

import asyncio
import math
from contextlib import suppress
from dataclasses import dataclass

from contracts.text import storable

from agent_runner.publisher import FencedError
from agent_runner.transcript import Transcript

UPDATE_SECONDS_MIN = 0.5
PROGRESS_CHARACTERS_MAX = 80


@dataclass
class Progress:
    """The progress callback of one call. What comes too soon is shown a little later, if nothing newer has come."""

    transcript: Transcript
    call_id: str
    _latest: str = ""
    _next_at: float = 0.0
    _timer: asyncio.TimerHandle | None = None

    async def __call__(self, progress: float, total: float | None, message: str | None) -> None:
        self._latest = progress_note(progress, total, message)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(self._next_at, loop.time()), self._show)

    def close(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _show(self) -> None:
        self._timer = None
        self._next_at = asyncio.get_running_loop().time() + UPDATE_SECONDS_MIN
        with suppress(FencedError):  # the run is another's: whoever is asked next hears of it
            self.transcript.tool_noted(self.call_id, self._latest)


def progress_note(progress: float, total: float | None, message: str | None) -> str:
    """A few words: a share where the whole is known, and what the tool says of it."""
    words = " ".join(storable(message or "").split())
    if len(words) > PROGRESS_CHARACTERS_MAX:
        words = f"{words[: PROGRESS_CHARACTERS_MAX - 1]}…"
    if total and math.isfinite(progress / total):
        return f"{min(max(progress / total, 0), 1):.0%} {words}".strip()
    return words or f"{progress:g}"
