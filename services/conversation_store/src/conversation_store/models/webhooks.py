"""Addresses that are told when a user's runs end, and how that went."""

from datetime import datetime

from sqlalchemy import ARRAY, CheckConstraint, Column, Index, Text, text
from sqlmodel import Field

from conversation_store.models.base import Table, count_column, text_column, time_column

EVERY_END = "'{run.completed,run.failed,run.cancelled}'"


class Webhook(Table, table=True):
    """An address and the secret with which it knows us. ``previous_secret`` holds for a day after ``rotated_at``."""

    __table_args__ = (Index("webhook_user_id_index", "user_id"),)

    webhook_id: str = Field(sa_column=text_column(primary_key=True))
    user_id: str = Field(sa_column=text_column(references="user.user_id"))
    url: str = Field(sa_column=text_column())
    events: list[str] = Field(sa_column=Column(ARRAY(Text()), nullable=False, server_default=text(EVERY_END)))
    secret: str = Field(sa_column=text_column())
    previous_secret: str | None = Field(default=None, sa_column=text_column(nullable=True))
    rotated_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    created_at: datetime = Field(sa_column=time_column())
    last_attempt_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    last_error: str | None = Field(default=None, sa_column=text_column(nullable=True))


class WebhookDelivery(Table, table=True):
    """How a webhook was told of one run's end: the last of each webhook are kept."""

    __table_args__ = (
        Index("webhook_delivery_user_id_index", "user_id"),
        CheckConstraint("status in ('retrying', 'delivered', 'given_up')", name="status"),
    )

    webhook_id: str = Field(sa_column=text_column(primary_key=True, references="webhook.webhook_id"))
    run_id: str = Field(sa_column=text_column(primary_key=True))
    user_id: str = Field(sa_column=text_column(references="user.user_id"))
    status: str = Field(sa_column=text_column())
    attempts_count: int = Field(default=0, sa_column=count_column())
    error: str | None = Field(default=None, sa_column=text_column(nullable=True))
    last_attempt_at: datetime = Field(sa_column=time_column())
