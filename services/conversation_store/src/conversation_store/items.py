"""The items of a conversation, page by page."""

from chatkit_protocol.items import HIDDEN_TYPES
from contracts.errors import Code, TerminalError
from contracts.queries import GetItem, ListItems
from contracts.replies import ItemPage, ItemReply

from conversation_store import access
from conversation_store.database import Row, Transaction
from conversation_store.statements import Statements
from conversation_store.views import item_view

sql = Statements.beside(__file__)

BEFORE_ALL, AFTER_ALL = -1, 2**62
PAGE_CHARACTERS_MAX = 1024 * 1024
"""A page ends earlier than it was asked for where it would grow beyond what a message may hold."""


async def get_item(transaction: Transaction, query: GetItem) -> ItemReply:
    """One item. Raises TerminalError: forbidden, not_found (of the conversation), item_gone."""
    await access.owned_conversation(transaction, query.principal, query.conversation_id)
    row = await transaction.row(sql.one, query, hidden_types=list(HIDDEN_TYPES))
    if row is None:
        raise access.item_gone()
    return ItemReply(item=item_view(row))


async def list_items(transaction: Transaction, query: ListItems) -> ItemPage:
    """A page of a conversation's items. Raises TerminalError: forbidden, not_found, invalid_request (``after``)."""
    rows = await transaction.rows(
        sql.oldest_first if query.order == "asc" else sql.newest_first,
        query,
        position=await _position_after(transaction, query),
        hidden_types=list(HIDDEN_TYPES),
        limit=query.limit + 1,
    )
    page = within_bytes(rows[: query.limit])
    data = tuple(item_view(row) for row in page)
    has_more = len(rows) > len(page)
    return ItemPage(data=data, has_more=has_more, after=str(data[-1].position) if has_more else None)


def within_bytes(rows: list[Row]) -> list[Row]:
    """The first of the rows that fit into one message, and one at least: an image is an item of many bytes."""
    size = 0
    for count, row in enumerate(rows):
        size += len(row["item"]) + len(row["content"]) + len(row["tool_calls"])
        if count and size > PAGE_CHARACTERS_MAX:
            return rows[:count]
    return rows


async def _position_after(transaction: Transaction, query: ListItems) -> int:
    """Where the page begins: a cursor is a position; an item's id is understood too, as by ChatKit's own servers."""
    if query.after is None:
        return BEFORE_ALL if query.order == "asc" else AFTER_ALL
    if query.after.isascii() and query.after.isdecimal() and len(query.after) <= 18:
        return int(query.after)
    position = await transaction.value(sql.position_of, query, message_id=query.after)
    if position is None:
        raise TerminalError(Code.INVALID_REQUEST, "There is no such place to go on from.", field="after")
    return position
