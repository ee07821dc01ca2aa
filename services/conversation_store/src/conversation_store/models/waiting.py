"""What runs wait for a person with, and what was decided."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKeyConstraint, Index, UniqueConstraint, text
from sqlmodel import Field

from conversation_store.models.base import Table, count_column, json_column, text_column, time_column
from conversation_store.models.runs import of_conversation


class PendingDecision(Table, table=True):
    """A call that a run waits with, or has waited with. ``verdict`` is absent until it is decided.

    ``message_id``: the item that asks people. ``standing_name``: what "always" would be remembered for. ``wait``: the
    number of the run's wait that the decision belonged to.
    """

    __table_args__ = (
        of_conversation(),
        ForeignKeyConstraint(["run_id"], ["chat.run.run_id"], ondelete="CASCADE"),
        UniqueConstraint("message_id"),
        Index("pending_decision_conversation_id_index", "conversation_id"),
        CheckConstraint("kind in ('approval', 'question', 'client_tool', 'consent')", name="kind"),
        CheckConstraint("verdict in ('approve', 'decline', 'expired', 'cancelled')", name="verdict"),
        Index("pending_decision_due_index", "expires_at", postgresql_where=text("verdict is null")),
    )

    run_id: str = Field(sa_column=text_column(primary_key=True))
    call_id: str = Field(sa_column=text_column(primary_key=True))
    conversation_id: str = Field(sa_column=text_column())
    user_id: str = Field(sa_column=text_column())
    kind: str = Field(sa_column=text_column())
    tool: str = Field(sa_column=text_column())
    arguments: Any = Field(default=None, sa_column=json_column(nullable=True))
    form: dict[str, Any] | None = Field(default=None, sa_column=json_column(nullable=True))
    message_id: str = Field(sa_column=text_column())
    standing_name: str | None = Field(default=None, sa_column=text_column(nullable=True))
    wait: int = Field(default=0, sa_column=count_column())
    verdict: str | None = Field(default=None, sa_column=text_column(nullable=True))
    reason: str | None = Field(default=None, sa_column=text_column(nullable=True))
    answer: Any = Field(default=None, sa_column=json_column(nullable=True))
    created_at: datetime = Field(sa_column=time_column())
    expires_at: datetime = Field(sa_column=time_column())
    decided_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))


class StandingApproval(Table, table=True):
    """A tool whose calls the user has approved for all of a conversation."""

    __table_args__ = (of_conversation(),)

    conversation_id: str = Field(sa_column=text_column(primary_key=True))
    tool: str = Field(sa_column=text_column(primary_key=True))
    user_id: str = Field(sa_column=text_column())
    created_at: datetime = Field(sa_column=time_column())
