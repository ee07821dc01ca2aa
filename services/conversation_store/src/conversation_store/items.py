"""The items of a conversation, page by page."""

from contracts.errors import Code, TerminalError
from contracts.queries import ListItems
from contracts.replies import ItemPage

from conversation_store.database import Transaction
from conversation_store.statements import Statements
from conversation_store.translate import HIDDEN_TYPES
from conversation_store.views import item_view

sql = Statements.beside(__file__)

BEFORE_ALL, AFTER_ALL = -1, 2**62


async def list_items(transaction: Transaction, query: ListItems) -> ItemPage:
    """A page of a conversation's items. Raises TerminalError: forbidden, not_found, invalid_request (``after``)."""
    rows = await transaction.rows(
        sql.oldest_first if query.order == "asc" else sql.newest_first,
        query,
        position=await _position_after(transaction, query),
        hidden_types=list(HIDDEN_TYPES),
        limit=query.limit + 1,
    )
    data = tuple(item_view(row) for row in rows[: query.limit])
    has_more = len(rows) > query.limit
    return ItemPage(data=data, has_more=has_more, after=str(data[-1].position) if has_more else None)


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
