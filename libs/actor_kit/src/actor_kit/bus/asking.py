"""Requests: asked within a deadline, again while nobody answers, and the reply read by its contract."""

import asyncio
from typing import Any, TypeVar

import nats.errors
from contracts.errors import Code, ErrorReply, RetryableError, TerminalError
from contracts.message import Command, Query, Reply
from contracts.registry import unavailable_code
from nats.aio.msg import Msg
from pydantic import ValidationError

from actor_kit.bus.inbox import Inbox
from actor_kit.bus.nats_internals import Client
from actor_kit.bus.wire import ERROR_CODE_HEADER, NO_RESPONDERS, STATUS_HEADER

ReplyT = TypeVar("ReplyT", bound=Reply)

NO_RESPONDERS_PAUSE_SECONDS = 0.1


async def ask_until(
    deadline: float, client: Client, inbox: Inbox, subject: str, payload: bytes, headers: dict[str, str]
) -> Msg:
    """Send a request, and send it again while nobody answers, until ``deadline`` (a time of the loop's clock).

    Raises RetryableError: bus_unavailable (not connected), `unavailable_code` (nobody answers), deadline_exceeded.
    """
    loop = asyncio.get_running_loop()
    problem: Code | None = None
    while (remaining := deadline - loop.time()) > 0:
        if not client.is_connected:
            # Not sent while disconnected: it would wait in the buffer and be done after the caller gave up.
            problem = Code.BUS_UNAVAILABLE
        else:
            try:
                answer = await inbox.ask(subject, payload, timeout_seconds=remaining, headers=headers)
            except TimeoutError as error:
                code = Code.DEADLINE_EXCEEDED if client.is_connected else Code.BUS_UNAVAILABLE
                if problem is not None and remaining <= NO_RESPONDERS_PAUSE_SECONDS:
                    code = problem  # a last try too short for an answer: the one before it tells more
                raise RetryableError(code, "The answer did not come in time.") from error
            except nats.errors.Error as error:
                raise RetryableError(Code.BUS_UNAVAILABLE, "The bus cannot be reached.") from error
            if (answer.headers or {}).get(STATUS_HEADER) != NO_RESPONDERS:
                return answer
            problem = unavailable_code(subject)
        if remaining <= NO_RESPONDERS_PAUSE_SECONDS:
            break
        await asyncio.sleep(NO_RESPONDERS_PAUSE_SECONDS)
    else:
        if not client.is_connected:
            problem = Code.BUS_UNAVAILABLE
    raise RetryableError(problem or Code.DEADLINE_EXCEEDED, "Nobody answers right now.")


def read_reply(request: Command[ReplyT] | Query[ReplyT], answer: Msg) -> ReplyT:
    """The reply of a request. Raises what the service raised."""
    try:
        if ERROR_CODE_HEADER in (answer.headers or {}):
            raise ErrorReply.decode_error(answer.data)
        reply_type: Any = type(request).reply_type
        return reply_type.decode(answer.data)
    except ValidationError as error:
        name = type(request).__name__
        raise TerminalError(Code.INTERNAL, f"The answer to {name} does not follow its contract.") from error
