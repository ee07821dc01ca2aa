"""Shares: links with which strangers read a conversation as far as it had come when the link was made (ADR 44).

A share holds no copy: it keeps which positions were shown then. What stands there is not changed once its turn has
ended, and goes with the conversation.
"""

from datetime import datetime
from typing import Any

from contracts.commands import RevokeShare, ShareConversation
from contracts.errors import Code, TerminalError
from contracts.ids import ShareId
from contracts.message import Json
from contracts.queries import GetShared, ListShares
from contracts.replies import Done, SharedPage, SharedPicture, ShareList, ShareReply, ShareView

from conversation_store import access, attachments, audit
from conversation_store.database import Database, Row, Transaction
from conversation_store.items import within_bytes
from conversation_store.statements import Statements
from conversation_store.views import loads

sql = Statements.beside(__file__)

SHARED_TYPES = ("user_message", "assistant_message", "workflow", "generated_image")
BEFORE_ALL = -1


async def share_conversation(
    transaction: Transaction, command: ShareConversation, share_id: ShareId, *, shares_max: int
) -> ShareReply:
    """Make a link. Raises TerminalError: forbidden, not_found, quota_exceeded, invalid_request (nothing was said)."""
    await access.owned_conversation(transaction, command.principal, command.conversation_id, lock=True)
    is_new = await transaction.execute(sql.create, command, share_id=share_id, shares_max=str(shares_max))
    row = await transaction.row(sql.made, command)
    if row is None:
        raise TerminalError(Code.QUOTA_EXCEEDED, f"At most {shares_max} links; revoke one first.", field="shares")
    if not await transaction.value(sql.says_something, command, share_id=row["share_id"]):
        raise TerminalError(Code.INVALID_REQUEST, "There is nothing to share yet.", field="conversation_id")
    if is_new:
        details = {"share_id": row["share_id"], "conversation_id": command.conversation_id}
        await audit.note(transaction, command.principal.user_id, "share_begun", **details)
    return ShareReply(share=_view(row))


async def list_shares(transaction: Transaction, query: ListShares) -> ShareList:
    """The user's links, or those of one conversation; the newest first. Raises TerminalError: forbidden, not_found."""
    if query.conversation_id is None:
        access.check_scope(query.principal, None)
    else:
        await access.owned_conversation(transaction, query.principal, query.conversation_id)
    rows = await transaction.rows(sql.list, query)
    return ShareList(data=tuple(_view(row) for row in rows))


async def revoke_share(transaction: Transaction, command: RevokeShare) -> Done:
    """Forget it, if it is there. Raises TerminalError: forbidden, not_found (the conversation)."""
    await access.owned_conversation(transaction, command.principal, command.conversation_id)
    if await transaction.execute(sql.revoke, command):
        await audit.note(transaction, command.principal.user_id, "share_ended", share_id=command.share_id)
    return Done()


async def get_shared(database: Database, query: GetShared) -> SharedPage:
    """A page of what a link shows. Raises TerminalError (not_found: no such link, or not any more; invalid_request)."""
    position = _position_after(query.after)
    share = await database.transact(None, lambda t: t.row(sql.find, token_hash=query.token_hash))
    if share is None:
        raise TerminalError.not_found("link")
    return await database.transact(share["user_id"], lambda t: _page(t, share, position, query.limit))


async def _page(transaction: Transaction, share: Row, position: int, limit: int) -> SharedPage:
    """Read as the user whose link it is."""
    user_id = share["user_id"]
    rows = await transaction.rows(
        sql.items,
        conversation_id=share["conversation_id"],
        user_id=user_id,
        path=share["path"],
        position=position,
        types=list(SHARED_TYPES),
        limit=limit + 1,
    )
    page = within_bytes(rows[:limit])
    items = [(row["position"], row["created_at"], loads(row["item"])) for row in page]
    kept = {at: str(item["image"]["id"]) for at, _, item in items if _is_kept_picture(item)}
    found = await attachments.stored(transaction, user_id, list(kept.values())) if kept else {}
    shown = [as_shared(item, at, created_at) for at, created_at, item in items if kept.get(at) in (None, *found)]
    return SharedPage(
        title=share["title"],
        shared_at=share["created_at"],
        items=tuple(item for item in shown if item is not None),
        after=str(page[-1]["position"]) if len(rows) > len(page) else None,
        pictures=tuple(SharedPicture(position=at, attachment=found[one]) for at, one in kept.items() if one in found),
    )


def _is_kept_picture(item: Any) -> bool:
    """A picture with an address of ours, which opens for its user alone: a link's reader has another one."""
    return item["type"] == "generated_image" and bool(item.get("image")) and item["image"]["url"].startswith("/")


def _position_after(after: str | None) -> int:
    if after is None:
        return BEFORE_ALL
    if not (after.isascii() and after.isdecimal() and len(after) <= 18):
        raise TerminalError(Code.INVALID_REQUEST, "There is no such place to go on from.", field="after")
    return int(after)


def as_shared(item: Json, position: int, created_at: datetime) -> Json | None:
    """An item as strangers see it: what was said and what was done in words, and nothing that names or holds more.

    No ids of ours, no arguments and outputs of tools, no thoughts, no models.
    """
    shown = _shown(item)
    if shown is None:
        return None
    known: Json = {"id": f"item_{position}", "thread_id": "shared", "type": item["type"]}
    return {**known, "created_at": created_at.isoformat(), **shown}


def _named(number: int, attachment: Any) -> Json:
    """That a file was there, and what it was called: its bytes are not shared."""
    return {**_only(attachment, "name", "mime_type"), "id": f"file_{number}", "type": "file"}


def _shown(item: Any) -> dict[str, Any] | None:
    match item["type"]:
        case "user_message":
            parts = [{**_only(part, "type", "text"), "type": "input_text"} for part in item["content"]]
            return {
                "content": parts,
                "attachments": [_named(number, one) for number, one in enumerate(item.get("attachments") or ())],
                "quoted_text": item.get("quoted_text"),
                "inference_options": {},
            }
        case "assistant_message":
            return {"content": [_only(part, "type", "text", "annotations") for part in item["content"]]}
        case "generated_image" if item.get("image"):
            url = "" if _is_kept_picture(item) else item["image"]["url"]  # the edge knows where, by the link's token
            return {"image": {**_only(item["image"], "name"), "id": "image", "url": url}}
        case "workflow" if item["workflow"]["type"] == "custom":
            tasks = [
                _only(task, "type", "title", "icon", "status_indicator")
                for task in item["workflow"]["tasks"]
                if task["type"] == "custom"
            ]
            return {"workflow": {**_only(item["workflow"], "type", "summary", "expanded"), "tasks": tasks}}
        case _:
            return None


def _only(value: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: value[name] for name in names if name in value}


def _view(row: Row) -> ShareView:
    return ShareView(**{name: row[name] for name in ShareView.model_fields})
