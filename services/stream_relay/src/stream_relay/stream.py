"""One open stream, in one loop: attach → (stored) → history ⇄ join → live → end. The README has it as a drawing."""

import asyncio
import random
from collections.abc import AsyncGenerator, Iterable, Iterator
from dataclasses import dataclass, replace
from enum import Enum, StrEnum
from typing import Final

import structlog
from contracts.errors import NatterError
from contracts.events import Reset

from stream_relay.channel import BUS_AWAY_PAUSE_SECONDS, LAG_PAUSES_SECONDS, Channel
from stream_relay.history import Attach, Batch, Start, StreamRequest
from stream_relay.metrics import CATCH_UP_SECONDS, OVERFLOWS, RESETS, RESUME_GAP_DELTAS, VIEWERS
from stream_relay.rules import ChatKitTurn, EpochGuard, FrameQueue, judge_place
from stream_relay.translate import (
    HEARTBEAT,
    Frame,
    encode,
    end_block,
    item_block,
    merge_text,
    place_frame,
    reset_block,
    retry_block,
)

CHUNK_BYTES_MAX: Final = 64 * 1024
"""Frames that wait are written together, up to about this."""

log = structlog.stdlib.get_logger("stream_relay.stream")


class Why(StrEnum):
    """Why a stream ended."""

    RUN_ENDED = "run_ended"
    DISCONNECTED = "disconnected"
    TOO_OLD = "too_old"
    TOKEN_EXPIRED = "token_expired"  # noqa: S105  not a token
    TOKEN_REVOKED = "token_revoked"  # noqa: S105  not a token
    TOO_SLOW = "too_slow"
    STOPPING = "stopping"
    FAILED = "failed"


class State(Enum):
    """What a stream does next. In every state its channel may offer frames to the queue."""

    ATTACH = "find where to begin"
    STORED = "write what DELTAS no longer has, from the store"
    HISTORY = "read DELTAS, while live frames wait in the queue"
    JOIN = "check that nothing is missing between what was read and what waits"
    LIVE = "write live frames"
    END = "tell the browser when to come back"


Step = tuple[Iterable[bytes], State]
"""What to write, and the state after it."""


@dataclass(frozen=True)
class Limits:
    """Bounds of one stream; times in seconds."""

    heartbeat_seconds: float
    retry_milliseconds_max: int
    queue_frames_max: int
    queue_bytes_max: int
    end_check_seconds: float


class CatchUp:
    """What a stream remembers while it reads history: ``head`` is the channel's when the queue began to fill."""

    __slots__ = ("guard", "head", "pauses")

    def __init__(self, head: int) -> None:
        self.head = head
        self.guard = EpochGuard()
        self.pauses = iter(LAG_PAUSES_SECONDS)


