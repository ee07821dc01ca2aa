"""A channel: one subject filter, subscribed to once per process. It fills gaps and encodes once for all its viewers."""

import asyncio
import random
from typing import Final, Protocol

import structlog
from actor_kit import tracing
from actor_kit.bus import Bus, Received, Subscription
from actor_kit.telemetry import traced
from contracts.errors import NatterError
from opentelemetry.trace import SpanKind

from stream_relay.history import Batch, Deltas, patiently
from stream_relay.metrics import CHANNELS, FENCED, FRAMES, GAPS
from stream_relay.rules import Continuity, EpochGuard, Verdict
from stream_relay.translate import Delta, Filter, Frame, encode, live_delta, place_frame

WAITING_MAX: Final = 10_000
"""Live deltas that are held while a gap is read. Any beyond are dropped here and read from DELTAS."""
LAG_PAUSES_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""Pauses between direct gets that wait until a follower, which may be behind the leader, has a known sequence."""
BUS_AWAY_PAUSE_SECONDS: Final = 0.5
CROWD_MIN: Final = 100
PACE_SECONDS_PER_VIEWER: Final = 0.00005
PACE_SECONDS_MAX: Final = 0.05
"""With more viewers than `CROWD_MIN`, frames are written together: a write costs the same for one frame or several."""
AUDIT_TICK_SECONDS: Final = 1.0
READS_AT_ONCE_MAX: Final = 16

log = structlog.stdlib.get_logger("stream_relay.channel")


class Listener(Protocol):
    """What a channel needs of a viewer. No call may block or raise."""

    def offer(self, frame: Frame) -> None: ...

    def wake(self) -> None:
        """Write what was offered."""
        ...

    def attach_again(self) -> None:
        """Check again whether the stream can go on from the viewer's place."""
        ...


