"""Fills the store's tables: one conversation of 10 000 messages, in a table of as many as asked for."""

import asyncpg

OWNER = "bench"
BIG = "conv_big"
BIG_MESSAGES = 10_000
MESSAGES_PER_CONVERSATION = 10
OTHER_SESSIONS_MAX = 20_000

CONVERSATIONS = """
insert into chat.conversation (conversation_id, user_id, title, turns_count)
select 'conv_' || n, 'user_' || n % 1000, 'about word' || n % 100, $2::int from generate_series(1, $1::int) n
"""
# Twenty words a message, so that search has something to look through.
MESSAGES = """
insert into chat.message (message_id, conversation_id, user_id, role, type, content, item, position)
select $1 || '_' || n || '_' || m, $1 || case when $2::int = 0 then '' else '_' || n end,
       case when $2::int = 0 then 'bench' else 'user_' || n % 1000 end,
       case m % 2 when 1 then 'user' else 'assistant' end,
       case m % 2 when 1 then 'user_message' else 'assistant_message' end, said.text,
       jsonb_build_object('type', 'assistant_message', 'id', $1 || '_' || n || '_' || m, 'content',
           jsonb_build_array(jsonb_build_object('type', 'output_text', 'text', said.text, 'annotations', '[]'::jsonb))),
       m * 1000000::bigint
from generate_series(least(1, $2::int), $2::int) n, generate_series(1, $3::int) m, lateral (
    select string_agg('word' || (m * 7 + w * w + n) % 100, ' ') as text from generate_series(1, 20) w
) said
"""
# The others' session items, ten a conversation, so that the big one is a small part of the table.
OTHER_SESSIONS = """
insert into chat.session_item (conversation_id, position, user_id, run_id, is_message, item)
select 'conv_' || n, m * 1000000::bigint, 'user_' || n % 1000, 'run_' || n, true,
       jsonb_build_object('type', 'message', 'role', case m % 2 when 1 then 'user' else 'assistant' end,
           'content', repeat('word ', 50))
from generate_series(1, $1::int) n, generate_series(1, 10) m
"""
OTHER_RUNS = """
insert into chat.run (run_id, conversation_id, user_id, turn, status)
select 'run_' || n, 'conv_' || n, 'user_' || n % 1000, 1, 'completed' from generate_series(1, $1::int) n
"""
SESSION = """
insert into chat.session_item (conversation_id, position, user_id, run_id, is_message, item)
select 'conv_big', n * 1000000::bigint, 'bench', 'run_big', true,
       jsonb_build_object('type', 'message', 'role', case n % 2 when 1 then 'user' else 'assistant' end,
           'content', repeat('word ', 50))
from generate_series(1, 10000) n
"""


async def seed(url: str, rows_count: int) -> None:
    """Make ``rows_count`` messages, of which the first 10 000 are one conversation of `OWNER`."""
    connection = await asyncpg.connect(url, command_timeout=1800)
    try:
        await connection.execute("select set_config('app.system', 'on', false)")
        await connection.execute(
            "insert into chat.\"user\" (user_id) select 'user_' || n from generate_series(0, 999) n"
            " union all select 'bench'"
        )
        await connection.execute(
            "insert into chat.conversation (conversation_id, user_id, title, turns_count)"
            " values ('conv_big', 'bench', 'The big one', 10000)"
        )
        others = max(0, rows_count - BIG_MESSAGES) // MESSAGES_PER_CONVERSATION
        await connection.execute(CONVERSATIONS, others, MESSAGES_PER_CONVERSATION)
        await connection.execute(MESSAGES, BIG, 0, BIG_MESSAGES)
        await connection.execute(MESSAGES, "conv", others, MESSAGES_PER_CONVERSATION)
        await connection.execute(
            "insert into chat.run (run_id, conversation_id, user_id, turn, status)"
            " values ('run_big', 'conv_big', 'bench', 1, 'completed')"
        )
        await connection.execute(SESSION)
        await connection.execute(OTHER_RUNS, min(others, OTHER_SESSIONS_MAX))
        await connection.execute(OTHER_SESSIONS, min(others, OTHER_SESSIONS_MAX))
        await connection.execute("vacuum analyze")
    finally:
        await connection.close()
