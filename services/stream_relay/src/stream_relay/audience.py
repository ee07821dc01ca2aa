"""The viewers of a channel: each is offered every frame, and a crowd is written to together."""

import asyncio
from typing import Final, Protocol

from stream_relay.frames import Frame

CROWD_MIN: Final = 100
PACE_SECONDS_PER_VIEWER: Final = 0.00005
PACE_SECONDS_MAX: Final = 0.05
"""A crowd is written to at most this often: one write of several frames costs each viewer what one of one does."""


class Listener(Protocol):
    """A viewer, as its channel knows it. No call may block or raise."""

    def offer(self, frame: Frame) -> None: ...

    def wake(self) -> None:
        """Write what was offered."""
        ...

    def attach_again(self) -> None:
        """Have its place judged anew."""
        ...


class Audience:
    """A set of listeners."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._pacing: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._listeners)

    def add(self, listener: Listener) -> None:
        self._listeners.add(listener)

    def discard(self, listener: Listener) -> None:
        self._listeners.discard(listener)

    def offer(self, frame: Frame) -> None:
        """Offer a frame to each, and wake them: at once, or where they are many, soon and for several frames."""
        for listener in self._listeners:
            listener.offer(frame)
        if len(self._listeners) < CROWD_MIN:
            self._wake_all()
        elif self._pacing is None:
            pace_seconds = min(len(self._listeners) * PACE_SECONDS_PER_VIEWER, PACE_SECONDS_MAX)
            self._pacing = asyncio.get_running_loop().call_later(pace_seconds, self._wake_all)

    def attach_again(self) -> None:
        """Have every listener's place judged anew."""
        for listener in self._listeners:
            listener.attach_again()

    def close(self) -> None:
        """Wake nobody any more."""
        if self._pacing is not None:
            self._pacing.cancel()

    def _wake_all(self) -> None:
        self._pacing = None
        for listener in self._listeners:
            listener.wake()
