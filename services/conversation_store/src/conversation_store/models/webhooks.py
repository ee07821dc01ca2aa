"""Addresses that are told when a user's runs end."""

from datetime import datetime

from sqlalchemy import Index
from sqlmodel import Field

from conversation_store.models.base import Table, text_column, time_column


class Webhook(Table, table=True):
    """An address and the secret with which it knows us. ``previous_secret`` holds for a day after ``rotated_at``."""

    __table_args__ = (Index("webhook_user_id_index", "user_id"),)

    webhook_id: str = Field(sa_column=text_column(primary_key=True))
    user_id: str = Field(sa_column=text_column(references="user.user_id"))
    url: str = Field(sa_column=text_column())
    secret: str = Field(sa_column=text_column())
    previous_secret: str | None = Field(default=None, sa_column=text_column(nullable=True))
    rotated_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    created_at: datetime = Field(sa_column=time_column())
    last_attempt_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    last_error: str | None = Field(default=None, sa_column=text_column(nullable=True))
