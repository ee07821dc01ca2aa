"""Users, their conversations, and the messages (stored items) of those."""

from datetime import datetime
from typing import Any

from contracts.ids import FIRST_ASSISTANT_ID
from sqlalchemy import (
    CheckConstraint,
    Column,
    Computed,
    ForeignKeyConstraint,
    Index,
    Integer,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.dialects.postgresql import TSVECTOR
from sqlmodel import Field

from conversation_store.models.base import (
    Table,
    count_column,
    json_column,
    position_column,
    positions_column,
    text_column,
    time_column,
)


def search_column(source: str) -> Column[Any]:
    """The words of a text, kept by Postgres, each with its owner: see the migration that makes `chat.search_terms`."""
    return Column(TSVECTOR(), Computed(f"chat.search_terms(user_id, {source})", persisted=True))


class User(Table, table=True):
    """A person, known by the subject of their JWT. Everything of theirs hangs on this row."""

    user_id: str = Field(sa_column=text_column(primary_key=True))
    created_at: datetime = Field(sa_column=time_column())
    last_turn_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))


class Conversation(Table, table=True):
    """A conversation with one assistant; ``turns_count`` gives the next turn its positions.

    Its turns are a tree. ``path`` is the branch that one is on, as the positions that are shown, and all those to come.
    ``last_turn`` is its end; absent: the newest turn.
    """

    __table_args__ = (
        UniqueConstraint("conversation_id", "user_id"),
        Index("conversation_recent_index", "user_id", text("updated_at desc"), text("conversation_id desc")),
        CheckConstraint("jsonb_typeof(metadata) = 'object'", name="metadata"),
    )

    conversation_id: str = Field(sa_column=text_column(primary_key=True))
    user_id: str = Field(sa_column=text_column(references="user.user_id"))
    title: str | None = Field(default=None, sa_column=text_column(nullable=True))
    metadata_: dict[str, Any] = Field(sa_column=json_column("{}", name="metadata"))
    openai_conversation_id: str | None = Field(default=None, sa_column=text_column(nullable=True))
    assistant_id: str = Field(
        default=FIRST_ASSISTANT_ID, sa_column=Column(Text(), nullable=False, server_default=FIRST_ASSISTANT_ID)
    )
    turns_count: int = Field(default=0, sa_column=count_column())
    last_turn: int | None = Field(default=None, sa_column=Column(Integer(), nullable=True))
    path: Any = Field(sa_column=positions_column())
    created_at: datetime = Field(sa_column=time_column())
    updated_at: datetime = Field(sa_column=time_column())
    pinned_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    archived_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    status: dict[str, Any] = Field(sa_column=json_column('{"type": "active"}'))
    search: Any = Field(sa_column=search_column("coalesce(title, '')"))


class Message(Table, table=True):
    """A stored item; ``item`` is the exact ChatKit item. The order is ``position``, never a time."""

    __table_args__ = (
        ForeignKeyConstraint(
            ["conversation_id", "user_id"],
            ["chat.conversation.conversation_id", "chat.conversation.user_id"],
            ondelete="CASCADE",
        ),
        UniqueConstraint("conversation_id", "user_id", "position"),
        Index("message_run_id_index", "run_id"),
        # For words that many of a user's messages hold: the newest of them are found by looking from the end.
        Index("message_user_id_created_at_index", "user_id", text("created_at desc")),
        Index("message_search_index", "search", postgresql_using="gin"),
        CheckConstraint("role in ('user', 'assistant')", name="role"),
        CheckConstraint("jsonb_typeof(tool_calls) = 'array'", name="tool_calls"),
        CheckConstraint("jsonb_typeof(item) = 'object'", name="item"),
    )

    message_id: str = Field(sa_column=text_column(primary_key=True))
    conversation_id: str = Field(sa_column=text_column())
    user_id: str = Field(sa_column=text_column())
    run_id: str | None = Field(default=None, sa_column=text_column(nullable=True, references="run.run_id"))
    role: str = Field(sa_column=text_column())
    type: str = Field(sa_column=text_column())
    content: str = Field(sa_column=text_column())
    tool_calls: list[dict[str, Any]] = Field(sa_column=json_column("[]"))
    item: dict[str, Any] = Field(sa_column=json_column())
    position: int = Field(sa_column=position_column())
    created_at: datetime = Field(sa_column=time_column())
    search: Any = Field(sa_column=search_column("content"))


class Feedback(Table, table=True):
    """A user's thumbs up or down for one message; the newest counts."""

    __table_args__ = (
        Index("feedback_user_id_index", "user_id"),
        CheckConstraint("kind in ('positive', 'negative')", name="kind"),
    )

    message_id: str = Field(sa_column=text_column(primary_key=True, references="message.message_id"))
    user_id: str = Field(sa_column=text_column(references="user.user_id"))
    kind: str = Field(sa_column=text_column())
    created_at: datetime = Field(sa_column=time_column())
