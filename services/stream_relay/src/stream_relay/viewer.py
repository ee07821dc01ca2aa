"""One open stream: a bounded queue that its channel feeds, and the bytes to write, in order, once."""

import asyncio
import random
from collections.abc import AsyncGenerator, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog
from contracts.errors import NatterError

from stream_relay.attach import Asked, Attach, Over, Start
from stream_relay.channel import BUS_AWAY_PAUSE_SECONDS, LAG_PAUSES_SECONDS, Channel
from stream_relay.deltas import Batch, Deltas
from stream_relay.frame_queue import FrameQueue
from stream_relay.frames import HEARTBEAT, Frame, encode, merge_text, retry_block
from stream_relay.metrics import VIEWERS
from stream_relay.rules import EpochGuard, judge_place
from stream_relay.waker import Waker

CHUNK_BYTES_MAX: Final = 64 * 1024
"""Frames that wait are written together, up to about this."""

log = structlog.stdlib.get_logger("stream_relay.viewer")


class Why(StrEnum):
    """Why a stream ended."""

    RUN_ENDED = "run_ended"
    DISCONNECTED = "disconnected"
    TOO_OLD = "too_old"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105  not a token
    TOO_SLOW = "too_slow"
    STOPPING = "stopping"
    FAILED = "failed"


class State(StrEnum):
    CATCHING_UP = "catching_up"
    LIVE = "live"


@dataclass(frozen=True)
class ViewerLimits:
    """Bounds of one viewer; times in seconds."""

    heartbeat_seconds: float
    retry_milliseconds_max: int
    queue_frames_max: int
    queue_bytes_max: int
    end_check_seconds: float


