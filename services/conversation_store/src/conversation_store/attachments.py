"""Attachments: what is known of files, whose they are, and which message shows them. Their bytes lie elsewhere."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

from contracts.commands import CreateAttachment, DeleteAttachment, FinishAttachment, KeepAttachment
from contracts.errors import Code, TerminalError
from contracts.identity import Principal
from contracts.ids import AssistantId, AttachmentId, ConversationId, FileKey
from contracts.queries import GetAttachment, ListAttachments
from contracts.replies import AttachmentPage, AttachmentReply, AttachmentView, Done

from conversation_store import access, assistants
from conversation_store.database import Row, Transaction
from conversation_store.statements import Statements
from conversation_store.turns.rules import AttachmentQuota, quota_exceeded

sql = Statements.beside(__file__)
LAST = "~"
"""Ids are letters, digits, ``_`` and ``-``: all of them sort before it."""


async def create_attachment(
    transaction: Transaction, command: CreateAttachment, attachment_id: AttachmentId, *, quota: AttachmentQuota
) -> AttachmentReply:
    """Make room for an upload. Raises TerminalError: quota_exceeded, forbidden, not_found (the conversation)."""
    access.check_scope(command.principal, command.conversation_id)
    if command.conversation_id is not None:
        await access.owned_conversation(transaction, command.principal, command.conversation_id)
    await _check_quota(transaction, command.principal, command.size_bytes, quota)
    row = await transaction.row(sql.create, command, attachment_id=attachment_id)
    assert row is not None  # an upsert always gives one row
    return AttachmentReply(attachment=view(row))


async def finish_attachment(transaction: Transaction, command: FinishAttachment) -> AttachmentReply:
    """Keep what has arrived; what came second is deleted. Raises TerminalError: forbidden, not_found."""
    row = await transaction.row(sql.finish, command)
    if row is None:
        row = await _owned(transaction, command.principal, command.attachment_id)
        await _delete_if_another(transaction, row, command.file_key)
    return AttachmentReply(attachment=view(row))


async def keep_attachment(
    transaction: Transaction, command: KeepAttachment, *, quota: AttachmentQuota
) -> AttachmentReply:
    """Keep what a run has made. Raises TerminalError: run_stale_epoch, run_finished, quota_exceeded, not_found, …"""
    if await transaction.row(sql.get, command) is None:  # else an attempt that died has kept it, and it is counted
        await _check_quota(transaction, command.principal, command.size_bytes, quota)
    row = await transaction.row(sql.keep, command)
    if row is None:
        raise await access.refused_write(transaction, command.principal, command.run_id, command.epoch)
    await _delete_if_another(transaction, row, command.file_key)
    return AttachmentReply(attachment=view(row))


async def get_attachment(transaction: Transaction, query: GetAttachment) -> AttachmentReply:
    """One attachment. Raises TerminalError: forbidden, not_found."""
    return AttachmentReply(attachment=view(await _owned(transaction, query.principal, query.attachment_id)))


async def list_attachments(
    transaction: Transaction, query: ListAttachments, *, quota: AttachmentQuota
) -> AttachmentPage:
    """A page of the user's attachments. Raises TerminalError: forbidden, not_found (the conversation)."""
    access.check_scope(query.principal, query.conversation_id)
    if query.conversation_id is not None:
        await access.owned_conversation(transaction, query.principal, query.conversation_id)
    rows = await transaction.rows(sql.list, query, after=query.after or LAST, limit=query.limit + 1)
    stored = await transaction.row(sql.stored, query)
    assert stored is not None  # an aggregate always gives one row
    data = tuple(view(row) for row in rows[: query.limit])
    has_more = len(rows) > query.limit
    return AttachmentPage(
        data=data,
        has_more=has_more,
        after=data[-1].attachment_id if has_more else None,
        bytes_stored=stored["bytes"],
        bytes_max=quota.bytes_max,
    )


async def delete_attachment(transaction: Transaction, command: DeleteAttachment) -> Done:
    """Delete it; a trigger sees to its file. Raises TerminalError: forbidden, not_found."""
    await _owned(transaction, command.principal, command.attachment_id)
    await transaction.execute(sql.delete, command)
    return Done()


async def lock_for_message(
    transaction: Transaction,
    principal: Principal,
    attachment_ids: Sequence[AttachmentId],
    conversation_id: ConversationId | None,
) -> tuple[AttachmentView, ...]:
    """The attachments of a message that is about to be stored, in its order.

    Raises TerminalError: forbidden, not_found, attachment_unfinished, attachment_in_use.
    """
    if not attachment_ids:
        return ()
    ids = list(dict.fromkeys(attachment_ids))
    rows = await transaction.rows(sql.lock_named, attachment_ids=ids, user_id=principal.user_id)
    found = {row["attachment_id"]: view(row) for row in rows}
    for attachment_id in ids:
        if attachment_id not in found:
            raise await access.missing(transaction, "attachment", attachment_id)
        _check_usable(found[attachment_id], conversation_id)
    return tuple(found[attachment_id] for attachment_id in ids)


