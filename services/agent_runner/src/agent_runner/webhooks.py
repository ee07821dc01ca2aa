"""Tells webhooks that runs have ended. The runner does it because it alone reaches outside (ADR 60)."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Final

import httpx2
import structlog
from actor_kit.actor import Actor, Delivery, Handlers
from actor_kit.bus import Bus
from contracts.commands import DeliverWebhook, RecordDelivery
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from contracts.message import Message
from contracts.queries import PrepareDelivery

from agent_runner.address_guard import PrivateAddressError, keep_public
from agent_runner.metrics import WEBHOOKS
from agent_runner.settings import Settings

log = structlog.get_logger()

DELIVERY_SECONDS_MAX: Final = 15.0
PAUSE_GROWTH: Final = 5
PAUSE_SECONDS_MAX: Final = 10 * 3600.0
GONE: Final = 410
DELIVERIES_MAX: Final = 8
"""Of this runner at once: receivers are slow, and answers of the model come first."""


@dataclass(frozen=True)
class WebhookSender(Actor):
    """Each delivery is signed by the store and sent once; what fails comes again after a pause that grows."""

    bus: Bus
    http: httpx2.AsyncClient
    pause_seconds_first: float

    @classmethod
    @asynccontextmanager
    async def open(cls, bus: Bus, settings: Settings) -> AsyncGenerator["WebhookSender"]:
        client = httpx2.AsyncClient(timeout=DELIVERY_SECONDS_MAX, follow_redirects=False)
        if settings.webhook_private_addresses == "refuse":
            keep_public(client)
        async with client:
            yield cls(bus, client, settings.webhook_pause_seconds_first)

    @property
    def handlers(self) -> Handlers:
        return {DeliverWebhook: self.on_deliver_webhook}

    async def on_deliver_webhook(self, command: DeliverWebhook, delivery: Delivery) -> None:
        """Raises RetryableError (webhook_failed), TerminalError (webhook_failed) where another attempt is of no use."""
        pause = min(self.pause_seconds_first * PAUSE_GROWTH ** (delivery.attempt - 1), PAUSE_SECONDS_MAX)
        try:
            await self._deliver(command, delivery.attempt)
        except RetryableError as error:  # whichever it was: the store or the bus may be away as long as a receiver
            WEBHOOKS.labels("failed").inc()
            raise RetryableError(error.code, error.detail, retry_after_seconds=pause) from error
        except TerminalError:
            WEBHOOKS.labels("failed").inc()
            raise

    async def on_exhausted(self, message: Message, delivery: Delivery, error: NatterError) -> None:
        assert isinstance(message, DeliverWebhook)  # the only message here
        await self._record(message, delivery.attempt, error, is_given_up=True)

    async def _deliver(self, command: DeliverWebhook, attempt: int) -> None:
        try:
            prepared = await self.bus.request(PrepareDelivery(**command.model_dump()))
        except TerminalError as error:
            if error.code == Code.NOT_FOUND:  # the webhook or the conversation was deleted: nobody wants to know
                return
            raise
        try:
            await self._send(prepared.url, prepared.headers, prepared.body)
        except RetryableError as error:
            await self._record(command, attempt, error)
            raise
        WEBHOOKS.labels("ok").inc()
        await self._record(command, attempt)

    async def _send(self, url: str, headers: dict[str, str], body: str) -> None:
        """Raises RetryableError, TerminalError. What the receiver says is not read: its status is its answer."""
        try:
            async with self.http.stream("POST", url, headers=headers, content=body.encode()) as answer:
                status = answer.status_code
        except httpx2.ConnectError as error:
            if _is_private(error):
                raise TerminalError(Code.WEBHOOK_FAILED, "The receiver's name stands for a private address.") from error
            raise _failed("The receiver cannot be reached.") from error
        except httpx2.HTTPError as error:
            raise _failed(f"The receiver did not answer: {type(error).__name__}.") from error
        if status == GONE:
            raise TerminalError(Code.WEBHOOK_FAILED, "The receiver says that it is gone (410).")
        if not 200 <= status < 300:
            raise _failed(f"The receiver answered {status}.")

    async def _record(
        self, command: DeliverWebhook, attempt: int, error: NatterError | None = None, *, is_given_up: bool = False
    ) -> None:
        told = None if error is None else error.detail[:500]
        with suppress(NatterError):  # only for people to see
            await self.bus.request(
                RecordDelivery(**command.model_dump(), attempt=attempt, error=told, is_given_up=is_given_up)
            )


def _is_private(error: BaseException | None) -> bool:
    while error is not None:
        if isinstance(error, PrivateAddressError):
            return True
        error = error.__cause__ or error.__context__
    return False


def _failed(detail: str) -> RetryableError:
    return RetryableError(Code.WEBHOOK_FAILED, detail)
