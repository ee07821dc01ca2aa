"""Other systems: the tokens by which they begin turns, and where they are told of ends."""

from datetime import datetime
from typing import Final, Literal, get_args

from contracts.identity import UserId
from contracts.ids import (
    AssistantId,
    ConversationId,
    RunId,
    ServiceTokenId,
    WebhookId,
)
from contracts.message import Body, Reply

RunEnd = Literal["run.completed", "run.failed", "run.cancelled"]
RUN_ENDS: Final[tuple[RunEnd, ...]] = get_args(RunEnd)
DeliveryStatus = Literal["retrying", "delivered", "given_up"]


class ServiceTokenView(Body):
    """A service token without its secret. Without ``user_ids`` or ``assistant_ids``: for all of them."""

    token_id: ServiceTokenId
    name: str
    user_ids: tuple[UserId, ...] = ()
    assistant_ids: tuple[AssistantId, ...] = ()
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class ServiceTokenReply(Reply):
    """One service token."""

    token: ServiceTokenView


class ServiceTokenList(Reply):
    """Service tokens, the newest first."""

    data: tuple[ServiceTokenView, ...]


class WebhookView(Body):
    """A webhook without its secret. ``last_error``: why its last attempt has failed; absent where it was taken."""

    webhook_id: WebhookId
    url: str
    events: tuple[RunEnd, ...] = RUN_ENDS
    created_at: datetime
    last_attempt_at: datetime | None = None
    last_error: str | None = None


class WebhookMade(Reply):
    """A webhook and its secret, as Standard Webhooks writes one (``whsec_…``)."""

    webhook: WebhookView
    secret: str


class WebhookList(Reply):
    """Webhooks, the newest first."""

    data: tuple[WebhookView, ...]


class DeliveryView(Body):
    """How a webhook was told of one run's end. ``error``: why the last attempt has failed.

    ``event`` and ``conversation_id`` are absent where the run is gone.
    """

    run_id: RunId
    conversation_id: ConversationId | None = None
    event: RunEnd | None = None
    status: DeliveryStatus
    attempts_count: int
    last_attempt_at: datetime
    error: str | None = None


class DeliveryList(Reply):
    """The last deliveries of a webhook, the newest first."""

    data: tuple[DeliveryView, ...]


class DeliveryPrepared(Reply):
    """One attempt: what is sent where. ``headers`` hold the signature, which is good for some minutes."""

    url: str
    headers: dict[str, str]
    body: str
