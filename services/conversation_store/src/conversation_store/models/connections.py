"""What users have allowed at foreign MCP servers."""

from datetime import datetime

from sqlalchemy import CheckConstraint, UniqueConstraint
from sqlmodel import Field

from conversation_store.models.base import Table, count_column, text_column, time_column


class Connection(Table, table=True):
    """A user's tokens for a server, or the question for them. ``sealed`` is encrypted by the runners' key.

    ``code`` is what an authorization server has answered: good for one exchange, together with what is sealed.
    """

    __table_args__ = (
        UniqueConstraint("state_hash"),
        CheckConstraint("status in ('asked', 'consented', 'declined', 'connected')", name="status"),
    )

    user_id: str = Field(sa_column=text_column(primary_key=True, references="user.user_id"))
    server: str = Field(sa_column=text_column(primary_key=True))
    label: str = Field(sa_column=text_column())
    status: str = Field(sa_column=text_column())
    sealed: str = Field(sa_column=text_column())
    version: int = Field(default=0, sa_column=count_column())
    scope: str | None = Field(default=None, sa_column=text_column(nullable=True))
    state_hash: str | None = Field(default=None, sa_column=text_column(nullable=True))
    authorization_url: str | None = Field(default=None, sa_column=text_column(nullable=True))
    asked_until: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    code: str | None = Field(default=None, sa_column=text_column(nullable=True))
    issuer: str | None = Field(default=None, sa_column=text_column(nullable=True))
    error: str | None = Field(default=None, sa_column=text_column(nullable=True))
    connected_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    created_at: datetime = Field(sa_column=time_column())
    updated_at: datetime = Field(sa_column=time_column())
