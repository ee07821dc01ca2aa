"""The outbox, the tool calls whose effect was done, the request budgets, and what an erasure leaves."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Column, Identity, Index
from sqlmodel import Field

from conversation_store.models.base import Table, count_column, json_column, text_column, time_column


class Outbox(Table, table=True):
    """A message for the bus, stored in the transaction that it speaks of and published after its commit.

    Rows of one ``ordering_key`` are published in the order of ``outbox_id``.
    """

    __table_args__ = (Index("outbox_ordering_key_outbox_id_index", "ordering_key", "outbox_id"),)

    outbox_id: int = Field(sa_column=Column(BigInteger(), Identity(always=True), primary_key=True))
    user_id: str = Field(sa_column=text_column())
    ordering_key: str = Field(sa_column=text_column())
    subject: str = Field(sa_column=text_column())
    headers: dict[str, str] = Field(sa_column=json_column("{}"))
    payload: str = Field(sa_column=text_column())
    message_id: str = Field(sa_column=text_column())
    created_at: datetime = Field(sa_column=time_column())


class HandledMessage(Table, table=True):
    """The inbox: a tool's effect that was handled, by its key (the run and the call), with the answer it got."""

    run_id: str = Field(sa_column=text_column(primary_key=True, references="run.run_id"))
    call_id: str = Field(sa_column=text_column(primary_key=True))
    user_id: str = Field(sa_column=text_column())
    message: str = Field(sa_column=text_column())
    reply: dict[str, Any] | None = Field(default=None, sa_column=json_column(nullable=True))
    created_at: datetime = Field(sa_column=time_column())


class RequestBudget(Table, table=True):
    """How many HTTP requests a user made in the current minute. Unlogged: a crash of Postgres forgets it."""

    __table_args__ = ({"prefixes": ["UNLOGGED"]},)

    user_id: str = Field(sa_column=text_column(primary_key=True))
    window_started_at: datetime = Field(sa_column=time_column())
    requests_count: int = Field(default=0, sa_column=count_column())
    exports_since: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    exports_count: int = Field(default=0, sa_column=count_column())


class TokenFloor(Table, table=True):
    """From when on a user's tokens hold. Outlives the user by a day, so under a hash of the id."""

    user_key: str = Field(sa_column=text_column(primary_key=True))
    valid_from: datetime = Field(sa_column=time_column())


class DuePurge(Table, table=True):
    """Subjects of an erased user that are purged from DELTAS again, when what was under way has ended."""

    subject_filter: str = Field(sa_column=text_column(primary_key=True))
    due_at: datetime = Field(sa_column=time_column(primary_key=True))


class ErasureReceipt(Table, table=True):
    """That something was erased, when and how much: nothing that tells whose."""

    receipt_id: str = Field(sa_column=text_column(primary_key=True))
    erased_at: datetime = Field(sa_column=time_column())
    counts: dict[str, int] = Field(sa_column=json_column())
