"""Webhooks: addresses of a user that are told when runs end, as Standard Webhooks says (standardwebhooks.com).

The secret stays here: what is sent is signed for each attempt, and whoever sends it gets no more than that.
"""

import base64
import hmac
import secrets
from datetime import datetime
from typing import Final

from contracts.commands import CreateWebhook, DeleteWebhook, RecordDelivery, RetryDelivery, RotateWebhookSecret
from contracts.errors import TerminalError
from contracts.ids import WebhookId
from contracts.message import Json
from contracts.queries import ListDeliveries, ListWebhooks, PrepareDelivery
from contracts.replies import (
    DeliveryList,
    DeliveryPrepared,
    DeliveryView,
    Done,
    WebhookList,
    WebhookMade,
    WebhookView,
)

from conversation_store import access, audit
from conversation_store.database import Database, Row, Transaction
from conversation_store.outbox import enqueue
from conversation_store.runs.finish import END_EVENTS
from conversation_store.statements import Statements, json_text
from conversation_store.turns.rules import quota_exceeded
from conversation_store.users import check_not_bound
from conversation_store.views import loads

sql = Statements.beside(__file__)

SECRET_PREFIX: Final = "whsec_"  # noqa: S105 - what such secrets begin with
SECRET_BYTES: Final = 32
DELIVERIES_KEPT_MAX: Final = 30


def new_secret() -> str:
    return SECRET_PREFIX + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def signature(secret: str, message_id: str, timestamp: int, body: str) -> str:
    """Version 1: HMAC-SHA256 over id, time and body."""
    key = base64.b64decode(secret.removeprefix(SECRET_PREFIX))
    signed = hmac.digest(key, f"{message_id}.{timestamp}.{body}".encode(), "sha256")
    return f"v1,{base64.b64encode(signed).decode()}"


async def create_webhook(
    transaction: Transaction, command: CreateWebhook, webhook_id: WebhookId, secret: str, *, webhooks_max: int
) -> WebhookMade:
    """Keep an address with a secret. Raises TerminalError: forbidden (a chat session), quota_exceeded."""
    check_not_bound(command.principal)
    await transaction.execute(sql.know_user, command)
    row = await transaction.row(sql.create, command, webhook_id=webhook_id, secret=secret, webhooks_max=webhooks_max)
    if row is None:
        raise quota_exceeded(f"At most {webhooks_max} webhooks are kept.", "webhooks")
    await audit.note(transaction, command.principal.user_id, "webhook_begun", webhook_id=webhook_id)
    return WebhookMade(webhook=_view(row), secret=secret)


async def list_webhooks(transaction: Transaction, query: ListWebhooks) -> WebhookList:
    """The newest first. Raises TerminalError (forbidden)."""
    check_not_bound(query.principal)
    rows = await transaction.rows(sql.list, query)
    return WebhookList(data=tuple(_view(row) for row in rows))


async def rotate_secret(transaction: Transaction, command: RotateWebhookSecret, secret: str) -> WebhookMade:
    """Sign with another secret, and for a day with the old one as well. Raises TerminalError: forbidden, not_found."""
    check_not_bound(command.principal)
    row = await transaction.row(sql.rotate, command, secret=secret)
    if row is None:
        raise TerminalError.not_found("webhook")
    await audit.note(transaction, command.principal.user_id, "webhook_secret_rotated", webhook_id=command.webhook_id)
    return WebhookMade(webhook=_view(row), secret=secret)


async def delete_webhook(transaction: Transaction, command: DeleteWebhook) -> Done:
    """Forget it. Raises TerminalError: forbidden, not_found."""
    check_not_bound(command.principal)
    if not await transaction.execute(sql.delete, command):
        raise TerminalError.not_found("webhook")
    await audit.note(transaction, command.principal.user_id, "webhook_ended", webhook_id=command.webhook_id)
    return Done()


async def prepare_delivery(database: Database, query: PrepareDelivery) -> DeliveryPrepared:
    """The end of a run as its webhook is told it, signed now. Raises TerminalError (not_found: one of them is gone)."""
    named = {"user_id": query.user_id, "webhook_id": query.webhook_id, "run_id": query.run_id}
    row = await database.transact(query.user_id, lambda t: t.row(sql.prepare, **named))
    if row is None:
        raise TerminalError.not_found("webhook")
    message_id, timestamp = f"{query.run_id}_{query.webhook_id}", int(row["now"].timestamp())
    body = json_text(_told(row))
    known = [row["secret"], *([row["previous_secret"]] if row["previous_holds"] else [])]
    headers = {
        "content-type": "application/json",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": " ".join(signature(secret, message_id, timestamp, body) for secret in known),
    }
    return DeliveryPrepared(url=row["url"], headers=headers, body=body)


async def record_delivery(database: Database, command: RecordDelivery) -> Done:
    """Keep how an attempt went, beside the last others of its webhook."""
    status = "delivered" if command.error is None else "given_up" if command.is_given_up else "retrying"
    told = {
        "user_id": command.user_id,
        "webhook_id": command.webhook_id,
        "run_id": command.run_id,
        "attempt": command.attempt,
        "error": command.error,
        "status": status,
        "deliveries_max": DELIVERIES_KEPT_MAX,
    }
    await database.transact(command.user_id, lambda t: t.execute(sql.record, **told), is_durable=False)
    return Done()


async def list_deliveries(transaction: Transaction, query: ListDeliveries) -> DeliveryList:
    """The newest first. Raises TerminalError: forbidden, not_found."""
    check_not_bound(query.principal)
    if await transaction.value(sql.owned, query) is None:
        raise TerminalError.not_found("webhook")
    rows = await transaction.rows(sql.deliveries, query, limit=DELIVERIES_KEPT_MAX)
    return DeliveryList(data=tuple(DeliveryView(**row) for row in rows))


async def retry_delivery(transaction: Transaction, command: RetryDelivery) -> Done:
    """Have a runner tell it again, as a delivery of its own. Raises TerminalError: forbidden, not_found."""
    check_not_bound(command.principal)
    await access.owned_run(transaction, command.principal, command.run_id)
    status = await transaction.value(sql.retry_delivery, command)
    if status is None:
        raise TerminalError.not_found("delivery")
    if status != "retrying":
        user_id = command.principal.user_id
        again = enqueue.deliver_webhook(user_id, command.webhook_id, command.run_id)
        await enqueue.enqueue(transaction, user_id, [again])
    return Done()


def _told(row: Row) -> Json:
    """Ids and states: what was said is asked for, with a token, by whoever may read it."""
    finished_at: datetime = row["finished_at"]
    data: Json = {
        "run_id": row["run_id"],
        "conversation_id": row["conversation_id"],
        "user_id": row["user_id"],
        "assistant_id": row["assistant_id"],
        "status": row["status"],
        "error_code": row["error_code"],
        "schedule_id": row["schedule_id"],
        "usage": None if row["usage"] is None else loads(row["usage"]),
    }
    return {"type": END_EVENTS[row["status"]], "timestamp": finished_at.isoformat(), "data": data}


def _view(row: Row) -> WebhookView:
    return WebhookView(**{name: row[name] for name in WebhookView.model_fields})
