"""The inbox of a connection: one subscription for all answers, which hands each to whoever waits for it."""

import asyncio
from collections.abc import Callable, Mapping

from nats.aio.msg import Msg

from actor_kit.bus.nats_internals import Client


class Inbox:
    """Gives out reply subjects below one wildcard subscription, so that a request needs no subscription of its own."""

    def __init__(self, client: Client, inbox_prefix: str) -> None:
        self._client = client
        self._prefix = f"{inbox_prefix}.{client.new_token()}"
        self._expected: dict[str, Callable[[Msg], None]] = {}
        self._last_token = 0

    async def open(self) -> None:
        await self._client.listen(f"{self._prefix}.*", self._on_message)

    def expect(self, on_answer: Callable[[Msg], None]) -> str:
        """A new reply subject, whose answers go to ``on_answer`` until it is forgotten."""
        self._last_token += 1
        reply = f"{self._prefix}.{self._last_token}"
        self._expected[reply] = on_answer
        return reply

    def forget(self, reply: str) -> None:
        self._expected.pop(reply, None)

    def ask(
        self, subject: str, payload: bytes, *, timeout_seconds: float, headers: Mapping[str, str] | None = None
    ) -> asyncio.Future[Msg]:
        """Send at once, and return the future of the one answer; it raises TimeoutError where none came in time.

        Raises nats.errors.Error.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Msg] = loop.create_future()

        def on_answer(message: Msg) -> None:
            if not answer.done():
                answer.set_result(message)

        def on_timeout() -> None:
            if not answer.done():
                answer.set_exception(TimeoutError())

        reply = self.expect(on_answer)
        timer = loop.call_later(timeout_seconds, on_timeout)

        def forget(_answer: asyncio.Future[Msg]) -> None:
            timer.cancel()
            self.forget(reply)

        answer.add_done_callback(forget)
        try:
            self._client.send(subject, payload, reply=reply, headers=headers)
        except BaseException:
            answer.cancel()
            raise
        return answer

    def _on_message(self, message: Msg) -> None:
        # Nobody waits any more for an answer that comes after its deadline.
        on_answer = self._expected.get(message.subject)
        if on_answer is not None:
            on_answer(message)
