"""DELTAS as the relay reads it: filters, messages, batched direct gets. It can write nothing."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, cast

from actor_kit.bus import Bus, Received, StoredMessage
from contracts.events import EPOCH_HEADER, EVENT_HEADER, TERMINAL_RUN_EVENTS, ChatKitDelta, LiveDelta, RunEvent
from contracts.streams import DELTAS
from contracts.subjects import subject_filter

BATCH_MAX = 256
EVERYTHING = subject_filter(ChatKitDelta)
SUBJECT_HEADER = "Nats-Subject"
BEGINNINGS = frozenset({"thread.created", "thread.item.removed", "thread.item.done"})
"""What the store publishes of a turn before any runner hears of it."""


@dataclass(frozen=True, slots=True)
class Filter:
    """What one stream carries: everything of a user, or of one conversation or run of that user."""

    user_id: str
    conversation_id: str | None = None
    run_id: str | None = None

    @property
    def stored(self) -> str:
        return subject_filter(ChatKitDelta, **self._known)

    @property
    def live(self) -> str:
        return subject_filter(LiveDelta, **self._known)

    @property
    def _known(self) -> dict[str, str]:
        known = {"user_id": self.user_id, "conversation_id": self.conversation_id, "run_id": self.run_id}
        return {name: value for name, value in known.items() if value is not None}


class Delta(NamedTuple):
    """One message of DELTAS, stored or live. ``previous`` is the sequence before it on its subject (live only)."""

    subject: str
    sequence: int
    previous: int
    event: str | None
    epoch: int | None
    payload: bytes

    @property
    def is_terminal(self) -> bool:
        """Say whether this is the control frame that ends its run."""
        if self.event != RunEvent.event_name:
            return False
        return _json(self.payload).get("type") in TERMINAL_RUN_EVENTS

    @property
    def is_beginning(self) -> bool:
        """Say whether a run's subject begins with a message like this, so that nothing before it has expired."""
        if self.event is not None or self.epoch is not None:
            return False
        return _json(self.payload).get("type") in BEGINNINGS


def live_delta(message: Received) -> Delta:
    """Read a republished message."""
    headers = message.headers
    return _delta(headers[SUBJECT_HEADER], message.sequence, message.last_sequence, headers, message.payload)


def _stored_delta(message: StoredMessage) -> Delta:
    return _delta(message.subject, message.sequence, 0, message.headers, message.payload)


def _delta(subject: str, sequence: int, previous: int, headers: Mapping[str, str], payload: bytes) -> Delta:
    epoch = headers.get(EPOCH_HEADER)
    number = int(epoch) if epoch is not None and epoch.isdigit() else None
    return Delta(subject, sequence, previous, headers.get(EVENT_HEADER), number, payload)


def _json(payload: bytes) -> dict[str, Any]:
    try:
        value: object = json.loads(payload)
    except ValueError:
        return {}
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


@dataclass(frozen=True)
class Batch:
    """Messages in order, and whether they reach the end of what was stored."""

    deltas: list[Delta]
    is_last: bool

    @property
    def first_sequence(self) -> int | None:
        return self.deltas[0].sequence if self.deltas else None


@dataclass(frozen=True)
class Deltas:
    """Reads of DELTAS. Each raises RetryableError (bus_unavailable)."""

    bus: Bus

    async def read(self, wanted: Filter, *, from_sequence: int) -> Batch:
        """Read up to `BATCH_MAX` messages of a filter, from a sequence on."""
        messages, pending_count = await self.bus.direct_get(
            DELTAS.name, wanted.stored, from_sequence=max(from_sequence, 1), batch_max=BATCH_MAX
        )
        return Batch([_stored_delta(message) for message in messages], is_last=pending_count == 0)

    async def last_of(self, wanted: Filter) -> Delta | None:
        """Read the last message of a filter."""
        message = await self.bus.direct_get_last(DELTAS.name, wanted.stored)
        return _stored_delta(message) if message else None

    async def first_sequence(self) -> int | None:
        """Read the first sequence that DELTAS still holds, None while it is empty."""
        messages, _ = await self.bus.direct_get(DELTAS.name, EVERYTHING, from_sequence=1, batch_max=1)
        return messages[0].sequence if messages else None

    async def last_sequence(self) -> int | None:
        """Read the last sequence that DELTAS holds, None while it is empty."""
        message = await self.bus.direct_get_last(DELTAS.name, EVERYTHING)
        return message.sequence if message else None
