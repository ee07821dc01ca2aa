"""What a run's attempt stores while it works and at its end; refused where the attempt is no longer the run's."""

from collections.abc import Sequence
from typing import Any

from chatkit_protocol.history import is_message
from contracts.commands import (
    AppendCheckpoint,
    FinishRun,
    ItemToSave,
    LinkOpenaiConversation,
    SuspendRun,
    TruncateSession,
)
from contracts.errors import Code, TerminalError
from contracts.replies import Done

from conversation_store import access
from conversation_store.database import Transaction
from conversation_store.runs.rules import POSITIONS_PER_TURN
from conversation_store.statements import Statements, boolean_text, json_text

sql = Statements.beside(__file__)

EVERYTHING = 2**31
METADATA_BYTES_MAX = 64 * 1024
Write = AppendCheckpoint | FinishRun | SuspendRun


async def append_checkpoint(transaction: Transaction, command: AppendCheckpoint) -> Done:
    """Store a step of a run with its items; a step that is there is not stored again."""
    usage = None if command.usage is None else json_text(command.usage.model_dump())
    # The conversation is locked before its run, as everywhere.
    if command.metadata or command.title or command.conversation_status:
        await access.locked_run(transaction, command.principal, command.run_id)
    if not await _write(transaction, command, command.items, step=command.step, usage=usage):
        run = await access.owned_run(transaction, command.principal, command.run_id)
        is_current = run["status"] == "running" and run["epoch"] == command.epoch
        if not is_current:  # else only the step can be what kept it out
            raise await access.refused_write(transaction, command.principal, command.run_id, command.epoch)
    elif command.title:
        await transaction.execute(sql.name_conversation, command)
    return Done()


async def write_last_items(transaction: Transaction, command: FinishRun) -> bool:
    """Store what a run ends with, without what it withdraws; False where its epoch or its status forbids."""
    if not await _write(transaction, command, command.items):
        return False
    if command.withdrawn_items:
        await transaction.execute(sql.withdraw_items, command, message_ids=list(command.withdrawn_items))
        await transaction.execute(sql.delete_unshown_pictures, command)
    return True


async def write_suspended(transaction: Transaction, command: SuspendRun, items: Sequence[ItemToSave]) -> None:
    """Store what a run begins to wait with; the caller has seen that it may."""
    usage = None if command.usage is None else json_text(command.usage.model_dump())
    await _write(transaction, command, items, usage=usage)


async def truncate_session(transaction: Transaction, command: TruncateSession) -> Done:
    """Forget the last session items of a conversation, or all."""
    await access.owned_conversation(transaction, command.principal, command.conversation_id, lock=True)
    offset = EVERYTHING if command.items_count is None else command.items_count - 1
    await transaction.execute(sql.truncate_session, command, offset=offset)
    return Done()


async def link_openai_conversation(transaction: Transaction, command: LinkOpenaiConversation) -> Done:
    """Keep the id of OpenAI's conversation. Raises TerminalError: run_stale_epoch, run_finished, …"""
    if not await transaction.execute(sql.link_openai_conversation, command):
        raise await access.refused_write(transaction, command.principal, command.run_id, command.epoch)
    return Done()


async def _write(
    transaction: Transaction,
    command: Write,
    items: Sequence[ItemToSave],
    *,
    step: int | None = None,
    usage: str | None = None,
) -> bool:
    """Store items, and the session items of a command; False where its epoch, the run's status or its step forbids.

    Raises TerminalError (invalid_request) where an id belongs to the user's message or to another conversation.
    """
    unique = list({item.message_id: item for item in items}.values())
    ids = [item.get("id") for item in command.session_items]
    agent_name = command.agent_name if isinstance(command, AppendCheckpoint) else None
    row = await transaction.row(
        sql.write,
        command,
        step=step,
        usage=usage,
        agent_name=agent_name,
        positions_per_turn=POSITIONS_PER_TURN,
        message_ids=[item.message_id for item in unique],
        roles=[item.role for item in unique],
        types=[item.type for item in unique],
        contents=[item.content for item in unique],
        tool_calls=[json_text([call.model_dump() for call in item.tool_calls]) for item in unique],
        items=[json_text(item.item) for item in unique],
        session_items=[json_text(item) for item in command.session_items],
        are_messages=[boolean_text(is_message(item)) for item in command.session_items],
        session_ids=[message_id if isinstance(message_id, str) else None for message_id in ids],
    )
    if row is None:
        return False
    if row["saved_count"] != len(unique):
        raise TerminalError(Code.INVALID_REQUEST, "An item of this id is not this run's to replace.", field="item")
    pictures = [picture_id for item in unique if (picture_id := _picture_of(item)) is not None]
    if pictures:
        await transaction.execute(sql.use_pictures, command, attachment_ids=pictures)
    await _patch_metadata(transaction, command, row["conversation_id"])
    if not isinstance(command, SuspendRun) and command.conversation_status is not None:
        status = json_text(command.conversation_status.model_dump(exclude_none=True))
        await transaction.execute(sql.set_status, command, conversation_id=row["conversation_id"], status=status)
    return True


def _picture_of(item: ItemToSave) -> str | None:
    """The id of what an item shows: an attachment's where the run has kept it as one."""
    image: Any = item.item.get("image") if item.type == "generated_image" else None
    return str(image["id"]) if image and "id" in image else None


async def _patch_metadata(transaction: Transaction, command: Write, conversation_id: str) -> None:
    """Raises TerminalError (invalid_request) where the metadata would grow too large."""
    if isinstance(command, SuspendRun) or not command.metadata:
        return
    changes = json_text(command.metadata)
    size = await transaction.value(sql.patch_metadata, command, conversation_id=conversation_id, changes=changes)
    if size > METADATA_BYTES_MAX:
        detail = f"The conversation's metadata would have more than {METADATA_BYTES_MAX} bytes."
        raise TerminalError(Code.INVALID_REQUEST, detail, field="metadata")
