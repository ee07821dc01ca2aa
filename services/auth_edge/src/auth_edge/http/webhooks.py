"""Webhooks: a user makes, lists, deletes them, gives one another secret, and sees and repeats what it was told."""

from datetime import datetime
from typing import Annotated, Self

from contracts.commands import CreateWebhook, DeleteWebhook, RetryDelivery, RotateWebhookSecret, WebhookUrl
from contracts.ids import ConversationId, RunId, WebhookId
from contracts.queries import ListDeliveries, ListWebhooks
from contracts.replies import RUN_ENDS, DeliveryStatus, DeliveryView, RunEnd, WebhookMade, WebhookView
from pydantic import BaseModel, ConfigDict, Field

from auth_edge.http.bodies import Sent
from auth_edge.http.call import UserCall, user_router
from auth_edge.http.documented import problems
from auth_edge.http.parameters import RunIdInPath, WebhookIdInPath

router = user_router("webhooks")


class NewWebhook(Sent):
    """An address to be told when runs end: of all of them, or of these `events`."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"url": "https://shop.example.org/natter"}]})

    url: WebhookUrl
    events: Annotated[tuple[RunEnd, ...], Field(min_length=1, max_length=len(RUN_ENDS), strict=False)] = RUN_ENDS


class Webhook(BaseModel):
    """An address that is told when runs end; `last_error` is why its last attempt has failed."""

    webhook_id: WebhookId
    url: str
    events: list[RunEnd]
    created_at: datetime
    last_attempt_at: datetime | None
    last_error: str | None

    @classmethod
    def of(cls, view: WebhookView) -> Self:
        return cls(**view.model_dump())


class MadeWebhook(Webhook):
    """A webhook with its secret, which is told this once."""

    secret: str = Field(description="`whsec_` and base64, as libraries for Standard Webhooks take it.")


class WebhookList(BaseModel):
    """Webhooks, the newest first."""

    data: list[Webhook]


class Delivery(BaseModel):
    """How a webhook was told of one run's end; `error` is why its last attempt has failed."""

    run_id: RunId
    conversation_id: ConversationId | None
    event: RunEnd | None
    status: DeliveryStatus = Field(description="`retrying`: it is told again; `given_up`: only on request.")
    attempts_count: int
    last_attempt_at: datetime
    error: str | None

    @classmethod
    def of(cls, view: DeliveryView) -> Self:
        return cls(**view.model_dump())


class DeliveryList(BaseModel):
    """The last deliveries of a webhook, the newest first."""

    data: list[Delivery]


@router.post("/webhooks", status_code=201, summary="Have an address told when runs end")
async def create_webhook(call: UserCall, sent: NewWebhook) -> MadeWebhook:
    """From now on the address gets a POST for each run of yours that ends, signed after Standard Webhooks with the
    secret that is in this answer alone. What it does not take (2xx) it is told again, for a day; 410 ends that.
    """
    return _made(await call.ask(CreateWebhook(principal=call.principal, url=sent.url, events=sent.events)))


@router.get("/webhooks", summary="List webhooks")
async def list_webhooks(call: UserCall) -> WebhookList:
    """The newest first, with how the last attempt went, and without their secrets."""
    found = await call.ask(ListWebhooks(principal=call.principal))
    return WebhookList(data=[Webhook.of(view) for view in found.data])


@router.post("/webhooks/{webhook_id}/secret", summary="Rotate a webhook's secret", responses=problems(404))
async def rotate_secret(call: UserCall, webhook_id: WebhookIdInPath) -> MadeWebhook:
    """Another secret, in this answer alone; for a day each delivery is signed with both."""
    return _made(await call.ask(RotateWebhookSecret(principal=call.principal, webhook_id=webhook_id)))


@router.delete("/webhooks/{webhook_id}", status_code=204, summary="Delete a webhook", responses=problems(404))
async def delete_webhook(call: UserCall, webhook_id: WebhookIdInPath) -> None:
    """The address is told no more, not even what waits to be told."""
    await call.ask(DeleteWebhook(principal=call.principal, webhook_id=webhook_id))


@router.get("/webhooks/{webhook_id}/deliveries", summary="List a webhook's last deliveries", responses=problems(404))
async def list_deliveries(call: UserCall, webhook_id: WebhookIdInPath) -> DeliveryList:
    """The newest first: what was taken, what is told again, and what was given up, with the reason."""
    found = await call.ask(ListDeliveries(principal=call.principal, webhook_id=webhook_id))
    return DeliveryList(data=[Delivery.of(view) for view in found.data])


@router.post(
    "/webhooks/{webhook_id}/deliveries/{run_id}",
    status_code=202,
    summary="Tell a webhook again",
    responses=problems(404),
)
async def retry_delivery(call: UserCall, webhook_id: WebhookIdInPath, run_id: RunIdInPath) -> None:
    """Tells the address of this run's end once more, with the same `webhook-id`."""
    await call.ask(RetryDelivery(principal=call.principal, webhook_id=webhook_id, run_id=run_id))


def _made(made: WebhookMade) -> MadeWebhook:
    return MadeWebhook(**Webhook.of(made.webhook).model_dump(), secret=made.secret)