class Channel:
    """Passes on every delta of a filter once and in order, from `head` at the moment a listener is added.

    `listening` is done when the subscription stands; `settled` when `head` is known as well. Deltas that arrive between
    the two are held. Both raise RetryableError (bus_unavailable) to everyone who awaits them.
    """

    def __init__(self, wanted: Filter, deltas: Deltas, bus: Bus, reads: asyncio.Semaphore) -> None:
        self.wanted = wanted
        self.next_audit_at = 0.0
        self.listeners: set[Listener] = set()
        self._pacing: asyncio.TimerHandle | None = None
        self._deltas = deltas
        self._bus = bus
        self._reads = reads  # bounds how many channels read at once: after a reconnect all of them do
        self._subscription: Subscription | None = None
        self._continuity = Continuity()
        self._guard = EpochGuard()
        self._waiting: list[Delta] = []
        self._repair: asyncio.Task[None] | None = None
        self._is_reading = True
        self._target = 0
        self._was_quiet = True
        self._traced: set[str] = set()
        self._audited_to: int | None = None
        self.listening = asyncio.create_task(self._listen())
        self.settled = asyncio.create_task(self._settle())
        for task in (self.listening, self.settled):
            task.add_done_callback(_retrieve)

    @property
    def head(self) -> int:
        """The highest sequence under the filter that was passed on, or was there before the channel."""
        return self._continuity.highest

    @property
    def known_to(self) -> int:
        """The highest sequence that this channel knows DELTAS to have had."""
        return max(self._continuity.highest, self._continuity.complete_to)

    @property
    def is_settled(self) -> bool:
        return self.settled.done() and not self.settled.cancelled() and self.settled.exception() is None

    async def _listen(self) -> None:
        self._subscription = await self._bus.subscribe(self.wanted.live, self._on_live_delta)

    async def _settle(self) -> None:
        await self.listening
        last = await patiently(lambda: self._deltas.last_of(self.wanted))
        if last is not None:
            self._continuity = Continuity(last.sequence, last.sequence)
            self._guard.admits(last.subject, last.epoch)
        self._resume()

    async def close(self) -> None:
        """Unsubscribe, and stop repairing."""
        for pending in (self.listening, self.settled, self._repair, self._pacing):
            if pending is not None:
                pending.cancel()
        if self._subscription is not None and not self._bus.client.is_closed:
            await self._subscription.unsubscribe()

    # --- what is heard ----------------------------------------------------------------------------------

    def _on_live_delta(self, message: Received) -> None:
        if message.sequence == 0:
            return  # not a republished message: those always have a sequence
        delta = live_delta(message)
        if tracing.is_on() and message.payload.find(b"text_delta") > 0:
            self._trace_first_text(message)
        self._was_quiet = False
        if self._is_reading:
            self._hold(delta)
        else:
            self._receive(delta)

    def _trace_first_text(self, message: Received) -> None:
        """A span of the run's own trace when its first text is here, on its way to every viewer of the filter."""
        if message.subject not in self._traced:
            self._traced.add(message.subject)
            with traced(message.headers, "relay first text", SpanKind.CONSUMER) as span:
                span.set_attribute("natter.viewers", len(self.listeners))

    def _hold(self, delta: Delta) -> None:
        self._target = max(self._target, delta.sequence)
        if len(self._waiting) < WAITING_MAX:
            self._waiting.append(delta)

    def _receive(self, delta: Delta) -> None:
        verdict = self._continuity.judge(delta.subject, delta.sequence, delta.previous)
        if verdict is Verdict.NEXT:
            self._pass_on(delta)
        elif verdict is Verdict.GAP:
            GAPS.inc()
            self._hold(delta)
            self._read_again()

    def _pass_on(self, delta: Delta) -> None:
        is_late = delta.sequence < self._continuity.highest
        self._continuity.note(delta.subject, delta.sequence)
        if not self._guard.admits(delta.subject, delta.epoch):
            FENCED.inc()
            return
        FRAMES.inc()
        # A late delta has no id: it would move the viewers' places back, and later deltas would be shown twice.
        self._offer(encode(delta, with_id=not is_late))

    # --- its viewers ------------------------------------------------------------------------------------

    def _offer(self, frame: Frame) -> None:
        """Offer a frame to every viewer and wake them: at once, or a crowd a little later, for several frames."""
        for listener in self.listeners:
            listener.offer(frame)
        if len(self.listeners) < CROWD_MIN:
            self._wake_all()
        elif self._pacing is None:
            pace_seconds = min(len(self.listeners) * PACE_SECONDS_PER_VIEWER, PACE_SECONDS_MAX)
            self._pacing = asyncio.get_running_loop().call_later(pace_seconds, self._wake_all)

    def _wake_all(self) -> None:
        self._pacing = None
        for listener in self.listeners:
            listener.wake()

    def _attach_all_again(self) -> None:
        for listener in self.listeners:
            listener.attach_again()

    # --- repair -----------------------------------------------------------------------------------------

    def _read_again(self) -> None:
        """Start reading DELTAS from where the channel is complete, and hold live deltas meanwhile."""
        self._is_reading = True
        if self._repair is None or self._repair.done():
            self._repair = asyncio.create_task(self._repair_until_quiet())

    def _resume(self) -> None:
        """Pass on the deltas that were held; a gap among them starts another read."""
        waiting, self._waiting = self._waiting, []
        self._is_reading = False
        for delta in waiting:
            if self._is_reading:
                self._hold(delta)
            else:
                self._receive(delta)

    async def _repair_until_quiet(self) -> None:
        try:
            while self._is_reading:
                target, self._target = self._target, 0
                await self._read_to(target)
                # A gap in what was held makes `_read_again` ask for one more round of this loop.
                self._resume()
        except Exception:
            # A bug here must not leave viewers without the held deltas: each reads what it misses itself.
            log.exception("channel.repair_failed")
            self._let_go()

    def _let_go(self) -> None:
        """Give up reading and holding, and have every viewer attach again."""
        self._waiting.clear()
        self._target = 0
        self._is_reading = False
        self._attach_all_again()

    async def _read_to(self, target: int) -> None:
        began_at = self._continuity.complete_to
        for pause_seconds in (*LAG_PAUSES_SECONDS, None):
            await self._read_missing()
            if self._continuity.complete_to >= target:
                break
            if pause_seconds is None:
                # The missing deltas were removed before anyone could read them: their conversation was deleted.
                self._continuity.read_to(target - 1)
                self._attach_all_again()
                return
            await asyncio.sleep(pause_seconds)
        if target and await self._has_expired_since(began_at):
            self._attach_all_again()

    async def _read_missing(self) -> None:
        """Read and pass on what DELTAS has after `complete_to`. While the bus is away, wait for it."""
        while True:
            try:
                batch = await self._read_from_complete()
            except NatterError as error:
                log.warning("channel.read_failed", code=error.code)
                await asyncio.sleep(BUS_AWAY_PAUSE_SECONDS)
                continue
            for delta in batch.deltas:
                if self._continuity.is_new(delta.subject, delta.sequence):
                    self._pass_on(delta)
            if batch.deltas:
                self._continuity.read_to(batch.deltas[-1].sequence)
            if batch.is_last:
                return

    async def _read_from_complete(self) -> Batch:
        async with self._reads:
            return await self._deltas.read(self.wanted, from_sequence=self._continuity.complete_to + 1)

    async def _has_expired_since(self, sequence: int) -> bool:
        if sequence == 0:
            return False
        try:
            first = await self._deltas.first_sequence()
        except NatterError:
            return True  # unknown: the viewers attach again, each of which checks it
        return first is None or first > sequence + 1

    # --- from time to time ------------------------------------------------------------------------------

    def after_reconnect(self, last_sequence: int | None) -> None:
        """Read what was published while the bus was away; ``last_sequence`` is that of all DELTAS now."""
        if not self.is_settled:
            return
        if last_sequence is not None and last_sequence < self.known_to:
            # DELTAS was restored from a backup: it will give out sequences again that held deltas already have.
            if self._repair is not None:
                self._repair.cancel()
                self._repair = None
            self._continuity = Continuity(last_sequence)
            self._let_go()
            return
        self._read_again()

    async def audit(self, last_sequence: int | None) -> None:
        """Find a loss that no later delta has revealed, and give quiet viewers a fresh place.

        ``last_sequence`` is that of all DELTAS. It becomes the viewers' place at the next audit only: by then the
        slowest follower has it too. Raises RetryableError (bus_unavailable).
        """
        if self._is_quiet:
            batch = await self._read_from_complete()
            if any(self._continuity.is_new(delta.subject, delta.sequence) for delta in batch.deltas):
                GAPS.inc()
                self._read_again()
            elif self._is_quiet and self._audited_to is not None and self._audited_to > self.head:
                self._continuity.read_to(self._audited_to)
                self._refresh_places(self._audited_to)
        self._was_quiet = True
        self._audited_to = last_sequence

    @property
    def _is_quiet(self) -> bool:
        """Say whether nothing was heard since the last audit."""
        return self._was_quiet and not self._is_reading

    def _refresh_places(self, sequence: int) -> None:
        if self.wanted.run_id is not None:
            return  # a run's stream is short: its viewers' places do not expire
        self._offer(place_frame(sequence))


