"""A bus that is made lossy, and who listens: followers that are behind, reads that fail, a channel that is deaf."""

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

from actor_kit.bus import Bus, Received
from actor_kit.bus.admin import StreamAdmin
from contracts.errors import Code, RetryableError
from stream_relay.channel import Channel, Hub, Listener
from stream_relay.history import Batch, Deltas
from stream_relay.translate import Delta, Filter, Frame


@dataclass(frozen=True)
class FollowerBehind(Deltas):
    """Direct gets that are answered by a follower which does not know the latest messages yet."""

    hidden_from: list[int] = field(default_factory=list)

    async def read(self, wanted: Filter, *, from_sequence: int) -> Batch:
        batch = await super().read(wanted, from_sequence=from_sequence)
        if not self.hidden_from:
            return batch
        return Batch([delta for delta in batch.deltas if delta.sequence < self.hidden_from[0]], is_last=True)

    async def last_of(self, wanted: Filter) -> Delta | None:
        batch = await self.read(wanted, from_sequence=1)
        return batch.deltas[-1] if batch.deltas else None


@dataclass(frozen=True)
class FollowerCatchingUp(FollowerBehind):
    """One that has the latest messages when it is asked a second time for the last of all."""

    async def last_sequence(self) -> int | None:
        if self.hidden_from:
            return self.hidden_from.pop() - 1
        return await super().last_sequence()


@dataclass(frozen=True)
class Unreadable(Deltas):
    """Direct gets that fail at once, as without a leader of the stream, while ``failing`` has something in it."""

    failing: list[str] = field(default_factory=list)
    reads: list[int] = field(default_factory=list)

    async def read(self, wanted: Filter, *, from_sequence: int) -> Batch:
        self.reads.append(from_sequence)
        if self.failing:
            raise RetryableError(Code.BUS_UNAVAILABLE, self.failing[0])
        return await super().read(wanted, from_sequence=from_sequence)


@dataclass(eq=False)
class Recorder:
    """A listener that keeps what it is offered."""

    frames: list[Frame] = field(default_factory=list)
    attached_again: int = 0

    def offer(self, frame: Frame) -> None:
        self.frames.append(frame)

    def wake(self) -> None:
        pass

    def attach_again(self) -> None:
        self.attached_again += 1

    @property
    def sequences(self) -> list[int]:
        return [frame.sequence for frame in self.frames]

    async def has(self, count: int) -> None:
        async with asyncio.timeout(20):
            while len(self.frames) < count:
                await asyncio.sleep(0.005)
        await asyncio.sleep(0.02)


async def open_channel(deltas: Deltas, wanted: Filter, *recorders: Listener) -> tuple[Hub, Channel]:
    hub = Hub(deltas.bus, deltas, audit_seconds=60)
    channel = cast("Channel", None)
    for recorder in recorders:
        channel = await hub.join(wanted, recorder)
    await channel.settled
    return hub, channel


class Deaf:
    """While this is open the channel hears nothing, as when a route between servers breaks."""

    def __init__(self, channel: Channel) -> None:
        self._channel: Any = channel
        self._bus: Bus = self._channel._bus
        self._told_to = 0

    async def __aenter__(self) -> None:
        await self._channel._subscription.unsubscribe()
        self._told_to = self._channel.known_to
        self._other = await self._bus.subscribe(self._channel.wanted.live, self._hear)
        await self._bus.flush()

    async def __aexit__(self, *_: object) -> None:
        # What is stored is told a moment later: the channel must not listen again before that.
        last = await Deltas(self._bus).last_of(self._channel.wanted)
        async with asyncio.timeout(20):
            while last is not None and self._told_to < last.sequence:
                await asyncio.sleep(0.005)
        await self._other.unsubscribe()
        await self._channel._listen()
        await self._bus.flush()

    def _hear(self, message: Received) -> None:
        self._told_to = max(self._told_to, message.sequence)


async def put_back(bus: Bus, sequence: int) -> None:
    """Have DELTAS begin again at a sequence that it had before, as after a restore."""
    admin = StreamAdmin(bus.client)
    config = await admin.stream("DELTAS")
    assert config is not None
    await bus.client.request("$JS.API.STREAM.DELETE.DELTAS", b"", timeout=5)
    await admin.create_stream(config | {"first_seq": sequence})
