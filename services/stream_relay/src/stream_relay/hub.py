"""All channels of this process: one per subject filter, shared, closed with its last viewer."""

import asyncio
import random
from typing import Final

import structlog
from actor_kit.bus import Bus
from contracts.errors import NatterError

from stream_relay.audience import Listener
from stream_relay.channel import BUS_AWAY_PAUSE_SECONDS, LAG_PAUSES_SECONDS, Channel
from stream_relay.deltas import Deltas, Filter
from stream_relay.metrics import CHANNELS

AUDIT_TICK_SECONDS: Final = 1.0
READS_AT_ONCE_MAX: Final = 16

log = structlog.stdlib.get_logger("stream_relay.hub")


class Hub:
    """Hands out channels, and looks after them: after a reconnect, and from time to time."""

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
        """Start to `read_again`, and return: the connection waits for this, and may be lost again meanwhile."""
        if self._reading_again is not None:
            self._reading_again.cancel()
        self._reading_again = asyncio.create_task(self.read_again())

    async def read_again(self) -> None:
        """Have every channel read what it missed; JetStream may be some seconds later than the connection."""
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
        """The last sequence of DELTAS; a follower that answers with less than is known is asked again."""
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
