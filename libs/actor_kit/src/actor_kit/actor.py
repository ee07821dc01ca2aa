"""An actor: what it receives is in its `handlers`, what it needs is in its fields.

The contract of a handler, whatever it was called by:

    returns                 a request is answered; a message of a mailbox is acked
    raises RetryableError   a request is answered with it; a message is nak'ed and comes again after its delay
    raises TerminalError    a request is answered with it; a message becomes a dead letter and is terminated
    raises anything else    a bug. A request is answered with ``internal``; a message comes again until its
                            last attempt, then it becomes a dead letter
    stands still            (code that does not give the event loop back, for a quarter of LOOP_STALL_SECONDS_MAX)
                            `on_stalled` is called, and a message comes again after 1.5 times LOOP_STALL_SECONDS_MAX
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from contracts.errors import NatterError
from contracts.message import Message, Reply

from actor_kit.bus import Bus
from actor_kit.proof import Proof

Handler = Callable[[Any, "Delivery"], Awaitable[Reply | None]]
Handlers = Mapping[type[Message], Handler]


@dataclass(frozen=True)
class Delivery:
    """How a message came: its subject and headers, and which attempt of how many this is (from 1).

    ``proof``: for whom a request is, where it was proven.
    """

    subject: str
    headers: Mapping[str, str]
    attempt: int = 1
    attempts_max: int = 1
    proof: Proof | None = None

    @property
    def is_last_attempt(self) -> bool:
        return self.attempt >= self.attempts_max


class Actor:
    """Base of a service's actor. Subclasses are frozen dataclasses with one ``on_<message>`` method per message."""

    @property
    def handlers(self) -> Handlers:
        """What this actor receives, and the method for each."""
        return {}

    async def on_exhausted(self, message: Message, delivery: Delivery, error: NatterError) -> None:
        """Called before a mailbox gives a message up, so that whoever waits for it is told."""

    async def on_stalled(self, message: Message, bus: Bus) -> None:
        """Called when the handling of a mailbox's message makes the event loop stand still, in a loop of its own.

        Everything that belongs to the other loop stands still too: ask over ``bus``.
        """
