"""Other systems: the tokens by which they begin turns, and where they are told of ends."""

from datetime import datetime

from contracts.identity import UserId
from contracts.ids import (
    AssistantId,
    ServiceTokenId,
    WebhookId,
)
from contracts.message import Body, Reply


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


class DeliveryPrepared(Reply):
    """One attempt: what is sent where. ``headers`` hold the signature, which is good for some minutes."""

    url: str
    headers: dict[str, str]
    body: str
