"""What users have used: counted when a run ends, and kept when its conversation is deleted."""

from datetime import date

from sqlalchemy import Column, Date
from sqlmodel import Field

from conversation_store.models.base import Table, position_column, text_column


class UsageDay(Table, table=True):
    """The runs of a user that ended on one day (UTC), by assistant and model, and what they used.

    A trigger on `run` counts, whoever ended it. No foreign key: a run's end must not wait for a user's erasure, which
    deletes these rows itself.
    """

    user_id: str = Field(sa_column=text_column(primary_key=True))
    day: date = Field(sa_column=Column(Date(), primary_key=True, nullable=False))
    assistant_id: str = Field(sa_column=text_column(primary_key=True))
    model: str = Field(sa_column=text_column(primary_key=True))
    runs: int = Field(sa_column=position_column())
    failed: int = Field(sa_column=position_column())
    requests: int = Field(sa_column=position_column())
    input_tokens: int = Field(sa_column=position_column())
    output_tokens: int = Field(sa_column=position_column())
