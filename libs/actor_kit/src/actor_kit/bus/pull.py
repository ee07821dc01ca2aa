"""A pull consumer that asks for exactly as many messages as there is room for."""

import asyncio
import json
import time
from dataclasses import dataclass

from contracts.streams import ConsumerSpec
from nats.aio.msg import Msg

from actor_kit.bus.nats_internals import Client

PULL_EXPIRES_SECONDS_MAX = 10.0
PULL_CHECK_SECONDS = 1.0
BRIEF_PULL_SECONDS = 0.1


@dataclass(frozen=True)
class Pulled:
    """One delivery of a stream's message; settle it exactly once (`ack`, `nak` or `term`)."""

    message: Msg

    @property
    def subject(self) -> str:
        return self.message.subject

    @property
    def headers(self) -> dict[str, str]:
        return self.message.headers or {}

    @property
    def payload(self) -> bytes:
        return self.message.data

    @property
    def attempt(self) -> int:
        """How often the message was delivered, this time included."""
        return self.message.metadata.num_delivered

    @property
    def age_seconds(self) -> float:
        """Since it was published, by the two machines' clocks."""
        return max(0.0, time.time() - self.message.metadata.timestamp.timestamp())

    @property
    def stream_sequence(self) -> int:
        return self.message.metadata.sequence.stream

    async def ack(self) -> None:
        await self.message.ack()

    async def nak(self, delay_seconds: float) -> None:
        await self.message.nak(delay=delay_seconds)

    async def nak_over(self, client: Client, delay_seconds: float) -> None:
        """The same over another connection: this one's loop stands still."""
        delay = json.dumps({"delay": int(delay_seconds * 1e9)})
        await client.publish(self.message.reply, f"-NAK {delay}".encode())

    async def term(self) -> None:
        await self.message.term()

    async def in_progress(self) -> None:
        await self.message.in_progress()


class PullConsumer:
    """Keeps as many pull requests open as there are free slots, and hands out what arrives.

    The library's ``fetch`` waits for a whole batch or a time-out; here a slot that becomes free is
    asked for at once, and never more is asked for than can be worked on.
    """

    def __init__(self, client: Client, inbox_prefix: str, spec: ConsumerSpec) -> None:
        self._client = client
        self._spec = spec
        self._subject = f"$JS.API.CONSUMER.MSG.NEXT.{spec.stream}.{spec.name}"
        self._inbox = f"{inbox_prefix}.pull.{client.new_token()}"
        self._asked = 0
        self._asked_until = 0.0
        self._arrived: asyncio.Queue[Pulled | None] = asyncio.Queue()
        self._arrived_count = 0
        # If this process falls silent (it is paused, its host lost power), the server redelivers its messages after
        # three quarters of the ack wait at the earliest: it said "in progress" every quarter. Its open requests must
        # have expired by then, or the redelivered messages would come here again.
        self._expires_seconds = min(PULL_EXPIRES_SECONDS_MAX, spec.ack_wait_seconds / 2)

    async def open(self) -> None:
        self._subscription = await self._client.listen(self._inbox, self._on_message)

    async def close(self) -> None:
        """Stop asking. What has arrived and was not handed out is redelivered after its ack wait."""
        await self._subscription.unsubscribe()
        while not self._arrived.empty():
            if pulled := self._arrived.get_nowait():
                await pulled.nak(0)

    @property
    def expected_count(self) -> int:
        """How many deliveries may still come: asked for, or arrived and not handed out."""
        if asyncio.get_running_loop().time() >= self._asked_until:
            # Expired at the server, or lost with a connection: nothing is open any more.
            self._asked = 0
        return self._asked + self._arrived_count

    async def next(self, room: int, *, is_brief: bool = False) -> Pulled | None:
        """Wait for a delivery, with requests for up to ``room`` of them open at the server.

        Returns None where nothing came: call it again. ``is_brief``: it asks and waits for a tenth of a second only.
        """
        seconds = BRIEF_PULL_SECONDS if is_brief else PULL_CHECK_SECONDS
        await self._ask(room, seconds if is_brief else self._expires_seconds)
        try:
            async with asyncio.timeout(seconds):  # `wait_for` may swallow the cancellation that ends a mailbox
                pulled = await self._arrived.get()
        except TimeoutError:
            return None
        if pulled is not None:
            self._arrived_count -= 1
        return pulled

    async def _ask(self, room: int, expires_seconds: float) -> None:
        missing = room - self.expected_count
        if missing <= 0 or not self._client.is_connected:
            return
        request = {"batch": missing, "expires": int(expires_seconds * 1e9)}
        self._asked += missing
        self._asked_until = max(self._asked_until, asyncio.get_running_loop().time() + expires_seconds)
        await self._client.publish(self._subject, json.dumps(request).encode(), reply=self._inbox)

    def _on_message(self, message: Msg) -> None:
        headers = message.headers or {}
        if "Status" in headers and not message.reply:
            # 408 expired, 409 consumer changed or server shutting down: that request is over.
            self._asked = max(0, self._asked - int(headers.get("Nats-Pending-Messages", self._asked)))
            self._arrived.put_nowait(None)  # so that `next` returns, and the next one asks anew at once
            return
        self._asked = max(0, self._asked - 1)
        self._arrived_count += 1
        self._arrived.put_nowait(Pulled(message))
