"""What goes over the wire: received and stored messages, acks, and the names of the headers."""

from collections.abc import Mapping
from typing import NamedTuple, Protocol

from contracts.errors import Code, TerminalError
from nats.aio.msg import Msg

SCHEMA_HEADER = "Natter-Schema"
ERROR_HEADER = "Nats-Service-Error"
ERROR_CODE_HEADER = "Nats-Service-Error-Code"
MESSAGE_ID_HEADER = "Nats-Msg-Id"
EXPECTED_LAST_SUBJECT_SEQUENCE_HEADER = "Nats-Expected-Last-Subject-Sequence"
SEQUENCE_HEADER = "Nats-Sequence"
LAST_SEQUENCE_HEADER = "Nats-Last-Sequence"
STATUS_HEADER = "Status"
NO_RESPONDERS = "503"
STREAM_WRONG_LAST_SEQUENCE = 10071
"""JetStream's ``err_code`` when the expected last sequence of a subject is not the last one."""


class Received(NamedTuple):
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


class StoredMessage(NamedTuple):
    """A message of a stream; ``last_sequence`` is the one before it under the filter that was asked for."""

    subject: str
    sequence: int
    last_sequence: int
    headers: Mapping[str, str]
    payload: bytes


class PublishAck(NamedTuple):
    """JetStream's ack; ``duplicate``: a message of the same Nats-Msg-Id was there, ``sequence`` is that one's."""

    sequence: int
    duplicate: bool


class Subscription(Protocol):
    """An open core subscription."""

    async def unsubscribe(self) -> None: ...


class WrongLastSequence(TerminalError):  # noqa: N818  JetStream's own name for it
    """Another writer has published on this subject in between. A runner that gets this was overtaken, or has to read
    the subject's last message again.
    """

    def __init__(self, subject: str) -> None:
        super().__init__(Code.RUN_STALE_EPOCH, f"The last sequence of {subject} is not the expected one.")


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
