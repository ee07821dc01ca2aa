"""The export: everything of a user, part by part, each part small enough for one message."""

import json
from typing import Literal, get_args

from contracts.errors import Code, TerminalError
from contracts.message import Json
from contracts.queries import ExportUser
from contracts.replies import ExportPage

from conversation_store.database import Transaction
from conversation_store.statements import Statement, Statements
from conversation_store.users import check_not_bound

Kind = Literal[
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
KINDS: tuple[Kind, ...] = get_args(Kind)
PART_ROWS_MAX = 500
PART_BYTES_MAX = 1024 * 1024

sql = Statements.beside(__file__)
PARTS: dict[Kind, Statement] = {
    "user": sql.user,
    "conversations": sql.conversations,
    "messages": sql.messages,
    "tasks": sql.tasks,
    "feedback": sql.feedback,
    "runs": sql.runs,
    "connections": sql.connections,
    "shares": sql.shares,
    "schedules": sql.schedules,
    "webhooks": sql.webhooks,
    "service_tokens": sql.service_tokens,
    "attachments": sql.attachments,
}


async def export_user(transaction: Transaction, query: ExportUser) -> ExportPage:
    """The next part. ``after`` is the kind and the last key; absent after the last part of the last kind.

    Raises TerminalError: forbidden (a chat session), invalid_request (a cursor that is none).
    """
    check_not_bound(query.principal)
    kind, key = _place(query.after)
    rows = await transaction.rows(PARTS[kind], query, after=key, limit=PART_ROWS_MAX + 1)
    data: list[Json] = []
    size = 0
    last_key = key
    for row in rows[:PART_ROWS_MAX]:
        size += row["bytes"]
        if data and size > PART_BYTES_MAX:
            break
        data.append(json.loads(row["body"]))
        last_key = row["key"]
    has_more = len(rows) > len(data)
    return ExportPage(kind=kind, data=tuple(data), after=f"{kind}:{last_key}" if has_more else _next(kind))


def _place(after: str | None) -> tuple[Kind, str]:
    if after is None:
        return KINDS[0], ""
    kind, _, key = after.partition(":")
    if kind not in KINDS:
        raise TerminalError(Code.INVALID_REQUEST, "There is no such place to go on from.", field="after")
    return kind, key


def _next(kind: Kind) -> str | None:
    at = KINDS.index(kind) + 1
    return f"{KINDS[at]}:" if at < len(KINDS) else None
