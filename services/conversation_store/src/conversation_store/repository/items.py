"""The stored items of a conversation."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from contracts.commands import ItemToSave
from contracts.errors import Code, TerminalError
from contracts.queries import ListItems
from contracts.replies import ItemPage

from conversation_store.database import Transaction
from conversation_store.repository.rows import ITEM_COLUMNS, item_view
from conversation_store.translate import HIDDEN_TYPES, json_text

if TYPE_CHECKING:
    from conversation_store.repository.session import Place

SAVE = """
insert into chat.message as m
    (message_id, conversation_id, user_id, run_id, role, type, content, tool_calls, item, position)
select i.message_id, $1, $2, $3, i.role, i.type, i.content, i.tool_calls, i.item, $4 + i.at - 1
from unnest($5::text[], $6::text[], $7::text[], $8::text[], $9::text[]::jsonb[], $10::text[]::jsonb[]) with ordinality
     i (message_id, role, type, content, tool_calls, item, at)
on conflict (message_id) do update
set role = excluded.role, type = excluded.type, content = excluded.content, tool_calls = excluded.tool_calls,
    item = excluded.item
where m.conversation_id = excluded.conversation_id and m.user_id = excluded.user_id and m.role = 'assistant'
"""
# A cursor is a position; an item's id is understood as well, as ChatKit's own servers use it.
CURSOR = "select position from chat.message where message_id = $1 and conversation_id = $2 and user_id = $3"
LIST = f"""
select {ITEM_COLUMNS} from chat.message m
where m.conversation_id = $1 and m.user_id = $2 and m.position {{beyond}} $3
  and not m.type = any($4::text[])
  and ($5::text is null or m.run_id = $5)
  and (not $6 or m.type in ('user_message', 'assistant_message') or m.tool_calls <> '[]')
order by m.position {{order}} limit $7
"""
LIST_SQL = {
    "asc": LIST.format(beyond=">", order="asc"),
    "desc": LIST.format(beyond="<", order="desc"),
}
BEFORE_ALL, AFTER_ALL = -1, 2**62


async def save(transaction: Transaction, place: "Place", items: Sequence[ItemToSave]) -> None:
    """Insert a run's items, or replace those of the same ids, which keep their positions.

    Raises TerminalError (invalid_request) where an id belongs to the user's message or to another conversation.
    """
    unique = list({item.message_id: item for item in items}.values())
    if not unique:
        return
    saved = await transaction.execute(
        SAVE,
        place.conversation_id,
        place.user_id,
        place.run_id,
        place.item_position,
        [item.message_id for item in unique],
        [item.role for item in unique],
        [item.type for item in unique],
        [item.content for item in unique],
        [json_text([call.model_dump() for call in item.tool_calls]) for item in unique],
        [json_text(item.item) for item in unique],
    )
    if saved != len(unique):
        raise TerminalError(Code.INVALID_REQUEST, "An item of this id is not this run's to replace.", field="item")


async def list_items(transaction: Transaction, query: ListItems) -> ItemPage:
    """A page of a conversation's items. Raises TerminalError: forbidden, not_found, invalid_request (``after``)."""
    rows = await transaction.rows(
        LIST_SQL[query.order],
        query.conversation_id,
        query.principal.user_id,
        await _after(transaction, query),
        list(HIDDEN_TYPES),
        query.run_id,
        query.messages_only,
        query.limit + 1,
    )
    data = tuple(item_view(row) for row in rows[: query.limit])
    has_more = len(rows) > query.limit
    return ItemPage(data=data, has_more=has_more, after=str(data[-1].position) if has_more else None)


async def _after(transaction: Transaction, query: ListItems) -> int:
    if query.after is None:
        return BEFORE_ALL if query.order == "asc" else AFTER_ALL
    if query.after.isascii() and query.after.isdecimal() and len(query.after) <= 18:
        return int(query.after)
    position = await transaction.value(CURSOR, query.after, query.conversation_id, query.principal.user_id)
    if position is None:
        raise TerminalError(Code.INVALID_REQUEST, "There is no such place to go on from.", field="after")
    return position
