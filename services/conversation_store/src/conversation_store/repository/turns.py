"""Begin a turn: one transaction that stores the message and the run which will answer it."""

from dataclasses import dataclass, field
from datetime import datetime

from contracts.commands import BeginTurn, UserMessage
from contracts.errors import Code, TerminalError
from contracts.ids import ConversationId, MessageId, RunId, new_conversation_id, new_message_id, new_run_id
from contracts.message import Json
from contracts.replies import ConversationView, TurnBegun
from pydantic import JsonValue

from conversation_store.database import Row, Transaction
from conversation_store.repository import access, answers, outbox, runs
from conversation_store.rules import (
    Start,
    TurnState,
    check_limits,
    check_replay,
    check_scope,
    decide_start,
    is_model_message,
)
from conversation_store.translate import (
    boolean_text,
    item_done,
    json_text,
    model_input_of_user_item,
    thread_created,
    user_message_item,
)

# Turns of one user come one after the other: so limits, idempotency keys and the busy policy see no race.
# The conversation's lock comes second, everywhere; what it holds still is read by the next statement, which sees
# everything that was committed before the locks were granted.
LOCK = """
with asker as (
    insert into chat."user" (user_id, last_turn_at) values ($1, now())
    on conflict (user_id) do update set last_turn_at = now() returning user_id
)
select now() as now, c.*
from asker left join lateral (
    select c.conversation_id, c.turns_count from chat.conversation c
    where c.conversation_id = $2 and c.user_id = asker.user_id for no key update
) c on true
"""
STATE = """
select replay.*, active.*, waiting.*, unfinished.*, recent.*
from (select) one
left join lateral (
    select run_id as replay_run_id, conversation_id as replay_conversation_id, status as replay_status,
           user_message_id as replay_message_id, body_hash as replay_body_hash
    from chat.run where run_id = coalesce(
        (select run_id from chat.run where user_id = $1 and idempotency_key = $4),
        (select run_id from chat.run where user_id = $1 and run_id = $3)
    ) and user_id = $1
) replay on true
left join lateral (
    select run_id as active_run_id from chat.run where conversation_id = $2 and user_id = $1 and is_active
) active on true
left join lateral (
    select count(*) as waiting_count from chat.run
    where conversation_id = $2 and user_id = $1 and status = 'queued' and not is_active
) waiting on true
left join lateral (
    select count(*) as unfinished_count from chat.run where user_id = $1 and status in ('queued', 'running')
) unfinished on true
left join lateral (
    select count(*) as turns_in_window,
           coalesce(extract(epoch from min(created_at) + interval '60 seconds' - now()), 60)::float8 as frees_seconds
    from chat.run where user_id = $1 and created_at > now() - interval '60 seconds'
) recent on true
"""
# A conversation that is there has been locked as this user's own; a new one's id is new.
WRITE = """
with conversation as (
    insert into chat.conversation (conversation_id, user_id, turns_count) values ($1, $2, $3)
    on conflict (conversation_id) do update set turns_count = excluded.turns_count, updated_at = now()
), run as (
    insert into chat.run (
        run_id, conversation_id, user_id, turn, status, is_active, requests_count, requested_at, user_message_id,
        idempotency_key, body_hash, inference_options, model, session_items_count
    ) values (
        $4, $1, $2, $3, 'queued', $5::boolean, $5::boolean::int, case when $5::boolean then now() end,
        $6, $7, $8, $9::jsonb, $10,
        cardinality($13::text[]::jsonb[])
    )
), message as (
    insert into chat.message (message_id, conversation_id, user_id, run_id, role, type, content, item, position)
    select $6, $1, $2, $4, 'user', 'user_message', $11, $12::jsonb, $3::bigint * 1000000 where $12::jsonb is not null
)
insert into chat.session_item (conversation_id, position, user_id, run_id, message_id, is_input, is_message, item)
select $1, $3::bigint * 1000000 + s.at - 1, $2, $4, $6, true, s.is_message, s.item
from unnest($13::text[]::jsonb[], $14::text[]::boolean[]) with ordinality s (item, is_message, at)
"""


@dataclass(frozen=True)
class NewTurn:
    """The ids that a turn will have; made once, so that a repeated transaction finds what the first one stored."""

    conversation_id: ConversationId = field(default_factory=new_conversation_id)
    message_id: MessageId = field(default_factory=new_message_id)
    run_id: RunId = field(default_factory=new_run_id)


