"""Attachments, and the files that are to be deleted."""

from datetime import datetime

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKeyConstraint, Index, Integer, text
from sqlmodel import Field

from conversation_store.models.base import Table, text_column, time_column


class Attachment(Table, table=True):
    """What is known of a file; its bytes lie in the file store, under ``file_key``. ``used_at``: since when a message
    shows it, or the run that made it has kept it.
    """

    __table_args__ = (
        CheckConstraint("source in ('user', 'tool', 'model')", name="source"),
        CheckConstraint(
            "(state = 'pending' and file_key is null)"
            " or (state = 'stored' and file_key is not null and sha256 is not null)",
            name="state",
        ),
        ForeignKeyConstraint(
            ["conversation_id", "user_id"],
            ["chat.conversation.conversation_id", "chat.conversation.user_id"],
            name="attachment_conversation_id_fkey",
            ondelete="CASCADE",
        ),
        Index("attachment_user_id_index", "user_id", "attachment_id"),
        Index("attachment_conversation_id_index", "conversation_id"),
        Index("attachment_unused_index", "created_at", postgresql_where=text("used_at is null")),
    )

    attachment_id: str = Field(sa_column=text_column(primary_key=True))
    user_id: str = Field(sa_column=text_column(references="user.user_id"))
    conversation_id: str | None = Field(default=None, sa_column=text_column(nullable=True))
    run_id: str | None = Field(default=None, sa_column=text_column(nullable=True))
    source: str = Field(sa_column=text_column())
    state: str = Field(sa_column=text_column())
    name: str = Field(sa_column=text_column())
    mime_type: str = Field(sa_column=text_column())
    size_bytes: int = Field(sa_column=Column(BigInteger(), nullable=False))
    sha256: str | None = Field(default=None, sa_column=text_column(nullable=True))
    width: int | None = Field(default=None, sa_column=Column(Integer(), nullable=True))
    height: int | None = Field(default=None, sa_column=Column(Integer(), nullable=True))
    file_key: str | None = Field(default=None, sa_column=text_column(nullable=True))
    created_at: datetime = Field(sa_column=time_column())
    stored_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    used_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))


class DueFileDeletion(Table, table=True):
    """A file, or all uploads of an attachment, to be deleted from the file store. A trigger writes it."""

    file_key: str = Field(sa_column=text_column(primary_key=True))
    due_at: datetime = Field(sa_column=time_column(primary_key=True))