def _retrieve(task: asyncio.Task[None]) -> None:
    """Retrieve a task's exception, which asyncio would report as never retrieved if no viewer awaits the task."""
    if not task.cancelled():
        task.exception()


class Hub:
    """Opens and shares channels; has them read again after a reconnect, and audits them from time to time."""

    def __init__(self, bus: Bus, deltas: Deltas, *, audit_seconds: float) -> None:
        self._bus = bus
        self._deltas = deltas
        self._audit_seconds = audit_seconds
        self._channels: dict[Filter, Channel] = {}
        self._reads = asyncio.Semaphore(READS_AT_ONCE_MAX)
        self._reading_again: asyncio.Task[None] | None = None

    async def join(self, wanted: Filter, listener: Listener) -> Channel:
        """Add a listener to the channel of a filter, which is opened for the first. It must be `settled` before use.

        What is published after this returns reaches the listener. Raises RetryableError (bus_unavailable).
        """
        channel = self._channels.get(wanted)
        if channel is None:
            channel = self._channels[wanted] = Channel(wanted, self._deltas, self._bus, self._reads)
            channel.next_audit_at = self._next_audit_at()
            CHANNELS.set(len(self._channels))
        channel.listeners.add(listener)
        try:
            await asyncio.shield(channel.listening)
        except BaseException:
            await self.leave(channel, listener)
            raise
        return channel

    async def leave(self, channel: Channel, listener: Listener) -> None:
        """Remove a listener, and close the channel with the last of them."""
        channel.listeners.discard(listener)
        if not channel.listeners and self._channels.get(channel.wanted) is channel:
            del self._channels[channel.wanted]
            CHANNELS.set(len(self._channels))
            await channel.close()

    async def on_reconnected(self) -> None:
        """Start `read_again` and return: the connection waits for this callback, and could be lost again meanwhile."""
        self.on_leader_elected()

    def on_leader_elected(self) -> None:
        """Start `read_again`: another server leads DELTAS, and has what nobody was told of by the one that died."""
        if self._reading_again is not None:
            self._reading_again.cancel()
        self._reading_again = asyncio.create_task(self.read_again())

    async def read_again(self) -> None:
        """Have every channel read what it missed. JetStream may answer some seconds after the connection is back."""
        while True:
            known_to = max((channel.known_to for channel in self._channels.values()), default=0)
            try:
                last = await self._settled_last_sequence(known_to)
                break
            except NatterError as error:
                log.warning("hub.read_failed", code=error.code)
                await asyncio.sleep(BUS_AWAY_PAUSE_SECONDS)
        for channel in self._channels.values():
            channel.after_reconnect(last)

    def close(self) -> None:
        """Stop what runs in the background."""
        if self._reading_again is not None:
            self._reading_again.cancel()

    async def audit_for_ever(self) -> None:
        """Audit each channel at its time. Runs until cancelled."""
        while True:
            await asyncio.sleep(AUDIT_TICK_SECONDS)
            now = asyncio.get_running_loop().time()
            due = [channel for channel in self._channels.values() if channel.next_audit_at <= now]
            if not due or not self._bus.is_connected:
                continue
            for channel in due:
                channel.next_audit_at = self._next_audit_at()
            try:
                last = await self._deltas.last_sequence()
                await asyncio.gather(*(channel.audit(last) for channel in due if channel.is_settled))
            except NatterError as error:
                log.warning("hub.audit_failed", code=error.code)

    async def _settled_last_sequence(self, wanted: int) -> int | None:
        """The last sequence of DELTAS. If a follower answers with less than is known, it is asked again."""
        last = await self._deltas.last_sequence()
        for pause_seconds in LAG_PAUSES_SECONDS:
            if last is None or last >= wanted:
                break
            await asyncio.sleep(pause_seconds)
            last = await self._deltas.last_sequence()
        return last

    def _next_audit_at(self) -> float:
        jitter = random.uniform(0.75, 1.25)  # noqa: S311  spreads load, guards nothing
        return asyncio.get_running_loop().time() + self._audit_seconds * jitter
