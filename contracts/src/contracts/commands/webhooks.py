"""Commands about webhooks: addresses of a user that are told when runs end."""

from typing import Annotated, ClassVar, Final
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, StringConstraints

from contracts.identity import Principal, UserId
from contracts.ids import RunId, WebhookId
from contracts.message import Command
from contracts.replies import RUN_ENDS, Done, RunEnd, WebhookMade
from contracts.text import Text

URL_CHARACTERS_MAX: Final = 2_000
OF_THIS_MACHINE: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def _check_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError as error:
        raise ValueError("is no address") from error
    if not host or parts.username is not None or parts.password is not None or parts.fragment:
        raise ValueError("must be an address with a host, without a user or a fragment")
    if parts.scheme != "https" and not (parts.scheme == "http" and host in OF_THIS_MACHINE):
        raise ValueError("must begin with https:// (http:// is for a receiver on this machine, while it is developed)")
    return url


WebhookUrl = Annotated[
    str,
    StringConstraints(pattern=r"^[\x21-\x7e]+$", max_length=URL_CHARACTERS_MAX),
    AfterValidator(_check_url),
]


class CreateWebhook(Command[WebhookMade]):
    """Tell an address of runs of the user that end. Its secret is in this reply, and never told again.

    Errors: quota_exceeded, forbidden.
    """

    subject_template: ClassVar[str] = "command.conversation_store.create_webhook"
    principal: Principal
    url: WebhookUrl
    events: Annotated[tuple[RunEnd, ...], Field(min_length=1, max_length=len(RUN_ENDS))] = RUN_ENDS


class RotateWebhookSecret(Command[WebhookMade]):
    """Give a webhook another secret; for a day deliveries are signed with the old one as well. Errors: not_found."""

    subject_template: ClassVar[str] = "command.conversation_store.rotate_webhook_secret"
    principal: Principal
    webhook_id: WebhookId


class DeleteWebhook(Command[Done]):
    """Tell an address no more, not even what waits to be told. Errors: not_found."""

    subject_template: ClassVar[str] = "command.conversation_store.delete_webhook"
    principal: Principal
    webhook_id: WebhookId


class DeliverWebhook(Command[None]):
    """Tell a webhook that a run has ended. Waits in the stream WEBHOOKS; who delivers asks the store what to send."""

    subject_template: ClassVar[str] = "webhook.{user_token}.{webhook_id}.deliver"
    user_id: UserId
    webhook_id: WebhookId
    run_id: RunId


class RetryDelivery(Command[Done]):
    """Tell a webhook of a run's end once more; nothing where it is being told already. Errors: not_found, forbidden."""

    subject_template: ClassVar[str] = "command.conversation_store.retry_delivery"
    principal: Principal
    webhook_id: WebhookId
    run_id: RunId


class RecordDelivery(Command[Done]):
    """Keep how an attempt went, for the webhook's user to see. ``error``: absent where it was taken.

    ``is_given_up``: nobody will try again.
    """

    subject_template: ClassVar[str] = "command.conversation_store.record_delivery"
    user_id: UserId
    webhook_id: WebhookId
    error: Annotated[Text, Field(max_length=500)] | None = None
    run_id: RunId | None = None
    attempt: Annotated[int, Field(ge=1)] = 1
    is_given_up: bool = False
