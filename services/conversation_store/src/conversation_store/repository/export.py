"""The export: everything of a user, part by part, each part small enough for one message."""

import json
from typing import Literal, get_args

from contracts.errors import Code, TerminalError
from contracts.message import Json
from contracts.queries import ExportUser
from contracts.replies import ExportPage

from conversation_store.database import Transaction
from conversation_store.repository.users import check_not_bound

Kind = Literal["user", "conversations", "messages", "tasks", "feedback", "runs"]
KINDS: tuple[Kind, ...] = get_args(Kind)
PART_ROWS_MAX = 500
PART_BYTES_MAX = 1024 * 1024

# Each gives (its key, a JSON object, its bytes) in the order of the key, from behind $2 on.
_PART = "select key, body, octet_length(body::text) as bytes from ({rows}) part where key > $2 order by key limit $3"
PARTS: dict[Kind, str] = {
    "user": """select user_id as key, json_build_object('user_id', user_id, 'created_at', created_at) as body
        from chat."user" where user_id = $1""",
    "conversations": """select conversation_id as key, json_build_object(
            'conversation_id', conversation_id, 'title', title, 'metadata', metadata,
            'openai_conversation_id', openai_conversation_id, 'created_at', created_at, 'updated_at', updated_at
        ) as body from chat.conversation where user_id = $1""",
    "messages": """select conversation_id || ' ' || lpad(position::text, 19, '0') as key, json_build_object(
            'message_id', message_id, 'conversation_id', conversation_id, 'run_id', run_id, 'role', role,
            'type', type, 'content', content, 'tool_calls', tool_calls, 'item', item, 'position', position,
            'created_at', created_at
        ) as body from chat.message where user_id = $1""",
    "tasks": """select task_id as key, json_build_object(
            'task_id', task_id, 'title', title, 'description', description, 'completed', completed,
            'created_at', created_at, 'updated_at', updated_at
        ) as body from chat.task where user_id = $1""",
    "feedback": """select message_id as key, json_build_object(
            'message_id', message_id, 'kind', kind, 'created_at', created_at
        ) as body from chat.feedback where user_id = $1""",
    "runs": """select run_id as key, json_build_object(
            'run_id', run_id, 'conversation_id', conversation_id, 'status', status, 'epoch', epoch, 'model', model,
            'usage', usage, 'error_code', error_code, 'error_detail', error_detail, 'created_at', created_at,
            'started_at', started_at, 'finished_at', finished_at,
            'session_items', (select coalesce(json_agg(s.item order by s.position), '[]') from chat.session_item s
                              where s.run_id = r.run_id and s.user_id = $1),
            'tool_calls', (select coalesce(json_agg(json_build_object(
                    'call_id', t.call_id, 'name', t.name, 'arguments', t.arguments, 'status', t.status,
                    'result', t.result, 'attachments', t.attachments, 'begun_at', t.begun_at,
                    'finished_at', t.finished_at
                ) order by t.begun_at, t.call_id), '[]') from chat.tool_call t
                where t.run_id = r.run_id and t.user_id = $1)
        ) as body from chat.run r where user_id = $1""",
}


async def export_user(transaction: Transaction, query: ExportUser) -> ExportPage:
    """The next part. ``after`` is the kind and the last key; absent after the last part of the last kind.

    Raises TerminalError: forbidden (a chat session), invalid_request (a cursor that is none).
    """
    check_not_bound(query.principal)
    kind, key = _place(query.after)
    sql = _PART.format(rows=PARTS[kind])
    rows = await transaction.rows(sql, query.principal.user_id, key, PART_ROWS_MAX + 1)
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
