"""What the model saw and said: a run's checkpoints, and the window of history that a later turn gets."""

from collections.abc import Sequence
from dataclasses import dataclass

from contracts.commands import AppendCheckpoint, LinkOpenaiConversation, TruncateSession
from contracts.identity import Principal
from contracts.ids import ConversationId, RunId
from contracts.message import Json
from contracts.replies import Done

from conversation_store.database import Transaction
from conversation_store.repository import access, items
from conversation_store.rules import POSITIONS_PER_TURN, is_model_message
from conversation_store.translate import boolean_text, json_text

# Checks the epoch and takes the positions in one statement: a stale attempt takes none and writes nothing.
RESERVE = """
update chat.run
set items_count = items_count + $4, session_items_count = session_items_count + $5,
    checkpoints_count = case when $6::int is null then checkpoints_count else $6 + 1 end,
    usage = coalesce($7::jsonb, usage)
where run_id = $1 and user_id = $2 and epoch = $3 and status = 'running'
  and ($6::int is null or checkpoints_count <= $6)
returning conversation_id, turn, items_count - $4 as items_before, session_items_count - $5 as session_items_before
"""
APPEND = """
insert into chat.session_item (conversation_id, position, user_id, run_id, message_id, is_message, item)
select $1, $4 + s.at - 1, $2, $3, s.message_id, s.is_message, s.item
from unnest($5::text[]::jsonb[], $6::text[]::boolean[], $7::text[]) with ordinality s (item, is_message, message_id, at)
"""
TRUNCATE = """
delete from chat.session_item
where conversation_id = $1 and user_id = $2 and position >= coalesce((
    select position from chat.session_item where conversation_id = $1 and user_id = $2
    order by position desc offset $3 limit 1
), 0)
"""
LINK = """
update chat.conversation c set openai_conversation_id = $4
from (select conversation_id from chat.run where run_id = $1 and user_id = $2 and epoch = $3 and status = 'running'
      for share) r
where c.conversation_id = r.conversation_id and c.user_id = $2
"""


@dataclass(frozen=True)
class Place:
    """Where a run's next items go: its conversation, and the first free positions."""

    conversation_id: ConversationId
    user_id: str
    run_id: RunId
    item_position: int
    session_position: int


async def reserve(
    transaction: Transaction,
    principal: Principal,
    run_id: RunId,
    epoch: int,
    *,
    items_count: int = 0,
    session_items_count: int = 0,
    step: int | None = None,
) -> Place:
    """Take positions for a run's write. Raises TerminalError: run_stale_epoch, run_finished, forbidden, not_found."""
    place = await _reserve(transaction, principal, run_id, epoch, items_count, session_items_count, step)
    if place is None:
        raise await access.refused_write(transaction, principal, run_id, epoch)
    return place


async def append(transaction: Transaction, place: Place, session_items: Sequence[Json]) -> None:
    """Store session items at the place that was reserved for them."""
    if not session_items:
        return
    ids = [item.get("id") for item in session_items]
    await transaction.execute(
        APPEND,
        place.conversation_id,
        place.user_id,
        place.run_id,
        place.session_position,
        [json_text(item) for item in session_items],
        [boolean_text(is_model_message(item)) for item in session_items],
        [message_id if isinstance(message_id, str) else None for message_id in ids],
    )


async def append_checkpoint(transaction: Transaction, command: AppendCheckpoint) -> Done:
    """Store a step of a run with its items; a step that is there is not stored again."""
    place = await _reserve(
        transaction,
        command.principal,
        command.run_id,
        command.epoch,
        len(command.items),
        len(command.session_items),
        command.step,
        usage=None if command.usage is None else json_text(command.usage.model_dump()),
    )
    if place is None:
        run = await access.owned_run(transaction, command.principal, command.run_id)
        if run["status"] == "running" and run["epoch"] == command.epoch:
            return Done()  # only the step can be what kept it out
        raise await access.refused_write(transaction, command.principal, command.run_id, command.epoch)
    await items.save(transaction, place, command.items)
    await append(transaction, place, command.session_items)
    return Done()


async def truncate_session(transaction: Transaction, command: TruncateSession) -> Done:
    """Forget the last session items of a conversation, or all."""
    await access.owned_conversation(transaction, command.principal, command.conversation_id, lock=True)
    offset = 2**31 if command.items_count is None else command.items_count - 1
    await transaction.execute(TRUNCATE, command.conversation_id, command.principal.user_id, offset)
    return Done()


async def link_openai_conversation(transaction: Transaction, command: LinkOpenaiConversation) -> Done:
    user_id = command.principal.user_id
    linked = await transaction.execute(LINK, command.run_id, user_id, command.epoch, command.openai_conversation_id)
    if not linked:
        raise await access.refused_write(transaction, command.principal, command.run_id, command.epoch)
    return Done()


async def _reserve(  # noqa: PLR0913  the columns that a step may set
    transaction: Transaction,
    principal: Principal,
    run_id: RunId,
    epoch: int,
    items_count: int,
    session_items_count: int,
    step: int | None,
    *,
    usage: str | None = None,
) -> Place | None:
    counts = items_count, session_items_count, step
    row = await transaction.row(RESERVE, run_id, principal.user_id, epoch, *counts, usage)
    if row is None:
        return None
    base = row["turn"] * POSITIONS_PER_TURN
    return Place(
        conversation_id=row["conversation_id"],
        user_id=principal.user_id,
        run_id=run_id,
        item_position=base + 1 + row["items_before"],  # the turn's own message is at the base
        session_position=base + row["session_items_before"],
    )
