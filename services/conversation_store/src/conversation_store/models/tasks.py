"""The todos."""

from datetime import datetime

from sqlalchemy import CheckConstraint, Index
from sqlmodel import Field

from conversation_store.models.base import Table, flag_column, text_column, time_column


class Task(Table, table=True):
    """A todo of a user."""

    __table_args__ = (
        Index("task_user_id_created_at_task_id_index", "user_id", "created_at", "task_id"),
        CheckConstraint("length(title) between 1 and 200", name="title"),
    )

    task_id: str = Field(sa_column=text_column(primary_key=True))
    user_id: str = Field(sa_column=text_column(references="user.user_id"))
    title: str = Field(sa_column=text_column())
    description: str | None = Field(default=None, sa_column=text_column(nullable=True))
    completed: bool = Field(default=False, sa_column=flag_column())
    created_at: datetime = Field(sa_column=time_column())
    updated_at: datetime = Field(sa_column=time_column())
