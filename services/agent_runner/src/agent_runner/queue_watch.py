"""How long the queues of this runner's assistants are, told at its /metrics: what it is scaled by."""

import asyncio
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Self

import structlog
from actor_kit.bus import Bus
from actor_kit.bus.admin import StreamAdmin
from contracts.errors import NatterError
from contracts.streams import RUNS, runs_mailbox

from agent_runner.metrics import QUEUE_ACK_PENDING, QUEUE_AGE_SECONDS, QUEUE_PENDING

log = structlog.get_logger()
LOOK_SECONDS = 5.0


@dataclass
class QueueWatch:
    """``async with QueueWatch(bus, assistants)`` looks while the block runs. Every runner of an assistant tells the
    same: take the largest, never the sum.
    """

    bus: Bus
    assistants: Iterable[str]
    _waiting_since: dict[str, float] = field(default_factory=dict[str, float])

    async def __aenter__(self) -> Self:
        self._looking = asyncio.create_task(self._look_for_ever(), name="queues")
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        self._looking.cancel()
        with suppress(asyncio.CancelledError):
            await self._looking

    async def _look_for_ever(self) -> None:
        admin = StreamAdmin(self.bus.client)
        while True:
            for assistant in self.assistants:
                try:
                    state = await admin.consumer_state(RUNS.name, runs_mailbox(assistant).name)
                except NatterError as error:
                    log.warning("queue.not_seen", assistant=assistant, code=error.code)
                    continue
                if state is not None:
                    self.note(assistant, state, time.time())
            await asyncio.sleep(LOOK_SECONDS)

    def note(self, assistant: str, state: dict[str, Any], now: float) -> None:
        """Tell what JetStream says of a consumer (``CONSUMER.INFO``). A run was there for as long as the queue was not
        empty and nothing was taken from it.
        """
        pending = state["num_pending"]
        QUEUE_PENDING.labels(assistant).set(pending)
        QUEUE_ACK_PENDING.labels(assistant).set(state["num_ack_pending"])
        if pending == 0:
            self._waiting_since.pop(assistant, None)
        else:
            since = self._waiting_since.setdefault(assistant, now)
            taken_at = _seconds(state.get("delivered", {}).get("last_active"))
            self._waiting_since[assistant] = max(since, taken_at)
        QUEUE_AGE_SECONDS.labels(assistant).set(max(0.0, now - self._waiting_since.get(assistant, now)))


def _seconds(written: str | None) -> float:
    """A time as NATS writes it (RFC 3339, to the nanosecond), 0 where there is none."""
    return datetime.fromisoformat(written[:19] + "+00:00").timestamp() if written else 0.0
