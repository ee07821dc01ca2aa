"""The assistants that runners have told of."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint
from sqlmodel import Field

from conversation_store.models.base import Table, json_column, text_column, time_column


class Assistant(Table, table=True):
    """What an assistant looks like, as a runner that serves it said last. Nothing in it belongs to a user."""

    __table_args__ = (CheckConstraint("jsonb_typeof(card) = 'object'", name="card"),)

    assistant_id: str = Field(sa_column=text_column(primary_key=True))
    card: dict[str, Any] = Field(sa_column=json_column())
    registered_at: datetime = Field(sa_column=time_column())
