"""The inbox of a connection: one subscription for all answers, which hands each to whoever waits for it."""

import asyncio
from collections.abc import Callable, Mapping

from nats.aio.msg import Msg

from actor_kit.bus.nats_internals import Client

SWEEP_SECONDS = 0.25


class Inbox:
    """Gives out reply subjects below one wildcard subscription, so that a request needs no subscription of its own."""

    def __init__(self, client: Client, inbox_prefix: str) -> None:
        self._client = client
        self._prefix = f"{inbox_prefix}.{client.new_token()}"
        self._expected: dict[str, Callable[[Msg], None]] = {}
        self._posted: dict[str, tuple[float, Callable[[Msg | None], None]]] = {}
        self._sweeping: asyncio.TimerHandle | None = None
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

    def post(
        self,
        subject: str,
        payload: bytes,
        *,
        timeout_seconds: float,
        headers: Mapping[str, str] | None = None,
        on_answer: Callable[[Msg | None], None],
    ) -> None:
        """Send at once; ``on_answer`` is called with the one answer as it is read, or with None where it did not come.

        `ask` without a future and a timer of its own, for who does it thousands of times a second: that no answer came
        is noticed up to `SWEEP_SECONDS` late. Raises nats.errors.Error.
        """
        loop = asyncio.get_running_loop()
        self._last_token += 1
        reply = f"{self._prefix}.{self._last_token}"
        self._client.send(subject, payload, reply=reply, headers=headers)
        self._posted[reply] = (loop.time() + timeout_seconds, on_answer)
        if self._sweeping is None:
            self._sweeping = loop.call_later(SWEEP_SECONDS, self._sweep)

    def _sweep(self) -> None:
        """Tell those whose answer is overdue."""
        loop = asyncio.get_running_loop()
        now, self._sweeping = loop.time(), None
        for reply in [reply for reply, (deadline, _) in self._posted.items() if deadline <= now]:
            _, on_answer = self._posted.pop(reply)
            on_answer(None)
        if self._posted and self._sweeping is None:
            self._sweeping = loop.call_later(SWEEP_SECONDS, self._sweep)

    def _on_message(self, message: Msg) -> None:
        posted = self._posted.pop(message.subject, None)
        if posted is not None:
            posted[1](message)
            return
        # Nobody waits any more for an answer that comes after its deadline.
        on_answer = self._expected.get(message.subject)
        if on_answer is not None:
            on_answer(message)
