"""Conversations that Natter has from before: written into its Postgres, as old ones are there."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from tests.e2e.element.pending import PENDING

POSITIONS_PER_TURN = 1_000_000
START = datetime(2026, 1, 1, 12, 0, tzinfo=UTC)
ADD_USER = "insert into chat.user (user_id) values ($1) on conflict do nothing"
ADD_CONVERSATION = """
insert into chat.conversation (conversation_id, user_id, title, turns_count, created_at, updated_at)
values ($1, $2, $3, $4, $5, $5)
"""
ADD_MESSAGE = """
insert into chat.message (message_id, conversation_id, user_id, role, type, content, item, position, created_at)
values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
ADD_RUN = "insert into chat.run (run_id, conversation_id, user_id, turn, status) values ($1, $2, $3, 0, 'completed')"
ADD_SESSION_ITEM = """
insert into chat.session_item (conversation_id, user_id, position, run_id, is_message, item)
values ($1, $2, $3, $4, $5, $6)
"""


def question(number: int) -> dict[str, Any]:
    """What the user said."""
    content = [{"type": "input_text", "text": f"Question {number}"}]
    return {"type": "user_message", "content": content, "attachments": [], "inference_options": {}}


def answer(number: int) -> dict[str, Any]:
    """What the assistant said."""
    text = f"Answer **{number}** with `code` and\n\n- a list\n- of two"
    return {"type": "assistant_message", "content": [{"type": "output_text", "text": text, "annotations": []}]}


async def seed(
    database: asyncpg.Connection, user: str, count: int, title: str | None, last: str | None, age_minutes: int = 0
) -> str:
    """A conversation with ``count`` questions and answers in turn, and then the pending item of that name."""
    conversation_id = f"conv_{secrets.token_hex(8)}"
    items = [question(number) if number % 2 == 0 else answer(number) for number in range(count)]
    if last is not None:
        items.append(PENDING[last])
    updated_at = datetime.now(UTC) - timedelta(minutes=age_minutes)
    rows = []
    for number, item in enumerate(items):
        created_at = START + timedelta(minutes=number)
        base = {
            "id": f"{conversation_id}_{number:05d}",
            "thread_id": conversation_id,
            "created_at": created_at.isoformat(),
        }
        role = "user" if item["type"] == "user_message" else "assistant"
        position = (number // 2) * POSITIONS_PER_TURN + number % 2
        text = "".join(part["text"] for part in item.get("content", []))
        row = (base["id"], conversation_id, user, role, item["type"], text, json.dumps({**base, **item}))
        rows.append((*row, position, created_at))
    async with database.transaction():
        await database.execute("select set_config('app.system', 'on', true)")
        await database.execute(ADD_USER, user)
        await database.execute(ADD_CONVERSATION, conversation_id, user, title, len(items), updated_at)
        await database.executemany(ADD_MESSAGE, rows)
        if last == "client tool":
            await _add_session(database, user, conversation_id)
    return conversation_id


async def _add_session(database: asyncpg.Connection, user: str, conversation_id: str) -> None:
    """What the model said when it called the page's tool: its output must find the call there."""
    run_id = f"run_{secrets.token_hex(8)}"
    call = {"type": "function_call", "call_id": "call_1", "name": "get_time", "arguments": '{"zone": "UTC"}'}
    said = [{"type": "message", "role": "user", "content": "client tool"}, call]
    await database.execute(ADD_RUN, run_id, conversation_id, user)
    for position, item in enumerate(said):
        is_message = item["type"] == "message"
        await database.execute(ADD_SESSION_ITEM, conversation_id, user, position, run_id, is_message, json.dumps(item))
