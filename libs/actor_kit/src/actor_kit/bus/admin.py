"""The part of the JetStream API that creates and describes streams. A service may ask of its own `consumer`."""

import asyncio
import json
import time
from typing import Any

import nats.errors
from contracts.errors import Code, RetryableError, TerminalError
from nats.aio.client import Client

STREAM_NOT_FOUND = 10059
CONSUMER_NOT_FOUND = 10014
UNSETTLED = frozenset({10005, 10008, 10009})
"""No suitable peers (yet), JetStream temporarily unavailable, not the leader: a cluster that is finding itself."""
SETTLE_PAUSE_SECONDS = 0.25


class StreamAdmin:
    """Plain requests to `$JS.API.…`: the configuration as the server knows it, with no library's view between.

    Where a cluster has nobody who could answer, while its servers find each other or elect a leader, it is asked again
    for so many seconds.
    """

    def __init__(self, client: Client, *, settle_seconds_max: float = 0) -> None:
        self._client = client
        self._settle_seconds_max = settle_seconds_max

    async def stream(self, name: str) -> dict[str, Any] | None:
        """The configuration of a stream, None where there is none."""
        answer = await self._ask(f"STREAM.INFO.{name}", {}, absent=STREAM_NOT_FOUND)
        return answer["config"] if answer else None

    async def stream_state(self, name: str) -> dict[str, Any] | None:
        """The state of a stream (messages, bytes, first and last sequence), None where there is none."""
        answer = await self._ask(f"STREAM.INFO.{name}", {}, absent=STREAM_NOT_FOUND)
        return answer["state"] if answer else None

    async def subjects(self, name: str, subject_filter: str) -> list[str]:
        """The subjects of a stream's messages under a filter; empty where there is no such stream."""
        found: list[str] = []
        while True:
            request = {"subjects_filter": subject_filter, "offset": len(found)}
            answer = await self._ask(f"STREAM.INFO.{name}", request, absent=STREAM_NOT_FOUND)
            page: dict[str, int] = (answer["state"].get("subjects") or {}) if answer else {}
            found += page
            if not page or len(found) >= (answer or {}).get("total", 0):
                return found

    async def create_stream(self, config: dict[str, Any]) -> None:
        await self._ask(f"STREAM.CREATE.{config['name']}", config)

    async def update_stream(self, config: dict[str, Any]) -> None:
        await self._ask(f"STREAM.UPDATE.{config['name']}", config)

    async def delete_consumer(self, stream: str, name: str) -> None:
        """Delete a consumer, if it is there. What it had not settled stays in the stream."""
        await self._ask(f"CONSUMER.DELETE.{stream}.{name}", {}, absent=CONSUMER_NOT_FOUND)

    async def consumer(self, stream: str, name: str) -> dict[str, Any] | None:
        """The configuration of a consumer, None where there is none."""
        answer = await self._ask(f"CONSUMER.INFO.{stream}.{name}", {}, absent=CONSUMER_NOT_FOUND)
        return answer["config"] if answer else None

    async def consumer_state(self, stream: str, name: str) -> dict[str, Any] | None:
        """What a consumer has to do (``num_pending``, ``num_ack_pending``, …), None where there is none."""
        return await self._ask(f"CONSUMER.INFO.{stream}.{name}", {}, absent=CONSUMER_NOT_FOUND)

    async def create_consumer(self, stream: str, config: dict[str, Any]) -> None:
        request = {"stream_name": stream, "config": config}
        await self._ask(f"CONSUMER.DURABLE.CREATE.{stream}.{config['durable_name']}", request)

    async def delete_message(self, stream: str, sequence: int) -> None:
        """Delete one message of a stream."""
        await self._ask(f"STREAM.MSG.DELETE.{stream}", {"seq": sequence, "no_erase": True})

    async def _ask(self, call: str, request: dict[str, Any], *, absent: int | None = None) -> dict[str, Any] | None:
        give_up_at = time.monotonic() + self._settle_seconds_max
        while True:
            answer = await self._ask_once(call, request, may_wait=time.monotonic() < give_up_at)
            if answer is None:
                await asyncio.sleep(SETTLE_PAUSE_SECONDS)
                continue
            problem = answer.get("error")
            if not problem:
                return answer
            if absent is not None and problem.get("err_code") == absent:
                return None
            if problem.get("err_code") not in UNSETTLED or time.monotonic() > give_up_at:
                raise TerminalError(Code.INTERNAL, f"JetStream refuses {call}: {problem.get('description')}")
            await asyncio.sleep(SETTLE_PAUSE_SECONDS)

    async def _ask_once(self, call: str, request: dict[str, Any], *, may_wait: bool) -> dict[str, Any] | None:
        """JetStream's answer; None where there was none and the caller may wait for one. Raises RetryableError."""
        try:
            reply = await self._client.request(f"$JS.API.{call}", json.dumps(request).encode(), timeout=5)
        except (TimeoutError, nats.errors.Error) as error:
            if may_wait:
                return None
            raise RetryableError(Code.BUS_UNAVAILABLE, f"JetStream does not answer {call}.") from error
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            # nats-py waits with Python 3.11's `wait_for`, which loses a cancellation that comes with the answer.
            raise asyncio.CancelledError
        return json.loads(reply.data)