async def check_readable(
    transaction: Transaction, attachments: Sequence[AttachmentView], assistant_id: AssistantId, model: object
) -> None:
    """Whether who is to answer can do something with them, as its runner has told. ``model``: the chosen one, if any.

    Raises TerminalError (attachment_not_readable).
    """
    card = await assistants.card_of(transaction, assistant_id) if attachments else None
    if card is None:
        return
    types = next((one.attachment_types for one in card.models if one.id == model), card.attachment_types)
    for attachment in attachments:
        if not any(fnmatchcase(attachment.mime_type, pattern) for pattern in types):
            detail = f"“{attachment.name}” is of a type ({attachment.mime_type}) that the assistant cannot look at."
            raise TerminalError(Code.ATTACHMENT_NOT_READABLE, detail, field="attachments")


async def use_in_message(
    transaction: Transaction,
    principal: Principal,
    attachments: Sequence[AttachmentView],
    conversation_id: ConversationId,
) -> None:
    """They belong to the conversation of their message from now on, and go when it goes."""
    if attachments:
        ids = [attachment.attachment_id for attachment in attachments]
        await transaction.execute(
            sql.use, attachment_ids=ids, conversation_id=conversation_id, user_id=principal.user_id
        )


async def use_in_task(
    transaction: Transaction, principal: Principal, attachment_ids: Sequence[AttachmentId]
) -> list[AttachmentId]:
    """Attach files to a todo, from whichever conversation. Raises TerminalError: forbidden, not_found,
    attachment_unfinished.
    """
    ids = list(dict.fromkeys(attachment_ids))
    if not ids:
        return []
    rows = await transaction.rows(sql.lock_named, attachment_ids=ids, user_id=principal.user_id)
    found = {row["attachment_id"]: view(row) for row in rows}
    for attachment_id in ids:
        if attachment_id not in found:
            raise await access.missing(transaction, "attachment", attachment_id)
        _check_usable(found[attachment_id], found[attachment_id].conversation_id)
    await transaction.execute(sql.use_elsewhere, attachment_ids=ids, user_id=principal.user_id)
    return ids


async def stored(
    transaction: Transaction, user_id: str, attachment_ids: Sequence[AttachmentId]
) -> dict[AttachmentId, AttachmentView]:
    """Those of a user's that are there."""
    rows = await transaction.rows(sql.named, attachment_ids=list(attachment_ids), user_id=user_id)
    return {row["attachment_id"]: view(row) for row in rows}


async def delete_unused(transaction: Transaction, *, pending_seconds: float, unused_seconds: float, limit: int) -> int:
    """Of all users, what was not uploaded or not sent in time; how many. A trigger sees to the files."""
    return await transaction.value(
        sql.delete_unused, pending_seconds=pending_seconds, unused_seconds=unused_seconds, limit=limit
    )


async def take_due_deletions(transaction: Transaction, *, limit: int) -> list[str]:
    """Files, or attachments of which all files are to go; forgotten when the transaction commits."""
    rows = await transaction.rows(sql.take_due_deletions, limit=limit)
    return sorted({row["file_key"] for row in rows})


async def unknown_files(transaction: Transaction, keys: Sequence[FileKey]) -> list[FileKey]:
    """Those of the keys under which no attachment keeps a file, and none may be arriving."""
    attachment_ids = list({key.partition("/")[0] for key in keys})
    known = await transaction.rows(sql.known, attachment_ids=attachment_ids)
    kept = {row["file_key"] for row in known}
    arriving = {row["attachment_id"] for row in known if row["file_key"] is None}
    return [key for key in keys if key not in kept and key.partition("/")[0] not in arriving]


def view(row: Row) -> AttachmentView:
    return AttachmentView(**{name: row[name] for name in AttachmentView.model_fields})


def _check_usable(attachment: AttachmentView, conversation_id: ConversationId | None) -> None:
    if attachment.state != "stored":
        raise TerminalError(
            Code.ATTACHMENT_UNFINISHED, f"{attachment.attachment_id} has not been uploaded.", field="attachments"
        )
    if attachment.conversation_id not in (None, conversation_id):
        detail = f"{attachment.attachment_id} belongs to another conversation."
        raise TerminalError(Code.ATTACHMENT_IN_USE, detail, field="attachments")


async def _owned(transaction: Transaction, principal: Principal, attachment_id: AttachmentId) -> Row:
    row = await transaction.row(sql.get, attachment_id=attachment_id, user_id=principal.user_id)
    if row is None:
        raise await access.missing(transaction, "attachment", attachment_id)
    access.check_scope(principal, row["conversation_id"])
    return row


async def _check_quota(transaction: Transaction, principal: Principal, size_bytes: int, quota: AttachmentQuota) -> None:
    await transaction.value(sql.lock_user, user_id=principal.user_id)
    stored = await transaction.row(sql.stored, user_id=principal.user_id)
    assert stored is not None  # an aggregate always gives one row
    if stored["files"] >= quota.files_max:
        raise quota_exceeded(f"At most {quota.files_max} attachments are kept.", "attachments")
    if stored["bytes"] + size_bytes > quota.bytes_max:
        raise quota_exceeded(f"At most {quota.bytes_max} bytes of attachments are kept.", "size_bytes")


async def _delete_if_another(transaction: Transaction, row: Row, file_key: str) -> None:
    if row["file_key"] not in (None, file_key):
        await transaction.execute(sql.delete_file_later, file_key=file_key)
