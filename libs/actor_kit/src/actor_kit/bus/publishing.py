"""Publishing into a stream: the ack, as a call or a future, and what a refusal means."""

import json
from collections.abc import Callable
from typing import Any

import nats.errors
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from nats.aio.msg import Msg

from actor_kit.bus.inbox import Inbox
from actor_kit.bus.wire import (
    EXPECTED_LAST_SUBJECT_SEQUENCE_HEADER,
    MESSAGE_ID_HEADER,
    NO_RESPONDERS,
    STATUS_HEADER,
    STREAM_WRONG_LAST_SEQUENCE,
    PublishAck,
    WrongLastSequence,
)

OnAck = Callable[[PublishAck | NatterError], None]
"""Hears what became of a message: its ack, or WrongLastSequence, TerminalError, RetryableError."""


def publish_then(  # noqa: PLR0913 - what one message is sent with
    inbox: Inbox,
    on_ack: OnAck,
    subject: str,
    payload: bytes,
    headers: dict[str, str],
    *,
    message_id: str | None,
    expected_last_subject_sequence: int | None,
    timeout_seconds: float,
) -> None:
    """Send a message to its stream; ``on_ack`` is called as the ack is read, or at once where it cannot be sent."""
    if message_id is not None:
        headers[MESSAGE_ID_HEADER] = message_id
    if expected_last_subject_sequence is not None:
        headers[EXPECTED_LAST_SUBJECT_SEQUENCE_HEADER] = str(expected_last_subject_sequence)
    try:
        inbox.post(
            subject,
            payload,
            timeout_seconds=timeout_seconds,
            headers=headers,
            on_answer=lambda answer: on_ack(_ack(subject, answer)),
        )
    except nats.errors.MaxPayloadError:
        on_ack(TerminalError(Code.PAYLOAD_TOO_LARGE, "The message is larger than one may be."))
    except nats.errors.Error:
        on_ack(RetryableError(Code.BUS_UNAVAILABLE, "The bus cannot be reached."))


def _ack(subject: str, answer: Msg | None) -> PublishAck | NatterError:
    """Read JetStream's answer to a publish."""
    if answer is None:
        return RetryableError(Code.BUS_UNAVAILABLE, "JetStream did not acknowledge in time.")
    if answer.headers and answer.headers.get(STATUS_HEADER) == NO_RESPONDERS:
        return RetryableError(Code.BUS_UNAVAILABLE, "No stream takes this subject right now.")
    try:
        ack: dict[str, Any] = json.loads(answer.data)
        if "error" not in ack:
            return PublishAck(ack["seq"], ack.get("duplicate", False))
    except (ValueError, KeyError) as error:
        return RetryableError(Code.BUS_UNAVAILABLE, f"JetStream's ack cannot be read: {error!r}")
    if ack["error"].get("err_code") == STREAM_WRONG_LAST_SEQUENCE:
        return WrongLastSequence(subject)
    return RetryableError(Code.BUS_UNAVAILABLE, f"JetStream refused: {ack['error'].get('description')}")