class Stream:
    """One viewer's stream: `chunks` yields what to write, its channel offers it frames, and others may `end` it.

    Call `open` first, which finds where it begins, before the answer's status is sent. Then the channel must settle,
    then `chunks` can be read.
    """

    def __init__(self, asked: StreamRequest, attach: Attach, limits: Limits) -> None:
        self.wanted = asked.wanted
        self.why = Why.DISCONNECTED
        self._asked = asked
        self._attach = attach
        self._limits = limits
        self._queue = FrameQueue(frames_max=limits.queue_frames_max, bytes_max=limits.queue_bytes_max)
        self._waker = Waker()
        self._must_attach = self._is_ending = False
        self._ends_at: tuple[float, Why] = (float("inf"), Why.TOO_OLD)
        self._start: Start | None = None
        self._batch: Batch | None = None
        self._catch_up: CatchUp | None = None
        self._written_at = self._quiet_since = 0.0
        self._counted: str | None = None
        is_turn = asked.is_chatkit and asked.wanted.run_id is not None
        self._turn = ChatKitTurn(asked.wait, begins=not asked.place) if is_turn else None
        self._caught_up_from: float | None = None
        self._missed_count = 0

    # --- called by its channel and by the routes ----------------------------------------------------------------

    def offer(self, frame: Frame) -> None:
        """Take a frame. If the queue overflows it is emptied, and the stream reads those frames from DELTAS."""
        if self._queue.offer(frame):
            OVERFLOWS.inc()

    def attach_again(self) -> None:
        """Check again whether the stream can go on from its place: what follows may have expired."""
        self._must_attach = True
        self.wake()

    def end(self, why: Why) -> None:
        """End as soon as the current write is done."""
        self.why = why
        self._is_ending = True
        self.wake()

    def end_at(self, time: float, why: Why) -> None:
        """End at a time of the loop's clock; of several calls the earliest time counts."""
        self._ends_at = min(self._ends_at, (time, why))

    def wake(self) -> None:
        """Make the loop look at what was offered or asked for."""
        self._waker.wake()

    # --- the loop -----------------------------------------------------------------------------------------------

    async def open(self) -> bool:
        """Find where to begin. False: the viewer has seen the end already. Raises TerminalError, RetryableError."""
        self._start = await self._attach.start(self._asked)
        return self._start is not None

    async def chunks(self, channel: Channel) -> AsyncGenerator[bytes]:
        """Yield bytes to write until the stream ends; `why` then says why. Comments keep a silent connection open."""
        try:
            self._caught_up_from = self._now()
            yield self._retry(self._limits.retry_milliseconds_max // 4)
            state = State.ATTACH
            while state is not State.END:
                self._count(state)
                match state:
                    case State.ATTACH:
                        chunks, state = await self._find_start()
                    case State.STORED:
                        chunks, state = await self._tell_stored()
                    case State.HISTORY:
                        chunks, state = await self._read_history(channel)
                    case State.JOIN:
                        chunks, state = await self._join()
                    case State.LIVE:
                        chunks, state = await self._follow()
                for chunk in chunks:
                    yield chunk
                state = self._next_state(state)
            if self.why is not Why.RUN_ENDED:
                yield self._retry(0)
        except NatterError as error:
            # The browser connects again, and by then the store or the bus may be back.
            log.warning("stream.failed", code=error.code)
            self.why = Why.FAILED
        finally:
            self._count(None)
            self._waker.close()

    def _next_state(self, state: State) -> State:
        """Return the state that follows: END or ATTACH if that was asked for, or the stream's time is over."""
        if state is State.END:
            self.why = Why.RUN_ENDED
            return state
        ends_at, why = self._ends_at
        if not self._is_ending and self._now() >= ends_at:
            self.end(why)
        if self._is_ending:
            return State.END
        return State.ATTACH if self._must_attach and state is not State.STORED else state

    # --- its states ---------------------------------------------------------------------------------------------

    async def _find_start(self) -> Step:
        if self._start is None:  # not found by `open`, nor by `_look_for_end`
            self._must_attach = False
            self._queue.empty()
            self._start = await self._attach.start(self._asked.at(self._queue.place))
            if self._start is None:
                return (), State.END
        self._queue.start_at(self._start.place)
        self._catch_up = None
        if self._start.reset is None:
            return (), State.STORED
        RESETS.labels(self._start.reset).inc()
        return () if self._asked.is_chatkit else (reset_block(Reset(reason=self._start.reset)),), State.STORED

    async def _tell_stored(self) -> Step:
        start = self._start
        assert start is not None
        if start.items is not None:
            self._start = replace(start, items=await self._attach.stored.items_after(start.items))
            return map(item_block, start.items.page.data), State.STORED
        self._start = None
        if start.ended is not None:
            return (end_block(start.ended, is_chatkit=self._asked.is_chatkit),), State.END
        if start.is_waiting and self._turn is not None:  # ChatKit's turn is over: what is asked is among the items
            return (), State.END
        self._batch = start.batch
        return (place_frame(start.place).full,) if start.is_new_place else (), State.HISTORY

    async def _read_history(self, channel: Channel) -> Step:
        if self._catch_up is None:  # from here on live frames wait in the queue
            self._catch_up = CatchUp(channel.head)
            return self._encoded(self._queue.restart()), State.HISTORY
        try:
            batch, self._batch = self._batch or await self._read_on(), None
        except NatterError as error:  # the bus is away: wait, nothing is lost
            log.warning("stream.read_failed", code=error.code)
            await asyncio.sleep(BUS_AWAY_PAUSE_SECONDS)  # frames that are offered meanwhile cannot be shown yet
            return (HEARTBEAT,), State.HISTORY
        if batch is None:
            return (), State.ATTACH
        guard, read_to = self._catch_up.guard, self._queue.read_to
        shown = [
            delta for delta in batch.deltas if guard.admits(delta.subject, delta.epoch) and delta.sequence > read_to
        ]
        self._missed_count += len(shown)
        if batch.deltas:
            self._queue.read(batch.deltas[-1].sequence)
        state = State.JOIN if batch.is_last else State.HISTORY
        frames = self._of_turn(map(encode, merge_text(shown)))
        return self._encoded(frames), self._unless_ended(frames, state)

    async def _read_on(self) -> Batch | None:
        """Read what follows the viewer's place. None: part of that has expired meanwhile."""
        place = self._queue.read_to
        batch = await self._attach.deltas.read(self.wanted, from_sequence=place + 1)
        if place and batch.first_sequence != place + 1:
            first = await self._attach.deltas.first_sequence()
            if judge_place(place, found=batch.first_sequence, first=first, last=place):
                return None
        return batch

    async def _join(self) -> Step:
        assert self._catch_up is not None
        pause_seconds = next(self._catch_up.pauses, None)
        if self._queue.has_overflowed:
            self._catch_up = None
        elif self._queue.read_to >= self._catch_up.head or pause_seconds is None:
            self._catch_up = None  # what is still missing was removed: its conversation was deleted
            self._written_at = self._quiet_since = self._now()
            return (), State.LIVE
        else:  # DELTAS was read from a follower that is behind
            await asyncio.sleep(pause_seconds)
        return (), State.HISTORY

    async def _follow(self) -> Step:
        heartbeat_at = self._written_at + self._limits.heartbeat_seconds
        end_check_at = self._quiet_since + self._limits.end_check_seconds if self.wanted.run_id else float("inf")
        if not (self._queue or self._queue.has_overflowed):
            await self._waker.wait(min(heartbeat_at, end_check_at, self._ends_at[0]) - self._now())
        now = self._now()
        if self._queue.has_overflowed:
            return (), State.HISTORY
        if frames := self._queue.take(CHUNK_BYTES_MAX):
            self._written_at = self._quiet_since = now
            frames = self._of_turn(frames)
            return self._encoded(frames), self._unless_ended(frames, State.LIVE)
        if now >= heartbeat_at:
            self._written_at = now
            return (HEARTBEAT,), State.LIVE
        if now >= end_check_at:
            self._quiet_since = now
            return (), await self._look_for_end()
        return (), State.LIVE

    async def _look_for_end(self) -> State:
        """Ask the store whether a run that was quiet for long has ended: NATS may have lost its end with a disk."""
        try:
            start = await self._attach.stored_end(self._asked)
        except NatterError as error:
            log.warning("stream.end_check_failed", code=error.code)
            return State.LIVE
        if start is None or self._queue:
            return State.LIVE
        self._start = start
        return State.ATTACH

    # --- used by several states -----------------------------------------------------------------------------------

    def _encoded(self, frames: Iterable[Frame]) -> Iterator[bytes]:
        """Join frames, in the requested format, to chunks of about `CHUNK_BYTES_MAX`."""
        chunk: list[bytes] = []
        bytes_count = 0
        for frame in frames:
            block = frame.chatkit if self._asked.is_chatkit else frame.full
            chunk.append(block)
            bytes_count += len(block)
            if bytes_count >= CHUNK_BYTES_MAX:
                yield b"".join(chunk)
                chunk, bytes_count = [], 0
        if bytes_count:
            yield b"".join(chunk)

    def _of_turn(self, frames: Iterable[Frame]) -> list[Frame]:
        """The frames that are shown: in ChatKit's format those of one turn, which ends where a run waits."""
        return list(frames) if self._turn is None else self._turn.take(frames)

    def _unless_ended(self, written: Iterable[Frame], state: State) -> State:
        """Return ``state``, or END if the end of the run, or of the conversation, was among what was written."""
        if self._turn is not None and self._turn.has_ended:
            return State.END
        if self.wanted.run_id is not None:
            return State.END if any(each.is_terminal for each in written) else state
        is_gone = self.wanted.conversation_id is not None and any(each.is_deletion for each in written)
        return State.END if is_gone else state

    def _retry(self, least: int) -> bytes:
        return retry_block(random.randint(least, max(least, self._limits.retry_milliseconds_max)))  # noqa: S311  spreads load

    def _now(self) -> float:
        return asyncio.get_running_loop().time()

    def _count(self, state: State | None) -> None:
        label = None if state is None else "live" if state is State.LIVE else "catching_up"
        if label == self._counted:
            return
        if self._counted is not None:
            VIEWERS.labels(self._counted).dec()
        if label is not None:
            VIEWERS.labels(label).inc()
        self._counted = label
        if self._caught_up_from is not None and label != "catching_up":
            self._count_catch_up(self._now() - self._caught_up_from)
            self._caught_up_from = None

    def _count_catch_up(self, seconds: float) -> None:
        """Once for each stream: it is live, or has ended before it was."""
        is_resumed = self._asked.place is not None
        CATCH_UP_SECONDS.labels("resumed" if is_resumed else "new").observe(seconds)
        if is_resumed:
            RESUME_GAP_DELTAS.observe(self._missed_count)


class Waker:
    """Lets one task wait until it is woken. A wake while nobody waits is lost, so check for work before waiting.

    A viewer waits after each delta, and a new timer for each wait would cost more than the delta. So an older timer
    that is due earlier is left in place, and may end one wait too early. Call `close` in the end.
    """

    def __init__(self) -> None:
        self._waiter: asyncio.Future[None] | None = None
        self._timer: asyncio.TimerHandle | None = None

    def wake(self) -> None:
        """End the wait, if there is one."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self, seconds: float) -> None:
        """Wait until woken, or for some seconds at most."""
        loop = asyncio.get_running_loop()
        due = loop.time() + max(seconds, 0)
        if self._timer is None or self._timer.when() > due:
            self.close()
            self._timer = loop.call_at(due, self._on_timer)
        self._waiter = loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def close(self) -> None:
        """Cancel the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _on_timer(self) -> None:
        self._timer = None
        self.wake()
