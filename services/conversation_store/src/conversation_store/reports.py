"""What an operator looks at: runs, users and usage, over all users and without what was said."""

import json
from typing import Any

from contracts.errors import Code, TerminalError
from contracts.queries import GetReport
from contracts.replies import Report

from conversation_store.database import Row, Transaction
from conversation_store.statements import Statements

sql = Statements.beside(__file__)


async def get_report(transaction: Transaction, query: GetReport) -> Report:
    """The rows of a report. Raises TerminalError: not_found, invalid_request where an id is missing."""
    return Report(rows=tuple(json.loads(row["body"]) for row in await _rows(transaction, query)))


async def totals(transaction: Transaction) -> dict[str, Any]:
    """How many runs are not finished, by state."""
    row = await transaction.row(sql.totals)
    return json.loads(row["body"]) if row else {}


async def _rows(transaction: Transaction, query: GetReport) -> list[Row]:
    match query.kind:
        case "totals":
            return await transaction.rows(sql.totals)
        case "runs":
            return await transaction.rows(
                sql.runs,
                user_id=query.user_id,
                conversation_id=query.conversation_id,
                status=query.status,
                limit=query.limit,
            )
        case "run" | "user":
            return await _one(transaction, query.kind, query.run_id if query.kind == "run" else query.user_id)
        case "failures":
            return await transaction.rows(sql.failures, since=query.since, limit=query.limit)
        case "users":
            return await transaction.rows(sql.users, limit=query.limit)
        case "usage":
            return await transaction.rows(
                sql.usage,
                user_id=query.user_id,
                since=query.since and query.since.date(),
                by=list(query.by),
                limit=query.limit,
            )


async def _one(transaction: Transaction, kind: str, key: str | None) -> list[Row]:
    if key is None:
        raise TerminalError(Code.INVALID_REQUEST, f"Which {kind}?", field=f"{kind}_id")
    rows = await transaction.rows(sql.run if kind == "run" else sql.user, key=key)
    if not rows:
        raise TerminalError.not_found(kind)
    return rows
