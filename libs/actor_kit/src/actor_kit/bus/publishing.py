"""Publishing into a stream: the ack as a future, and what a refusal means."""

import asyncio
import json
from typing import Any

import nats.errors
from contracts.errors import Code, RetryableError, TerminalError
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


def publish_async(
    inbox: Inbox,
    subject: str,
    payload: bytes,
    headers: dict[str, str],
    *,
    message_id: str | None,
    expected_last_subject_sequence: int | None,
    timeout_seconds: float,
) -> asyncio.Future[PublishAck]:
    """Send a message to its stream; the future raises WrongLastSequence, TerminalError, RetryableError."""
    if message_id is not None:
        headers[MESSAGE_ID_HEADER] = message_id
    if expected_last_subject_sequence is not None:
        headers[EXPECTED_LAST_SUBJECT_SEQUENCE_HEADER] = str(expected_last_subject_sequence)
    acked: asyncio.Future[PublishAck] = asyncio.get_running_loop().create_future()

    def settle(answer: asyncio.Future[Msg]) -> None:
        if acked.done():
            return
        try:
            acked.set_result(_ack(subject, answer))
        except Exception as error:  # noqa: BLE001 - whatever it is, whoever waits for the ack must hear of it
            acked.set_exception(error)

    try:
        asked = inbox.ask(subject, payload, timeout_seconds=timeout_seconds, headers=headers)
        asked.add_done_callback(settle)
    except nats.errors.MaxPayloadError:
        acked.set_exception(TerminalError(Code.PAYLOAD_TOO_LARGE, "The message is larger than one may be."))
    except nats.errors.Error:
        acked.set_exception(RetryableError(Code.BUS_UNAVAILABLE, "The bus cannot be reached."))
    return acked


def _ack(subject: str, answer: asyncio.Future[Msg]) -> PublishAck:
    """Read JetStream's answer to a publish. Raises WrongLastSequence, RetryableError."""
    try:
        message = answer.result()
    except TimeoutError as error:
        raise RetryableError(Code.BUS_UNAVAILABLE, "JetStream did not acknowledge in time.") from error
    if message.headers and message.headers.get(STATUS_HEADER) == NO_RESPONDERS:
        raise RetryableError(Code.BUS_UNAVAILABLE, "No stream takes this subject right now.")
    ack: dict[str, Any] = json.loads(message.data)
    if "error" in ack:
        if ack["error"].get("err_code") == STREAM_WRONG_LAST_SEQUENCE:
            raise WrongLastSequence(subject)
        raise RetryableError(Code.BUS_UNAVAILABLE, f"JetStream refused: {ack['error'].get('description')}")
    return PublishAck(sequence=ack["seq"], duplicate=ack.get("duplicate", False))
