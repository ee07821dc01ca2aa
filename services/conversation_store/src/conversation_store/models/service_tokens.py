"""Service tokens, with which other systems begin turns for users."""

from datetime import datetime
from typing import Any

from sqlalchemy import Index, UniqueConstraint
from sqlmodel import Field

from conversation_store.models.base import Table, json_column, text_column, time_column


class ServiceToken(Table, table=True):
    """A token by its hash, and for whom it is.

    ``user_id``: who has made it for themselves; that of an operator has none, and no user's transaction sees it.
    """

    __table_args__ = (UniqueConstraint("token_hash"), Index("service_token_user_id_index", "user_id"))

    token_id: str = Field(sa_column=text_column(primary_key=True))
    user_id: str | None = Field(default=None, sa_column=text_column(nullable=True, references="user.user_id"))
    name: str = Field(sa_column=text_column())
    token_hash: str = Field(sa_column=text_column())
    user_ids: Any = Field(sa_column=json_column("[]"))
    assistant_ids: Any = Field(sa_column=json_column("[]"))
    created_at: datetime = Field(sa_column=time_column())
    expires_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    revoked_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    last_used_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
