"""Schedules: turns that begin at a time instead of with a message."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Index, text
from sqlmodel import Field

from conversation_store.models.base import Table, json_column, text_column, time_column


class Schedule(Table, table=True):
    """A time, or a cron expression, and what is to be said or done then. ``next_due_at``: absent where it rests.

    ``conversation_id``: where its turns are; one that is gone is replaced by a new one. ``task_id``: the todo that it
    is the reminder of, and goes with.
    """

    __table_args__ = (
        Index("schedule_user_id_index", "user_id"),
        Index("schedule_due_index", "next_due_at", postgresql_where=text("status = 'active'")),
        Index("schedule_task_id_key", "task_id", unique=True, postgresql_where=text("task_id is not null")),
        CheckConstraint("kind in ('reminder', 'prompt')", name="kind"),
        CheckConstraint("status in ('active', 'paused', 'done')", name="status"),
        CheckConstraint("(due_at is null) <> (cron is null)", name="time"),
        CheckConstraint("(status = 'active') = (next_due_at is not null)", name="due"),
    )

    schedule_id: str = Field(sa_column=text_column(primary_key=True))
    user_id: str = Field(sa_column=text_column(references="user.user_id"))
    task_id: str | None = Field(default=None, sa_column=text_column(nullable=True, references="task.task_id"))
    kind: str = Field(sa_column=text_column())
    text: str = Field(sa_column=text_column())
    due_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    cron: str | None = Field(default=None, sa_column=text_column(nullable=True))
    time_zone: str = Field(sa_column=text_column())
    conversation_id: str | None = Field(default=None, sa_column=text_column(nullable=True))
    assistant_id: str | None = Field(default=None, sa_column=text_column(nullable=True))
    requester: Any = Field(sa_column=json_column("{}"))
    status: str = Field(sa_column=text_column())
    next_due_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    last_due_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    last_run_id: str | None = Field(default=None, sa_column=text_column(nullable=True))
    last_error_code: str | None = Field(default=None, sa_column=text_column(nullable=True))
    created_at: datetime = Field(sa_column=time_column())
