"""Runs, what the model saw and said in them, and the ledger of their tool calls."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Double,
    ForeignKeyConstraint,
    Index,
    Integer,
    UniqueConstraint,
    text,
)
from sqlmodel import Field

from conversation_store.models.base import (
    Table,
    count_column,
    flag_column,
    json_column,
    position_column,
    text_column,
    time_column,
)

WAITING = "status = 'queued' and not is_active"
UNFINISHED = "status in ('queued', 'running')"
OPEN = "status in ('queued', 'running', 'waiting')"


def of_conversation() -> ForeignKeyConstraint:
    """The row's owner must be the conversation's: a mix-up is refused by the database itself."""
    return ForeignKeyConstraint(
        ["conversation_id", "user_id"],
        ["chat.conversation.conversation_id", "chat.conversation.user_id"],
        ondelete="CASCADE",
    )


class Run(Table, table=True):
    """One execution that answers a turn. ``is_active``: the one run of its conversation that may be worked on.

    ``parent_turn`` is the turn that this one follows, 0 where it is a first one; absent: the one before it; -1: it is
    on no branch, as an earlier release has deleted its items. A run that is queued and not active waits behind the
    active one. ``epoch`` counts the claims; ``lease_expires_at`` is until when the last one holds. ``stalls_count``:
    how often it stopped its runner's loop. ``action``: what the run is about where it is no message; then
    ``user_message_id`` is that of the widget. ``schedule_id``: the schedule that it was due by; then it is of no item.
    ``trace_id``: of the request that began it, for operators.
    ``waits_count``: how often it has waited for a person, or still does, since
    ``waiting_since``; in all ``seconds_waited``, without the wait that goes on. ``epoch_waited``: its epoch when it
    last began to wait, for only the claims after that are attempts that failed.
    """

    __table_args__ = (
        of_conversation(),
        # A conversation has one owner, so these are unique per conversation; with both columns, every statement that
        # filters by owner finds its rows in one index whatever the planner guesses.
        Index("run_active_key", "conversation_id", "user_id", unique=True, postgresql_where=text("is_active")),
        Index("run_waiting_index", "conversation_id", "user_id", "turn", postgresql_where=text(WAITING)),
        Index(
            "run_idempotency_key",
            "user_id",
            "idempotency_key",
            unique=True,
            postgresql_where=text("idempotency_key is not null"),
        ),
        UniqueConstraint("conversation_id", "turn"),
        Index("run_user_id_created_at_index", "user_id", "created_at"),
        Index("run_unfinished_index", "user_id", postgresql_where=text(UNFINISHED)),
        Index("run_failed_index", "finished_at", postgresql_where=text("status = 'failed'")),
        Index("run_recent_index", "created_at", "run_id"),
        Index("run_waits_index", "user_id", "waiting_since", postgresql_where=text("status = 'waiting'")),
        CheckConstraint(
            "status in ('queued', 'running', 'waiting', 'completed', 'failed', 'cancelled')", name="status"
        ),
        CheckConstraint(f"not is_active or {OPEN}", name="active"),
    )

    run_id: str = Field(sa_column=text_column(primary_key=True))
    conversation_id: str = Field(sa_column=text_column())
    user_id: str = Field(sa_column=text_column())
    turn: int = Field(sa_column=count_column())
    parent_turn: int | None = Field(default=None, sa_column=Column(Integer(), nullable=True))
    status: str = Field(sa_column=text_column())
    is_active: bool = Field(default=False, sa_column=flag_column())
    cancel_requested: bool = Field(default=False, sa_column=flag_column())
    epoch: int = Field(default=0, sa_column=count_column())
    runner_id: str | None = Field(default=None, sa_column=text_column(nullable=True))
    lease_expires_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    requests_count: int = Field(default=0, sa_column=count_column())
    requested_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    user_message_id: str | None = Field(default=None, sa_column=text_column(nullable=True))
    idempotency_key: str | None = Field(default=None, sa_column=text_column(nullable=True))
    body_hash: str | None = Field(default=None, sa_column=text_column(nullable=True))
    inference_options: dict[str, Any] = Field(sa_column=json_column("{}"))
    items_count: int = Field(default=0, sa_column=count_column())
    session_items_count: int = Field(default=0, sa_column=count_column())
    checkpoints_count: int = Field(default=0, sa_column=count_column())
    stalls_count: int = Field(default=0, sa_column=count_column())
    waits_count: int = Field(default=0, sa_column=count_column())
    epoch_waited: int = Field(default=0, sa_column=count_column())
    seconds_waited: float = Field(default=0.0, sa_column=Column(Double(), nullable=False, server_default=text("0")))
    waiting_since: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    agent_name: str | None = Field(default=None, sa_column=text_column(nullable=True))
    requester: dict[str, Any] = Field(sa_column=json_column("{}"))
    action: dict[str, Any] | None = Field(default=None, sa_column=json_column(nullable=True))
    schedule_id: str | None = Field(default=None, sa_column=text_column(nullable=True))
    trace_id: str | None = Field(default=None, sa_column=text_column(nullable=True))
    model: str | None = Field(default=None, sa_column=text_column(nullable=True))
    usage: dict[str, Any] | None = Field(default=None, sa_column=json_column(nullable=True))
    error_code: str | None = Field(default=None, sa_column=text_column(nullable=True))
    error_detail: str | None = Field(default=None, sa_column=text_column(nullable=True))
    created_at: datetime = Field(sa_column=time_column())
    started_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    finished_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))


class SessionItem(Table, table=True):
    """One item that the model saw or said (Responses API), in order; of a run it is also the checkpoint.

    ``is_input``: it came with the turn, not from the run. ``is_message``: it counts in a window of messages.
    """

    __table_args__ = (
        of_conversation(),
        Index("session_item_run_id_index", "run_id"),
        Index(
            "session_item_messages_index",
            "conversation_id",
            "user_id",
            text("position desc"),
            postgresql_where=text("is_message"),
        ),
        CheckConstraint("jsonb_typeof(item) = 'object'", name="item"),
    )

    conversation_id: str = Field(sa_column=text_column(primary_key=True))
    user_id: str = Field(sa_column=text_column(primary_key=True))
    position: int = Field(sa_column=position_column(primary_key=True))
    run_id: str = Field(sa_column=text_column(references="run.run_id"))
    message_id: str | None = Field(default=None, sa_column=text_column(nullable=True))
    is_input: bool = Field(default=False, sa_column=flag_column())
    is_message: bool = Field(default=False, sa_column=Column(Boolean(), nullable=False))
    item: dict[str, Any] = Field(sa_column=json_column())
    created_at: datetime = Field(sa_column=time_column())


class ToolCall(Table, table=True):
    """The ledger: a tool call is written before it is executed, and its first result stays.

    ``asks``: it has come to a question, and is to be begun anew with the answer.
    """

    __table_args__ = (
        of_conversation(),
        Index("tool_call_conversation_id_index", "conversation_id"),
        CheckConstraint("status in ('running', 'success', 'failure', 'interrupted', 'unknown')", name="status"),
    )

    run_id: str = Field(sa_column=text_column(primary_key=True, references="run.run_id"))
    call_id: str = Field(sa_column=text_column(primary_key=True))
    conversation_id: str = Field(sa_column=text_column())
    user_id: str = Field(sa_column=text_column())
    name: str = Field(sa_column=text_column())
    arguments: Any = Field(default=None, sa_column=json_column(nullable=True))
    status: str = Field(sa_column=text_column())
    result: Any = Field(default=None, sa_column=json_column(nullable=True))
    attachments: list[dict[str, Any]] = Field(sa_column=json_column("[]"))
    epoch: int = Field(default=0, sa_column=count_column())
    asks: bool = Field(default=False, sa_column=flag_column())
    begun_at: datetime = Field(sa_column=time_column())
    finished_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
