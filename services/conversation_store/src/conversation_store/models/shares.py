"""Links with which strangers read a conversation."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, ForeignKeyConstraint, Index, UniqueConstraint
from sqlalchemy.dialects.postgresql import INT8MULTIRANGE
from sqlmodel import Field

from conversation_store.models.base import Table, text_column, time_column


class Share(Table, table=True):
    """A link; ``path`` is the positions that were shown when it was made. Its token is known by its hash alone."""

    __table_args__ = (
        ForeignKeyConstraint(
            ["conversation_id", "user_id"],
            ["chat.conversation.conversation_id", "chat.conversation.user_id"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("token_hash"),
        Index("share_conversation_id_index", "conversation_id"),
        Index("share_user_id_index", "user_id"),
    )

    share_id: str = Field(sa_column=text_column(primary_key=True))
    user_id: str = Field(sa_column=text_column())
    conversation_id: str = Field(sa_column=text_column())
    token_hash: str = Field(sa_column=text_column())
    title: str | None = Field(default=None, sa_column=text_column(nullable=True))
    path: Any = Field(sa_column=Column(INT8MULTIRANGE(), nullable=False))
    created_at: datetime = Field(sa_column=time_column())