class Viewer:
    """Yields what to write as `chunks`; fed by `offer`, ended by `end`, and sent back to DELTAS when it overflows."""

    def __init__(self, asked: Asked, attach: Attach, deltas: Deltas, limits: ViewerLimits) -> None:
        self.why: Why = Why.DISCONNECTED
        self.wanted = asked.wanted
        self._asked = asked
        self._attach = attach
        self._deltas = deltas
        self._limits = limits
        self._queue = FrameQueue(frames_max=limits.queue_frames_max, bytes_max=limits.queue_bytes_max)
        self._must_attach = False
        self._has_seen_end = False
        self._is_ending = False
        self._ends_at: tuple[float, Why] = (float("inf"), Why.TOO_OLD)
        self._waker = Waker()
        self._state: State | None = None

    # --- what others tell it ----------------------------------------------------------------------------

    def offer(self, frame: Frame) -> None:
        """Take a frame; one too many empties the queue, and the viewer reads from DELTAS what it held."""
        self._queue.offer(frame)

    def attach_again(self) -> None:
        """Have its place judged anew: what is to follow it may be gone."""
        self._must_attach = True
        self.wake()

    def end(self, why: Why) -> None:
        """End the stream at the next chunk."""
        self.why = why
        self._is_ending = True
        self.wake()

    def end_at(self, time: float, why: Why) -> None:
        """End the stream at a time of the loop's clock; the earliest one told counts."""
        self._ends_at = min(self._ends_at, (time, why))

    def wake(self) -> None:
        """Write what was offered, or do what was told."""
        self._waker.wake()

    # --- what it writes ---------------------------------------------------------------------------------

    async def chunks(self, start: Start, channel: Channel) -> AsyncGenerator[bytes]:
        """Yield bytes to write until the stream ends; `why` then says why. Silence is filled with comments."""
        try:
            yield retry_block(self._retry_milliseconds(self._limits.retry_milliseconds_max // 4))
            again: Start | Over | None = start
            while isinstance(again, Start):
                self._must_attach = False
                async for chunk in self._from(again, channel):
                    yield chunk
                again = await self._next_start() if self._must_attach and not self._is_ending else None
            if not self._has_seen_end:
                yield retry_block(self._retry_milliseconds(0))
        except NatterError as error:
            # The browser connects again and is judged again: by then the store or the bus may be back.
            log.warning("viewer.failed", code=error.code)
            self.why = Why.FAILED
        finally:
            self._enter(None)
            self._waker.close()

    async def _next_start(self) -> Start | Over:
        self._queue.empty()
        return await self._attach.start(self._asked.at(self._queue.place))

    async def _from(self, start: Start, channel: Channel) -> AsyncGenerator[bytes]:
        if start.prelude is not None:
            async for block in start.prelude():
                yield block
        if start.is_over:
            self._see_end()
            return
        self._queue.start_at(start.place)
        batch = start.batch
        while not self._must_stop():
            async for chunk in self._catch_up(channel, batch):
                yield chunk
            batch = None
            async for chunk in self._live():
                yield chunk

    async def _catch_up(self, channel: Channel, batch: Batch | None) -> AsyncGenerator[bytes]:
        """Read from DELTAS until nothing is missing before what the channel offers from now on."""
        self._enter(State.CATCHING_UP)
        guard = EpochGuard()
        if late := self._queue.restart():
            yield self._join(late)
        self._queue.read(self._queue.place)
        head = channel.head
        pauses = iter(LAG_PAUSES_SECONDS)
        while not self._must_stop():
            self._now()
            batch = batch or await self._read_on()
            if batch is None:  # the bus is away: nothing else can be done, and nothing is lost
                yield HEARTBEAT
                await asyncio.sleep(BUS_AWAY_PAUSE_SECONDS)  # whatever is offered meanwhile: it cannot be shown yet
                continue
            for chunk in self._encode_past(batch, guard):
                yield chunk
            if batch.is_last and self._queue.has_overflowed:
                self._queue.restart()
                head = channel.head
            elif batch.is_last:
                pause_seconds = next(pauses, None)
                if self._queue.read_to >= head or pause_seconds is None:
                    return  # what is not there by then was removed (a deleted conversation)
                await asyncio.sleep(pause_seconds)
            batch = None

    async def _read_on(self) -> Batch | None:
        """Read on from this viewer's place, unless what follows it has expired meanwhile. None: the bus is away."""
        place = self._queue.read_to
        try:
            batch = await self._deltas.read(self.wanted, from_sequence=place + 1)
            if place and batch.first_sequence != place + 1:
                first = await self._deltas.first_sequence()
                if judge_place(place, found=batch.first_sequence, first=first, last=place):
                    self._must_attach = True
                    return Batch([], is_last=True)
        except NatterError as error:
            log.warning("viewer.read_failed", code=error.code)
            return None
        return batch

    def _encode_past(self, batch: Batch, guard: EpochGuard) -> Iterator[bytes]:
        shown = [
            delta
            for delta in batch.deltas
            if guard.admits(delta.subject, delta.epoch) and delta.sequence > self._queue.read_to
        ]
        if batch.deltas:
            self._queue.read(batch.deltas[-1].sequence)
        frames: list[Frame] = []
        bytes_count = 0
        for frame in map(encode, merge_text(shown)):
            frames.append(frame)
            bytes_count += len(frame.full)
            if bytes_count >= CHUNK_BYTES_MAX:
                yield self._join(frames)
                frames, bytes_count = [], 0
        if chunk := self._join(frames):
            yield chunk

    async def _live(self) -> AsyncGenerator[bytes]:
        """Yield what the channel offers until something else is to be done."""
        self._enter(State.LIVE)
        written_at = quiet_since = self._now()
        while not (self._queue.has_overflowed or self._must_stop()):
            if chunk := self._join(self._queue.take(CHUNK_BYTES_MAX)):
                yield chunk
                written_at = quiet_since = self._now()
                continue
            now = self._now()
            if now - written_at >= self._limits.heartbeat_seconds:
                written_at = now
                yield HEARTBEAT
            elif self.wanted.run_id and now - quiet_since >= self._limits.end_check_seconds:
                quiet_since = now
                async for chunk in self._stored_end():
                    yield chunk
            elif not (self._queue or self._must_stop()):
                await self._waker.wait(min(self._ends_at[0], written_at + self._limits.heartbeat_seconds) - now)

    def _now(self) -> float:
        """The loop's time; a stream whose time is over is told to end."""
        now = asyncio.get_running_loop().time()
        if now >= self._ends_at[0] and not self._is_ending:
            self.end(self._ends_at[1])
        return now

    def _must_stop(self) -> bool:
        return self._has_seen_end or self._is_ending or self._must_attach

    async def _stored_end(self) -> AsyncGenerator[bytes]:
        """Ask the store whether a run that is quiet for long has ended: its end may have been lost with a disk."""
        try:
            start = await self._attach.stored_end(self._asked)
        except NatterError as error:
            log.warning("viewer.end_check_failed", code=error.code)
            return
        if start is not None and start.prelude is not None and not self._queue:
            async for block in start.prelude():
                yield block
            self._see_end()

    def _join(self, frames: list[Frame]) -> bytes:
        if self.wanted.run_id and any(frame.is_terminal for frame in frames):
            self._see_end()
        if self._asked.is_chatkit:
            return b"".join([frame.chatkit for frame in frames])
        return b"".join([frame.full for frame in frames])

    def _see_end(self) -> None:
        self._has_seen_end = True
        self.why = Why.RUN_ENDED

    def _retry_milliseconds(self, least: int) -> int:
        return random.randint(least, max(least, self._limits.retry_milliseconds_max))  # noqa: S311  spreads load

    def _enter(self, state: State | None) -> None:
        if self._state is not None:
            VIEWERS.labels(self._state).dec()
        if state is not None:
            VIEWERS.labels(state).inc()
        self._state = state
