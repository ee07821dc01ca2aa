"""What an operator looks at: runs, users and usage, over all users and without what was said."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from contracts.errors import Code, TerminalError
from contracts.message import Json
from contracts.queries import GetReport
from contracts.replies import Report

from conversation_store.cursors import decode_cursor, encode_cursor
from conversation_store.database import Row, Transaction
from conversation_store.statements import Statements
from conversation_store.turns.rules import UsageLimits

sql = Statements.beside(__file__)

FAILURES_DAYS: Final = 30
"""Of how many days, where nobody says so: failures are counted, not kept as figures."""

PAGED: Final = {
    "runs": ("created_at", "run_id"),
    "users": ("seen_at", "user_id"),
    "conversations": ("updated_at", "conversation_id"),
}
"""What the rows of a report that has pages are ordered by, the newest first."""


async def get_report(transaction: Transaction, query: GetReport, limits: UsageLimits) -> Report:
    """The rows of a report. Raises TerminalError: not_found; invalid_request, where an id is missing or wrong."""
    if query.kind in PAGED:
        return await _page(transaction, query)
    rows = _bodies(await _rows(transaction, query))
    if query.kind == "user":
        rows[0]["limits"] = asdict(limits)
    return Report(rows=tuple(rows))


async def totals(transaction: Transaction) -> dict[str, Any]:
    """How many runs are not finished, by state."""
    row = await transaction.row(sql.totals)
    return json.loads(row["body"]) if row else {}


async def _page(transaction: Transaction, query: GetReport) -> Report:
    before, before_id = decode_cursor(query.after, is_ascending=False)
    found = {"before": before, "before_id": before_id, "limit": query.limit + 1}
    if query.kind == "runs":
        asked = {"user_id": query.user_id, "conversation_id": query.conversation_id, "status": query.status}
        rows = await transaction.rows(sql.runs, **asked, **found)
    elif query.kind == "users":
        rows = await transaction.rows(sql.users, user_ids=list(query.user_ids), **found)
    else:
        rows = await transaction.rows(sql.conversations, user_id=_named(query.user_id, "user"), **found)
        if not rows:
            await _one(transaction, "user", query.user_id)
    shown = _bodies(rows[: query.limit])
    if len(rows) <= query.limit:
        return Report(rows=tuple(shown))
    time, row_id = PAGED[query.kind]
    last = shown[-1]
    return Report(rows=tuple(shown), after=encode_cursor(datetime.fromisoformat(str(last[time])), str(last[row_id])))


async def _rows(transaction: Transaction, query: GetReport) -> list[Row]:
    match query.kind:
        case "totals":
            return await transaction.rows(sql.totals)
        case "run":
            return await _one(transaction, "run", query.run_id)
        case "user":
            return await _one(transaction, "user", query.user_id)
        case "failures":
            since = query.since or datetime.now(UTC) - timedelta(days=FAILURES_DAYS)
            return await transaction.rows(sql.failures, since=since, limit=query.limit)
        case _:
            return await transaction.rows(
                sql.usage,
                user_id=query.user_id,
                since=query.since and query.since.date(),
                by=list(query.by),
                limit=query.limit,
            )


async def _one(transaction: Transaction, kind: str, key: str | None) -> list[Row]:
    rows = await transaction.rows(sql.run if kind == "run" else sql.user, key=_named(key, kind))
    if not rows:
        raise TerminalError.not_found(kind)
    return rows


def _named(key: str | None, kind: str) -> str:
    if key is None:
        raise TerminalError(Code.INVALID_REQUEST, f"Which {kind}?", field=f"{kind}_id")
    return key


def _bodies(rows: Sequence[Row]) -> list[Json]:
    return [json.loads(row["body"]) for row in rows]
