"""Batched direct get: read a stream by sequence and subject without a consumer (NATS ADR-31)."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

import nats.errors
from contracts.errors import Code, RetryableError
from nats.aio.msg import Msg

from actor_kit.bus.inbox import Inbox
from actor_kit.bus.nats_internals import Client
from actor_kit.bus.wire import StoredMessage, stored

END_OF_BATCH = "204"
NOT_FOUND = "404"


@dataclass
class _Answer:
    messages: list[StoredMessage] = field(default_factory=list[StoredMessage])
    pending_count: int = 0
    is_batch: bool = True
    done: asyncio.Event = field(default_factory=asyncio.Event)
    error: str | None = None

    def take(self, message: Msg) -> None:
        """Take in one message of the answer."""
        headers = message.headers or {}
        status = headers.get("Status")
        if status is None:
            self.messages.append(stored(message))
            if not self.is_batch:
                self.done.set()
        else:
            if status == END_OF_BATCH:
                self.pending_count = int(headers.get("Nats-Num-Pending", 0))
            elif status != NOT_FOUND:
                self.error = f"{status} {headers.get('Description', '')}"
            self.done.set()


class DirectReader:
    """Reads streams over a connection's inbox."""

    def __init__(self, client: Client, inbox: Inbox) -> None:
        self._client = client
        self._inbox = inbox

    async def get(
        self, stream: str, subject_filter: str, *, from_sequence: int, batch_max: int, timeout_seconds: float
    ) -> tuple[list[StoredMessage], int]:
        """Up to ``batch_max`` messages from ``from_sequence`` on, and how many more there are."""
        request = {"seq": max(from_sequence, 1), "next_by_subj": subject_filter, "batch": batch_max}
        answer = await self._ask(stream, request, is_batch=True, timeout_seconds=timeout_seconds)
        return answer.messages, answer.pending_count

    async def get_last(self, stream: str, subject_filter: str, *, timeout_seconds: float) -> StoredMessage | None:
        """The last message of a subject filter, if there is one."""
        answer = await self._ask(
            stream, {"last_by_subj": subject_filter}, is_batch=False, timeout_seconds=timeout_seconds
        )
        return answer.messages[0] if answer.messages else None

    async def _ask(self, stream: str, request: dict[str, Any], *, is_batch: bool, timeout_seconds: float) -> _Answer:
        answer = _Answer(is_batch=is_batch)
        reply = self._inbox.expect(answer.take)
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._client.until_connected()
                self._client.send(f"$JS.API.DIRECT.GET.{stream}", json.dumps(request).encode(), reply=reply)
                await answer.done.wait()
        except TimeoutError as error:
            raise RetryableError(Code.BUS_UNAVAILABLE, f"{stream} did not answer a direct get in time.") from error
        except nats.errors.Error as error:
            raise RetryableError(Code.BUS_UNAVAILABLE, "The bus cannot be reached.") from error
        finally:
            self._inbox.forget(reply)
        if answer.error is not None:
            raise RetryableError(Code.BUS_UNAVAILABLE, f"{stream} refused a direct get: {answer.error}.")
        return answer
