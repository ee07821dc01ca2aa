"""Conversations: list, search, read, rename, delete, and the feedback for their items."""

from chatkit_protocol import events
from contracts.commands import DeleteConversation, RecordFeedback, UpdateConversation
from contracts.identity import Principal
from contracts.ids import ConversationId
from contracts.queries import ListConversations
from contracts.replies import ConversationPage, ConversationReply, ConversationView, Done, FeedbackRecorded

from conversation_store import access
from conversation_store.cursors import decode_cursor, encode_cursor
from conversation_store.database import Transaction
from conversation_store.outbox import enqueue
from conversation_store.runs import finish
from conversation_store.statements import Statements, json_text
from conversation_store.views import conversation_view

sql = Statements.beside(__file__)


async def get_view(transaction: Transaction, principal: Principal, conversation_id: ConversationId) -> ConversationView:
    """A conversation of the principal's. Raises TerminalError: forbidden, not_found."""
    access.check_scope(principal, conversation_id)
    row = await transaction.row(sql.get, conversation_id=conversation_id, user_id=principal.user_id)
    if row is None:
        raise await access.missing(transaction, "conversation", conversation_id)
    return conversation_view(row)


async def list_conversations(transaction: Transaction, query: ListConversations) -> ConversationPage:
    """A page of the user's conversations; a bound principal sees its own one only."""
    updated_at, conversation_id = decode_cursor(query.after, is_ascending=query.order == "asc")
    rows = await transaction.rows(
        sql.oldest_first if query.order == "asc" else sql.newest_first,
        query,
        updated_at=updated_at,
        conversation_id=conversation_id,
        only_this=query.principal.conversation_id,
        words=query.search if query.search and query.search.strip() else None,
        limit=query.limit + 1,
    )
    data = tuple(conversation_view(row) for row in rows[: query.limit])
    if len(rows) <= query.limit:
        return ConversationPage(data=data, has_more=False)
    after = encode_cursor(data[-1].updated_at, data[-1].conversation_id)
    return ConversationPage(data=data, has_more=True, after=after)


async def update_conversation(transaction: Transaction, command: UpdateConversation) -> ConversationReply:
    """Rename a conversation or replace its metadata, and tell its viewers."""
    user_id, conversation_id = command.principal.user_id, command.conversation_id
    access.check_scope(command.principal, conversation_id)
    metadata = None if command.metadata is None else json_text(command.metadata)
    row = await transaction.row(sql.update, command, metadata=metadata)
    if row is None:
        raise await access.missing(transaction, "conversation", conversation_id)
    view = conversation_view(row)
    change = enqueue.conversation_changed(user_id, conversation_id, events.thread_updated(view))
    await enqueue.enqueue(transaction, user_id, [change])
    return ConversationReply(conversation=view)


async def delete_conversation(transaction: Transaction, command: DeleteConversation) -> Done:
    """Stop what runs in a conversation and delete everything of it.

    The runners' later writes find no run any more; the viewers see the runs' ends, and that it is gone.
    """
    user_id, conversation_id = command.principal.user_id, command.conversation_id
    await access.owned_conversation(transaction, command.principal, conversation_id, lock=True)
    for run in await transaction.rows(sql.unfinished_runs, command):
        if run["status"] == "running":
            transaction.runs_to_stop.append(run["run_id"])
        await finish.end_run(transaction, user_id, run["run_id"], "cancelled")
    await transaction.execute(sql.delete, command)
    await enqueue.enqueue(transaction, user_id, [enqueue.conversation_deleted(user_id, conversation_id)])
    return Done()


async def record_feedback(transaction: Transaction, command: RecordFeedback) -> FeedbackRecorded:
    """Keep what the user thinks of items. Raises TerminalError: forbidden, not_found."""
    await access.owned_conversation(transaction, command.principal, command.conversation_id)
    count = await transaction.execute(sql.record_feedback, command, message_ids=list(command.message_ids))
    if count == 0:
        raise await access.missing(transaction, "message", command.message_ids[0])
    return FeedbackRecorded(items_count=count)
