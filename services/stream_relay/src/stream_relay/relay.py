"""The open streams of this process: how many there may be, how long each lives, and how they end."""

import asyncio
import random
import time
from collections import Counter
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from contracts.errors import Code, RetryableError
from identity import Principal as Caller

from stream_relay.attach import Asked, Attach, Over, Start
from stream_relay.channel import Channel
from stream_relay.deltas import Deltas
from stream_relay.hub import Hub
from stream_relay.metrics import ENDS
from stream_relay.patience import patiently
from stream_relay.settings import Settings
from stream_relay.viewer import Viewer, ViewerLimits, Why

AGE_JITTER: Final = 0.1
LEAST_SECONDS: Final = 1.0
"""A token that expires at once (it was accepted within the leeway) still gets this long."""


@dataclass(frozen=True)
class Stream:
    """An open stream. Whoever opened it calls `Relay.close` with it."""

    caller: Caller
    viewer: Viewer
    channel: Channel
    start: Start


class Relay:
    """Opens and closes streams within the limits of the settings."""

    def __init__(self, hub: Hub, attach: Attach, deltas: Deltas, settings: Settings) -> None:
        self._hub = hub
        self._attach = attach
        self._deltas = deltas
        self._settings = settings
        self._viewers: set[Viewer] = set()
        self._streams_of: Counter[str] = Counter()
        self.is_stopping = False
        self._limits = ViewerLimits(
            heartbeat_seconds=settings.relay_heartbeat_seconds,
            retry_milliseconds_max=settings.relay_retry_milliseconds_max,
            queue_frames_max=settings.relay_queue_frames_max,
            queue_bytes_max=settings.relay_queue_bytes_max,
            end_check_seconds=settings.relay_audit_seconds,
        )

    async def open(self, caller: Caller, asked: Asked) -> Stream | Over:
        """Open a stream, or say that it is over.

        Raises TerminalError (forbidden, not_found), RetryableError (too_many_streams, overloaded,
        store_unavailable, bus_unavailable, deadline_exceeded).
        """
        self._take_place(caller.user_id)
        viewer = Viewer(asked, self._attach, self._deltas, self._limits)
        async with AsyncExitStack() as undo:
            undo.callback(self._give_place, caller.user_id)
            channel = await self._hub.join(asked.wanted, viewer)
            undo.push_async_callback(self._hub.leave, channel, viewer)
            start = await patiently(lambda: self._attach.start(asked))
            if isinstance(start, Over):
                return start
            await asyncio.shield(channel.settled)
            undo.pop_all()
        self._schedule_end(caller, viewer)
        self._viewers.add(viewer)
        if self.is_stopping:
            viewer.end(Why.STOPPING)  # it began while the others were told
        return Stream(caller, viewer, channel, start)

    async def close(self, stream: Stream, why: Why | None = None) -> None:
        """Give back what the stream took."""
        self._viewers.discard(stream.viewer)
        self._give_place(stream.caller.user_id)
        ENDS.labels(why or stream.viewer.why).inc()
        await self._hub.leave(stream.channel, stream.viewer)

    def stop(self) -> None:
        """Open nothing more, and have every viewer connect again, elsewhere."""
        self.is_stopping = True
        for viewer in [*self._viewers]:
            viewer.end(Why.STOPPING)

    def _take_place(self, user_id: str) -> None:
        if self.is_stopping or self._streams_of.total() >= self._settings.relay_viewers_max:
            raise RetryableError(Code.OVERLOADED, "This relay takes no more streams right now.")
        if self._streams_of[user_id] >= self._settings.relay_streams_per_user_max:
            raise RetryableError(
                Code.TOO_MANY_STREAMS,
                f"At most {self._settings.relay_streams_per_user_max} streams may be open at once.",
                retry_after_seconds=5,
            )
        self._streams_of[user_id] += 1

    def _give_place(self, user_id: str) -> None:
        self._streams_of[user_id] -= 1
        if not self._streams_of[user_id]:
            del self._streams_of[user_id]

    def _schedule_end(self, caller: Caller, viewer: Viewer) -> None:
        now = asyncio.get_running_loop().time()
        jitter = random.uniform(1 - AGE_JITTER, 1 + AGE_JITTER)  # noqa: S311  spreads load, guards nothing
        viewer.end_at(now + self._settings.relay_age_seconds_max * jitter, Why.TOO_OLD)
        valid_seconds = max(caller.expires_at.timestamp() - time.time(), LEAST_SECONDS)
        viewer.end_at(now + valid_seconds, Why.TOKEN_EXPIRED)
