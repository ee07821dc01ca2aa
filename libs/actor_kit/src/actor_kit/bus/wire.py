"""What goes over the wire: received and stored messages, acks, and the names of the headers."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Protocol

from contracts.errors import Code, TerminalError
from nats.aio.client import Client
from nats.aio.msg import Msg

SCHEMA_HEADER = "Natter-Schema"
ERROR_HEADER = "Nats-Service-Error"
ERROR_CODE_HEADER = "Nats-Service-Error-Code"
MESSAGE_ID_HEADER = "Nats-Msg-Id"
EXPECTED_LAST_SUBJECT_SEQUENCE_HEADER = "Nats-Expected-Last-Subject-Sequence"
SEQUENCE_HEADER = "Nats-Sequence"
LAST_SEQUENCE_HEADER = "Nats-Last-Sequence"
STREAM_WRONG_LAST_SEQUENCE = 10071
"""JetStream's ``err_code`` when the expected last sequence of a subject is not the last one."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message of a core subscription. On a republished one the sequences are JetStream's, else 0."""

    subject: str
    headers: Mapping[str, str]
    payload: bytes

    @property
    def sequence(self) -> int:
        return int(self.headers.get(SEQUENCE_HEADER, 0))

    @property
    def last_sequence(self) -> int:
        """The sequence before this one on exactly this subject, 0 for the first."""
        return int(self.headers.get(LAST_SEQUENCE_HEADER, 0))


@dataclass(frozen=True, slots=True)
class StoredMessage:
    """A message of a stream; ``last_sequence`` is the one before it under the filter that was asked for."""

    subject: str
    sequence: int
    last_sequence: int
    headers: Mapping[str, str]
    payload: bytes


@dataclass(frozen=True, slots=True)
class PublishAck:
    """JetStream's ack; ``duplicate``: a message of the same Nats-Msg-Id was there, ``sequence`` is that one's."""

    sequence: int
    duplicate: bool


class Subscription(Protocol):
    """An open core subscription."""

    async def unsubscribe(self) -> None: ...


class WrongLastSequence(TerminalError):  # noqa: N818  JetStream's own name for it
    """Another writer has published on this subject since: a fenced attempt, or a race to read again."""

    def __init__(self, subject: str) -> None:
        super().__init__(Code.RUN_STALE_EPOCH, f"The last sequence of {subject} is not the expected one.")


async def subscribe(
    client: Client, subject: str, callback: Callable[[Msg], Awaitable[None]], *, queue: str = ""
) -> Subscription:
    """Subscribe with a callback. nats-py leaves a part of its signature untyped: that stays in here."""
    return await client.subscribe(subject, queue=queue, cb=callback)  # pyright: ignore[reportUnknownMemberType]


def received(message: Msg) -> Received:
    return Received(message.subject, message.headers or {}, message.data)


def stored(message: Msg) -> StoredMessage:
    """Read an answer of the Direct Get API (NATS ADR-31)."""
    headers = message.headers or {}
    return StoredMessage(
        subject=headers["Nats-Subject"],
        sequence=int(headers[SEQUENCE_HEADER]),
        last_sequence=int(headers.get(LAST_SEQUENCE_HEADER, 0)),
        headers=headers,
        payload=message.data,
    )
