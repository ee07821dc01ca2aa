"""A user's data as a whole, their limits, and the operator's report."""

from datetime import datetime
from typing import Literal

from contracts.assistants import AssistantCard
from contracts.ids import (
    Token,
)
from contracts.message import Json, Reply


class Done(Reply):
    """The command was carried out, and has no result."""


class AssistantList(Reply):
    """The assistants that may be written to. One whose runner has never come is not among them."""

    data: tuple[AssistantCard, ...]


class ExportPage(Reply):
    """A part of the user's data, small enough for one message; the parts in order make the whole.

    ``kind`` says which list of the export document ``data`` continues.
    """

    kind: Literal[
        "user",
        "conversations",
        "messages",
        "tasks",
        "feedback",
        "runs",
        "connections",
        "shares",
        "schedules",
        "webhooks",
        "service_tokens",
        "attachments",
    ]
    data: tuple[Json, ...]
    after: str | None = None


class Report(Reply):
    """Rows for an operator. Their names are those of the tables' columns, or are said by the statement.

    ``after``: where the next page of runs, users or conversations begins; absent where there is none.
    """

    rows: tuple[Json, ...]
    after: str | None = None


class ErasureReceipt(Reply):
    """What was erased, without personal data."""

    receipt_id: Token
    erased_at: datetime
    counts: dict[str, int]


class TokensFloor(Reply):
    """From when on a token of the user has to be issued: a whole second, at most one ahead."""

    valid_from: datetime


class RateChecked(Reply):
    """Permits of the user's budget: how many are granted, how many are left in the window, when it starts anew."""

    limit: int
    remaining: int
    reset_seconds: float
    granted: int = 1
