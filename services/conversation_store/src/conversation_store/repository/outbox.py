"""The outbox: words for the bus, stored with what they speak of."""

from collections.abc import Sequence
from dataclasses import dataclass

from actor_kit.bus.wire import SCHEMA_HEADER
from actor_kit.telemetry import inject_trace
from contracts.commands import RunRequested
from contracts.events import EVENT_HEADER, ChatKitDelta, ConversationChanged, RunEvent, TaskChanged
from contracts.ids import ConversationId, RunId, new_id
from contracts.message import Json, Message
from contracts.subjects import subject_of

from conversation_store.database import OutboxRow, Transaction
from conversation_store.translate import json_text

# Arrays go as text[], here and everywhere: asyncpg asks Postgres about any other array type on every new connection.
# Whoever enqueues for a key holds the lock of what it stands for, so nothing can come between this look and the commit.
ENQUEUE = """
with waiting as (select distinct ordering_key from chat.outbox where ordering_key = any($2::text[]))
insert into chat.outbox (user_id, ordering_key, subject, headers, payload, message_id)
select $1, * from unnest($2::text[], $3::text[], $4::text[]::jsonb[], $5::text[], $6::text[])
returning outbox_id, message_id, ordering_key in (select ordering_key from waiting) as has_others_before
"""
# A key's lock is asked for once, so a key is taken whole or not at all: who holds it publishes its rows in order, and
# nobody else does meanwhile. A row that was removed meanwhile is skipped.
TAKE = """
with oldest as materialized (
    select outbox_id, ordering_key from chat.outbox order by outbox_id limit $1
), ours as materialized (
    select ordering_key from (select distinct ordering_key from oldest) keys
    where pg_try_advisory_xact_lock(hashtextextended(ordering_key, 0))
)
select o.outbox_id, o.ordering_key, o.subject, o.headers, o.payload, o.message_id,
       extract(epoch from clock_timestamp() - o.created_at)::float8 as age_when_read_seconds
from oldest join ours using (ordering_key) join chat.outbox o using (outbox_id)
order by o.outbox_id for update of o skip locked
"""
REMOVE = "delete from chat.outbox where outbox_id = any($1::text[]::bigint[])"
LAG = """
select count(*) as waiting, coalesce(extract(epoch from now() - min(created_at)), 0)::float8 as lag_seconds
from chat.outbox
"""


@dataclass(frozen=True)
class Outgoing:
    """One message for the bus. Those of one ``ordering_key`` are published in order."""

    ordering_key: str
    subject: str
    payload: str
    headers: dict[str, str]


def chatkit_events(
    user_id: str, conversation_id: ConversationId, run_id: RunId, events: Sequence[Json]
) -> list[Outgoing]:
    """ChatKit events of a run."""
    subject = subject_of(ChatKitDelta, user_id=user_id, conversation_id=conversation_id, run_id=run_id)
    return [Outgoing(conversation_id, subject, json_text(event), _schema(ChatKitDelta)) for event in events]


def run_event(user_id: str, event: RunEvent) -> Outgoing:
    """A control frame of a run."""
    subject = subject_of(RunEvent, user_id=user_id, conversation_id=event.conversation_id, run_id=event.run_id)
    return _outgoing(event.conversation_id, subject, event, {EVENT_HEADER: RunEvent.event_name})


def run_requested(user_id: str, conversation_id: ConversationId, run_id: RunId) -> Outgoing:
    command = RunRequested(user_id=user_id, conversation_id=conversation_id, run_id=run_id)
    subject = subject_of(RunRequested, user_id=user_id, conversation_id=conversation_id)
    return _outgoing(conversation_id, subject, command, {})


def conversation_changed(user_id: str, conversation_id: ConversationId, event: Json) -> Outgoing:
    """A ChatKit event of a conversation, outside any run."""
    subject = subject_of(ConversationChanged, user_id=user_id, conversation_id=conversation_id)
    return Outgoing(conversation_id, subject, json_text(event), _schema(ConversationChanged))


def task_changed(user_id: str, event: TaskChanged) -> Outgoing:
    subject = subject_of(TaskChanged, user_id=user_id)
    return _outgoing(event.task.task_id, subject, event, {EVENT_HEADER: TaskChanged.event_name})


def _outgoing(ordering_key: str, subject: str, message: Message, headers: dict[str, str]) -> Outgoing:
    return Outgoing(ordering_key, subject, message.encode().decode(), {**_schema(type(message)), **headers})


def _schema(message: type[Message]) -> dict[str, str]:
    return {SCHEMA_HEADER: str(message.schema_version)}


async def enqueue(transaction: Transaction, user_id: str, outgoing: Sequence[Outgoing]) -> None:
    """Put messages into the outbox, in order. They are published after the commit."""
    if not outgoing:
        return
    trace = inject_trace({})  # whoever handles the message goes on with the trace of the request that caused it
    headers = [json_text({**trace, **out.headers}) for out in outgoing]
    message_ids = [new_id("evt") for _ in outgoing]
    stored = await transaction.rows(
        ENQUEUE,
        user_id,
        [out.ordering_key for out in outgoing],
        [out.subject for out in outgoing],
        headers,
        [out.payload for out in outgoing],
        message_ids,
    )
    found = {row["message_id"]: row for row in stored}
    own_keys = {row.ordering_key for row in transaction.enqueued}
    for out, out_headers, message_id in zip(outgoing, headers, message_ids, strict=True):
        row = found[message_id]
        if row["has_others_before"] and out.ordering_key not in own_keys:
            transaction.wakes_outbox = True
            continue
        transaction.enqueued.append(
            OutboxRow(row["outbox_id"], out.ordering_key, out.subject, out_headers, out.payload, message_id)
        )


async def take(transaction: Transaction, rows_max: int) -> list[OutboxRow]:
    """The oldest rows whose keys nobody else holds; their keys stay this transaction's until it ends."""
    return [OutboxRow(**row) for row in await transaction.rows(TAKE, rows_max)]


async def remove(transaction: Transaction, outbox_ids: Sequence[int]) -> None:
    await transaction.execute(REMOVE, [str(outbox_id) for outbox_id in outbox_ids])


async def lag(transaction: Transaction) -> tuple[int, float]:
    """How many rows wait, and the age of the oldest in seconds."""
    row = await transaction.row(LAG)
    return (row["waiting"], row["lag_seconds"]) if row else (0, 0.0)
