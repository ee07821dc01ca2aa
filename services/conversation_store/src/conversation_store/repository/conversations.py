"""Conversations: list, search, read, rename, delete, and the feedback for their items."""

from contracts.commands import DeleteConversation, RecordFeedback, UpdateConversation
from contracts.identity import Principal
from contracts.ids import ConversationId
from contracts.queries import ListConversations
from contracts.replies import ConversationPage, ConversationReply, ConversationView, Done, FeedbackRecorded

from conversation_store.database import Transaction
from conversation_store.repository import access, outbox, runs
from conversation_store.repository.cursors import decode_cursor, encode_cursor
from conversation_store.repository.rows import CONVERSATION_COLUMNS, conversation_view
from conversation_store.rules import check_scope, search_query
from conversation_store.translate import json_text, thread_updated

GET = f"select {CONVERSATION_COLUMNS} from chat.conversation c where c.conversation_id = $1 and c.user_id = $2"
LIST = f"""
select {CONVERSATION_COLUMNS} from chat.conversation c
where c.user_id = $1 and (c.updated_at, c.conversation_id) {{beyond}} ($2, $3)
  and ($4::text is null or c.conversation_id = $4) {{search}}
order by c.updated_at {{order}}, c.conversation_id {{order}} limit $5
"""
SEARCH = """
  and (to_tsvector('simple', coalesce(c.title, '')) @@ to_tsquery('simple', $6) or c.conversation_id in (
    select m.conversation_id from chat.message m
    where m.user_id = $1 and m.search @@ to_tsquery('simple', $6)
      and m.type <> 'hidden_context_item' and m.type <> 'sdk_hidden_context'
  ))
"""
ORDERS = {"asc": {"beyond": ">", "order": "asc"}, "desc": {"beyond": "<", "order": "desc"}}
UPDATE = f"""
update chat.conversation c
set title = coalesce($3, c.title), metadata = coalesce($4::jsonb, c.metadata), updated_at = now()
where c.conversation_id = $1 and c.user_id = $2 returning {CONVERSATION_COLUMNS}
"""
UNFINISHED = """
select run_id, epoch, status from chat.run
where conversation_id = $1 and user_id = $2 and status in ('queued', 'running') order by turn desc
"""
DELETE = "delete from chat.conversation where conversation_id = $1 and user_id = $2"
FEEDBACK = """
insert into chat.feedback (message_id, user_id, kind)
select message_id, $2, $4 from chat.message
where conversation_id = $1 and user_id = $2 and message_id = any($3::text[])
on conflict (message_id) do update set kind = excluded.kind, created_at = now()
"""


async def get_view(transaction: Transaction, principal: Principal, conversation_id: ConversationId) -> ConversationView:
    """A conversation of the principal's. Raises TerminalError: forbidden, not_found."""
    check_scope(principal, conversation_id)
    row = await transaction.row(GET, conversation_id, principal.user_id)
    if row is None:
        raise await access.missing(transaction, "conversation", conversation_id)
    return conversation_view(row)


async def list_conversations(transaction: Transaction, query: ListConversations) -> ConversationPage:
    """A page of the user's conversations; a bound principal sees its own one only."""
    updated_at, conversation_id = decode_cursor(query.after, is_ascending=query.order == "asc")
    arguments = [query.principal.user_id, updated_at, conversation_id, query.principal.conversation_id, query.limit + 1]
    search = ""
    if query.search is not None and query.search.strip():
        words = search_query(query.search)
        if not words:  # only punctuation: no word of any text is like it
            return ConversationPage(data=(), has_more=False)
        search = SEARCH
        arguments.append(words)
    rows = await transaction.rows(LIST.format(search=search, **ORDERS[query.order]), *arguments)
    data = tuple(conversation_view(row) for row in rows[: query.limit])
    if len(rows) <= query.limit:
        return ConversationPage(data=data, has_more=False)
    after = encode_cursor(data[-1].updated_at, data[-1].conversation_id)
    return ConversationPage(data=data, has_more=True, after=after)


async def update_conversation(transaction: Transaction, command: UpdateConversation) -> ConversationReply:
    """Rename a conversation or replace its metadata, and tell its viewers."""
    user_id, conversation_id = command.principal.user_id, command.conversation_id
    check_scope(command.principal, conversation_id)
    metadata = None if command.metadata is None else json_text(command.metadata)
    row = await transaction.row(UPDATE, conversation_id, user_id, command.title, metadata)
    if row is None:
        raise await access.missing(transaction, "conversation", conversation_id)
    view = conversation_view(row)
    change = outbox.conversation_changed(user_id, conversation_id, thread_updated(view))
    await outbox.enqueue(transaction, user_id, [change])
    return ConversationReply(conversation=view)


async def delete_conversation(transaction: Transaction, command: DeleteConversation) -> Done:
    """Stop what runs in a conversation and delete everything of it.

    The runners' later writes find no run any more; the viewers see the runs' ends.
    """
    user_id, conversation_id = command.principal.user_id, command.conversation_id
    await access.owned_conversation(transaction, command.principal, conversation_id, lock=True)
    for run in await transaction.rows(UNFINISHED, conversation_id, user_id):  # the active one last: none starts
        if run["status"] == "running":
            transaction.runs_to_stop.append(run["run_id"])
        await runs.end_run(transaction, user_id, run["run_id"], "cancelled")
    await transaction.execute(DELETE, conversation_id, user_id)
    return Done()


async def record_feedback(transaction: Transaction, command: RecordFeedback) -> FeedbackRecorded:
    """Keep what the user thinks of items. Raises TerminalError: forbidden, not_found."""
    await access.owned_conversation(transaction, command.principal, command.conversation_id)
    count = await transaction.execute(
        FEEDBACK, command.conversation_id, command.principal.user_id, list(command.message_ids), command.kind
    )
    if count == 0:
        raise await access.missing(transaction, "message", command.message_ids[0])
    return FeedbackRecorded(items_count=count)
