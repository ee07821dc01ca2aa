"""Batched direct get: read a stream by sequence and subject without a consumer (NATS ADR-31)."""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from contracts.errors import Code, RetryableError
from nats.aio.client import Client
from nats.aio.msg import Msg

from actor_kit.bus.wire import StoredMessage, stored, subscribe

END_OF_BATCH = "204"
NOT_FOUND = "404"


@dataclass
class _Answer:
    messages: list[StoredMessage] = field(default_factory=list[StoredMessage])
    pending_count: int = 0
    is_batch: bool = True
    done: asyncio.Event = field(default_factory=asyncio.Event)
    error: str | None = None


class DirectReader:
    """All direct gets of a connection over one inbox subscription: a get costs no subscribe of its own."""

    def __init__(self, client: Client, inbox_prefix: str) -> None:
        self._client = client
        self._inbox = f"{inbox_prefix}.direct.{client._nuid.next().decode()}"  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
        self._answers: dict[str, _Answer] = {}
        self._last_token = 0

    async def open(self) -> None:
        await subscribe(self._client, f"{self._inbox}.*", self._on_message)

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
        self._last_token += 1
        token = str(self._last_token)
        answer = self._answers[token] = _Answer(is_batch=is_batch)
        try:
            async with asyncio.timeout(timeout_seconds):
                await self._client.publish(
                    f"$JS.API.DIRECT.GET.{stream}", json.dumps(request).encode(), reply=f"{self._inbox}.{token}"
                )
                await answer.done.wait()
        except TimeoutError as error:
            raise RetryableError(Code.BUS_UNAVAILABLE, f"{stream} did not answer a direct get in time.") from error
        finally:
            del self._answers[token]
        if answer.error is not None:
            raise RetryableError(Code.BUS_UNAVAILABLE, f"{stream} refused a direct get: {answer.error}.")
        return answer

    async def _on_message(self, message: Msg) -> None:
        answer = self._answers.get(message.subject.rpartition(".")[2])
        if answer is None:
            return  # an answer that came after its deadline
        headers = message.headers or {}
        status = headers.get("Status")
        if status is None:
            answer.messages.append(stored(message))
            if not answer.is_batch:
                answer.done.set()
        else:
            if status == END_OF_BATCH:
                answer.pending_count = int(headers.get("Nats-Num-Pending", 0))
            elif status != NOT_FOUND:
                answer.error = f"{status} {headers.get('Description', '')}"
            answer.done.set()
