"""One subject filter of this process: heard once, repaired once, encoded once, for all its viewers."""

import asyncio
from typing import Final

import structlog
from actor_kit.bus import Bus, Received, Subscription
from contracts.errors import NatterError

from stream_relay.audience import Audience
from stream_relay.deltas import Batch, Delta, Deltas, Filter, live_delta
from stream_relay.frames import encode, place_frame
from stream_relay.metrics import FENCED, FRAMES, GAPS
from stream_relay.patience import patiently
from stream_relay.rules import Continuity, EpochGuard, Verdict

WAITING_MAX: Final = 10_000
"""Live deltas held while a gap is read; those beyond are read as well."""
LAG_PAUSES_SECONDS: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
"""How long a direct get that answers from a follower behind the leader is given to come to the same sequence."""
BUS_AWAY_PAUSE_SECONDS: Final = 0.5

log = structlog.stdlib.get_logger("stream_relay.channel")


class Channel:
    """Passes on every delta of a filter once and in order, from `head` at the moment a listener is added.

    `listening` is done when whatever is published from now on is heard; `settled` when `head` is known. What is heard
    between the two is held. Both raise RetryableError (bus_unavailable) to everyone who awaits them.
    """

    def __init__(self, wanted: Filter, deltas: Deltas, bus: Bus, reads: asyncio.Semaphore) -> None:
        self.wanted = wanted
        self.next_audit_at = 0.0
        self.listeners = Audience()
        self._deltas = deltas
        self._bus = bus
        self._reads = reads  # how many channels may read at once: after a reconnect all of them want to
        self._subscription: Subscription | None = None
        self._continuity = Continuity()
        self._guard = EpochGuard()
        self._waiting: list[Delta] = []
        self._repair: asyncio.Task[None] | None = None
        self._is_reading = True
        self._target = 0
        self._was_quiet = True
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
        for pending in (self.listening, self.settled, self._repair):
            if pending is not None:
                pending.cancel()
        self.listeners.close()
        if self._subscription is not None and not self._bus.client.is_closed:
            await self._subscription.unsubscribe()

    # --- what is heard ----------------------------------------------------------------------------------

    def _on_live_delta(self, message: Received) -> None:
        if message.sequence == 0:
            return  # not from JetStream: nobody but the server may publish on live.…, and it always says the sequence
        delta = live_delta(message)
        self._was_quiet = False
        if self._is_reading:
            self._hold(delta)
        else:
            self._receive(delta)

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
        # A late one must not move its viewers' places back: they would be shown the later ones twice.
        self.listeners.offer(encode(delta, with_id=not is_late))

    # --- repair -----------------------------------------------------------------------------------------

    def _read_again(self) -> None:
        """Start to read the filter from where it is complete, holding what is heard meanwhile."""
        self._is_reading = True
        if self._repair is None or self._repair.done():
            self._repair = asyncio.create_task(self._repair_until_quiet())

    def _resume(self) -> None:
        """Go on with what was held; a gap in it starts another read."""
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
            # A bug here must not leave the viewers waiting for what is held: each reads for itself what it misses.
            log.exception("channel.repair_failed")
            self._let_go()

    def _let_go(self) -> None:
        """Read and hold nothing any more, and have every viewer's place judged anew."""
        self._waiting.clear()
        self._target = 0
        self._is_reading = False
        self.listeners.attach_again()

    async def _read_to(self, target: int) -> None:
        began_at = self._continuity.complete_to
        for pause_seconds in (*LAG_PAUSES_SECONDS, None):
            await self._read_missing()
            if self._continuity.complete_to >= target:
                break
            if pause_seconds is None:
                # What was missing was removed before anyone could read it (a deleted conversation).
                self._continuity.read_to(target - 1)
                self.listeners.attach_again()
                return
            await asyncio.sleep(pause_seconds)
        if target and await self._has_expired_since(began_at):
            self.listeners.attach_again()

    async def _read_missing(self) -> None:
        """Pass on what DELTAS has beyond where the filter is complete; wait for the bus as long as it takes."""
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
            return True  # cannot tell: the viewers' places will be judged one by one
        return first is None or first > sequence + 1

    # --- from time to time ------------------------------------------------------------------------------

    def after_reconnect(self, last_sequence: int | None) -> None:
        """Read what was published while the bus was away; ``last_sequence`` is that of all DELTAS now."""
        if not self.is_settled:
            return
        if last_sequence is not None and last_sequence < self.known_to:
            # DELTAS was put back to an earlier state: its numbers come a second time. What is held has the old ones.
            if self._repair is not None:
                self._repair.cancel()
                self._repair = None
            self._continuity = Continuity(last_sequence)
            self._let_go()
            return
        self._read_again()

    async def audit(self, last_sequence: int | None) -> None:
        """Find what was lost with nothing after it to show the loss, and refresh the places of quiet viewers.

        ``last_sequence`` is that of all DELTAS. It becomes the viewers' place one audit later, when the slowest
        follower has it too. Raises RetryableError (bus_unavailable).
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
            return  # a run's stream ends with it; its viewers' places are never old
        self.listeners.offer(place_frame(sequence))


def _retrieve(task: asyncio.Task[None]) -> None:
    """Take the exception of a task that nobody may be left to await."""
    if not task.cancelled():
        task.exception()