async def begin_turn(
    transaction: Transaction, command: BeginTurn, new: NewTurn, *, enqueued_turns_max: int
) -> TurnBegun:
    """Store a turn, or tell which one the same idempotency key has stored before.

    Raises NatterError: forbidden, not_found, invalid_request, conversation_busy, idempotency_key_reused,
    rate_limited, too_many_runs.
    """
    user_id = command.principal.user_id
    check_scope(command.principal, command.conversation_id)
    locked = await transaction.row(LOCK, user_id, command.conversation_id)
    found = await transaction.row(STATE, user_id, command.conversation_id, new.run_id, command.idempotency_key)
    assert locked is not None  # both statements always give one row
    assert found is not None
    if found["replay_run_id"] is not None:
        return _replayed(found, command, new)
    if command.conversation_id is not None and locked["conversation_id"] is None:
        raise await access.missing(transaction, "conversation", command.conversation_id)
    state = _state(found)
    check_limits(command.limits, state)
    is_message = isinstance(command.input, UserMessage)
    start = decide_start(command.on_busy, state, is_message=is_message, enqueued_turns_max=enqueued_turns_max)
    turn = await _turn(transaction, command, new, locked)
    await _write(transaction, command, new, turn, is_active=start is Start.NOW)
    await answers.adopt(transaction, command, turn.user_message_id, new.run_id)
    if start is Start.NOW:
        events = outbox.chatkit_events(user_id, turn.conversation_id, new.run_id, turn.events)
        requested = outbox.run_requested(user_id, turn.conversation_id, new.run_id)
        await outbox.enqueue(transaction, user_id, [*events, requested])
    elif start is Start.WAIT_AND_STOP_THE_ACTIVE and state.active_run_id is not None:
        await runs.request_stop(transaction, command.principal, state.active_run_id)
    return TurnBegun(
        conversation_id=turn.conversation_id, message_id=turn.user_message_id, run_id=new.run_id, status="queued"
    )


@dataclass(frozen=True)
class _Turn:
    """A turn as it will be stored. ``user_item`` is a new message; absent where the turn is about an older item."""

    conversation_id: ConversationId
    number: int
    user_message_id: MessageId
    session_items: list[Json]
    events: list[Json]
    user_item: Json | None = None
    content: str = ""
    inference_options: Json = field(default_factory=dict[str, JsonValue])


async def _turn(transaction: Transaction, command: BeginTurn, new: NewTurn, locked: Row) -> _Turn:
    number = (locked["turns_count"] or 0) + 1
    if isinstance(command.input, UserMessage):
        return _turn_of_message(command, command.input, new, locked, number)
    if command.conversation_id is None:
        raise TerminalError(Code.INVALID_REQUEST, "This needs a conversation that is there.", field="conversation_id")
    change = await answers.apply(transaction, command.principal.user_id, command.conversation_id, command.input)
    return _Turn(
        conversation_id=command.conversation_id,
        number=number,
        user_message_id=change.message_id,
        session_items=change.session_items,
        events=change.events,
        inference_options=change.inference_options,
    )


def _turn_of_message(command: BeginTurn, message: UserMessage, new: NewTurn, locked: Row, number: int) -> _Turn:
    now: datetime = locked["now"]
    conversation_id = command.conversation_id or new.conversation_id
    item = user_message_item(message, message_id=new.message_id, conversation_id=conversation_id, created_at=now)
    events = [item_done(item)]
    if command.conversation_id is None:
        conversation = ConversationView(conversation_id=conversation_id, created_at=now, updated_at=now)
        events.insert(0, thread_created(conversation))
    return _Turn(
        conversation_id=conversation_id,
        number=number,
        user_message_id=new.message_id,
        session_items=model_input_of_user_item(item, message.text),
        events=events,
        user_item=item,
        content=message.text,
        inference_options=message.inference_options,
    )


async def _write(transaction: Transaction, command: BeginTurn, new: NewTurn, turn: _Turn, *, is_active: bool) -> None:
    await transaction.execute(
        WRITE,
        turn.conversation_id,
        command.principal.user_id,
        turn.number,
        new.run_id,
        is_active,
        turn.user_message_id,
        command.idempotency_key,
        command.body_hash,
        json_text(turn.inference_options),
        command.model,
        turn.content,
        None if turn.user_item is None else json_text(turn.user_item),
        [json_text(item) for item in turn.session_items],
        [boolean_text(is_model_message(item)) for item in turn.session_items],
    )


def _state(found: Row) -> TurnState:
    return TurnState(
        active_run_id=found["active_run_id"],
        waiting_count=found["waiting_count"],
        unfinished_count=found["unfinished_count"],
        turns_in_window=found["turns_in_window"],
        window_frees_seconds=found["frees_seconds"],
    )


def _replayed(found: Row, command: BeginTurn, new: NewTurn) -> TurnBegun:
    is_own_repetition = found["replay_run_id"] == new.run_id
    if not is_own_repetition:
        check_replay(found["replay_body_hash"], command.body_hash)
    return TurnBegun(
        conversation_id=found["replay_conversation_id"],
        message_id=found["replay_message_id"],
        run_id=found["replay_run_id"],
        status=found["replay_status"],
        replayed=not is_own_repetition,
    )
