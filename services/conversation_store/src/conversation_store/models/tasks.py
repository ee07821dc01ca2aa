"""The todos."""

from datetime import datetime

from sqlalchemy import ARRAY, CheckConstraint, Column, Index, Text, text
from sqlmodel import Field

from conversation_store.models.base import Table, flag_column, real_column, text_column, time_column

NOW_ON_TOP = "(-extract(epoch from clock_timestamp()))::double precision"
"""The smaller the nearer to the top: what comes later comes before all that is there (ADR 57)."""


class Task(Table, table=True):
    """A todo of a user. ``deleted_at``: it is gone for its owner, who may have it back for some minutes.

    ``next_task_id``: the todo that was added when this one, which comes again, was completed.
    """

    __table_args__ = (
        Index("task_user_id_created_at_task_id_index", "user_id", "created_at", "task_id"),
        Index(
            "task_list_index",
            "user_id",
            "completed",
            "position",
            "task_id",
            postgresql_where=text("deleted_at is null"),
        ),
        Index(
            "task_due_index",
            "user_id",
            "due_at",
            "task_id",
            postgresql_where=text("due_at is not null and not completed and deleted_at is null"),
        ),
        Index("task_deleted_at_index", "deleted_at", postgresql_where=text("deleted_at is not null")),
        CheckConstraint("length(title) between 1 and 200", name="title"),
        CheckConstraint("(due_at is null) = (due_zone is null)", name="due"),
        CheckConstraint("recurrence is null or due_at is not null", name="recurrence"),
    )

    task_id: str = Field(sa_column=text_column(primary_key=True))
    user_id: str = Field(sa_column=text_column(references="user.user_id"))
    title: str = Field(sa_column=text_column())
    description: str | None = Field(default=None, sa_column=text_column(nullable=True))
    attachment_ids: list[str] = Field(
        default_factory=list, sa_column=Column(ARRAY(Text()), nullable=False, server_default=text("'{}'"))
    )
    completed: bool = Field(default=False, sa_column=flag_column())
    due_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    due_zone: str | None = Field(default=None, sa_column=text_column(nullable=True))
    due_all_day: bool = Field(default=False, sa_column=flag_column())
    recurrence: str | None = Field(default=None, sa_column=text_column(nullable=True))
    next_task_id: str | None = Field(default=None, sa_column=text_column(nullable=True))
    position: float = Field(sa_column=real_column(NOW_ON_TOP))
    deleted_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    created_at: datetime = Field(sa_column=time_column())
    updated_at: datetime = Field(sa_column=time_column())
