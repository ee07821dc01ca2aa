"""Begin a turn: one transaction that stores the message and the run which will answer it."""

from dataclasses import dataclass, field
from datetime import datetime

from actor_kit.telemetry import current_trace_id
from chatkit_protocol import events as chatkit
from chatkit_protocol import items
from chatkit_protocol.history import is_message
from chatkit_protocol.scheduled import told
from contracts.assistants import Requester
from contracts.commands import BeginTurn, CustomAction, TurnInput, UserMessage
from contracts.errors import Code, TerminalError
from contracts.ids import (
    AssistantId,
    ConversationId,
    MessageId,
    RunId,
    new_conversation_id,
    new_message_id,
    new_run_id,
)
from contracts.message import Json
from contracts.replies import ActionView, AttachmentView, ConversationStatus, ConversationView, TurnBegun
from pydantic import JsonValue

from conversation_store import access, attachments
from conversation_store.database import Row, Transaction
from conversation_store.outbox import enqueue
from conversation_store.runs import finish
from conversation_store.statements import Statements, boolean_text, json_text
from conversation_store.translate import model_input_of_user_item, model_message
from conversation_store.turns import answers, branches, usage
from conversation_store.turns.branches import Fork
from conversation_store.turns.rules import (
    Start,
    TurnBounds,
    TurnState,
    assistant_of_turn,
    check_limits,
    check_quota,
    check_replay,
    check_status,
    decide_start,
    quota_exceeded,
)
from conversation_store.turns.scheduled import ScheduledPrompt
from conversation_store.waiting import decide

sql = Statements.beside(__file__)


@dataclass(frozen=True)
class NewTurn:
    """The ids that a turn will have; made once, so that a repeated transaction finds what the first one stored."""

    conversation_id: ConversationId = field(default_factory=new_conversation_id)
    message_id: MessageId = field(default_factory=new_message_id)
    run_id: RunId = field(default_factory=new_run_id)


async def begin_turn(transaction: Transaction, command: BeginTurn, new: NewTurn, bounds: TurnBounds) -> TurnBegun:
    """Store a turn, or tell which one the same idempotency key has stored before.

    Raises NatterError: forbidden, not_found, invalid_request, conversation_busy, idempotency_key_reused, rate_limited,
    too_many_runs, quota_exceeded, usage_exceeded, assistant_unknown, assistant_not_served, conversation_locked,
    decision_taken, attachment_unfinished, attachment_in_use, attachment_not_readable.
    """
    user_id, quota = command.principal.user_id, bounds.quota
    access.check_scope(command.principal, command.conversation_id)
    locked = await transaction.row(sql.lock, command)
    found = await transaction.row(sql.state, command, run_id=new.run_id)
    assert locked is not None  # both statements always give one row
    assert found is not None
    if found["replay_run_id"] is not None:
        return _replayed(found, command, new)
    if command.conversation_id is not None and locked["conversation_id"] is None:
        raise await access.missing(transaction, "conversation", command.conversation_id)
    decided = await decide.answer_item(transaction, command)
    if decided is not None:
        return decided
    assistant_id = assistant_of_turn(command.assistant_id, locked["assistant_id"], bounds.assistants)
    if locked["status"] is not None:
        check_status(ConversationStatus.model_validate_json(locked["status"]), command.input)
    state = _state(found)
    check_limits(command.limits, state)
    await usage.check_usage(transaction, user_id, quota.usage, quota.prices)
    if check_quota(quota, state) and await transaction.value(sql.bytes_stored, command) >= quota.bytes_max:
        raise quota_exceeded(f"At most {quota.bytes_max} bytes are kept.", "bytes")
    may_wait = _may_wait(command.input)
    start = decide_start(command.on_busy, state, may_wait=may_wait, enqueued_turns_max=bounds.enqueued_turns_max)
    turn = await _turn(transaction, command, new, locked, assistant_id)
    await _write(transaction, command, new, turn, is_active=start is Start.NOW)
    await attachments.use_in_message(transaction, command.principal, turn.attachments, turn.conversation_id)
    if start is Start.NOW:
        events = enqueue.chatkit_events(user_id, turn.conversation_id, new.run_id, turn.events)
        requested = enqueue.run_requested(user_id, turn.conversation_id, new.run_id, assistant_id)
        await enqueue.enqueue(transaction, user_id, [*events, requested])
    elif start is Start.WAIT_AND_STOP_THE_ACTIVE and state.active_run_id is not None:
        await finish.request_stop(transaction, command.principal, state.active_run_id)
    return TurnBegun(
        conversation_id=turn.conversation_id, message_id=turn.user_message_id, run_id=new.run_id, status="queued"
    )


@dataclass(frozen=True)
class _Turn:
    """A turn as it will be stored; it follows ``parent``, the number of a turn, 0 for none.

    ``user_item`` is a new message; absent where the turn is about an older item. ``action``: where it is no message.
    """

    conversation_id: ConversationId
    assistant_id: AssistantId
    number: int
    parent: int
    user_message_id: MessageId
    session_items: list[Json]
    events: list[Json]
    user_item: Json | None = None
    content: str = ""
    inference_options: Json = field(default_factory=dict[str, JsonValue])
    action: ActionView | None = None
    schedule_id: str | None = None
    attachments: tuple[AttachmentView, ...] = ()


def _may_wait(turn_input: TurnInput | ScheduledPrompt) -> bool:
    if isinstance(turn_input, UserMessage):
        return turn_input.edited_message_id is None
    return isinstance(turn_input, CustomAction | ScheduledPrompt)


async def _turn(
    transaction: Transaction, command: BeginTurn, new: NewTurn, locked: Row, assistant_id: AssistantId
) -> _Turn:
    number, last_turn = _next_number(locked), locked["last_turn"] or 0
    if isinstance(command.input, UserMessage):
        fork = await _fork_of_edit(transaction, command, command.input, number) or Fork(last_turn)
        attached = await attachments.lock_for_message(
            transaction, command.principal, command.input.attachments, command.conversation_id
        )
        chosen = command.input.inference_options.get("model") or command.model
        await attachments.check_readable(transaction, attached, assistant_id, chosen)
        return _turn_of_message(command, command.input, new, locked, fork, assistant_id, attached)
    if isinstance(command.input, ScheduledPrompt):
        return _turn_of_schedule(command, command.input, new, locked, number, last_turn, assistant_id)
    if command.conversation_id is None:
        raise _needs_conversation()
    if isinstance(command.input, CustomAction):
        return await _turn_of_action(transaction, command, command.input, new, number, last_turn, assistant_id)
    change = await answers.apply(transaction, command, command.input, number)
    return _Turn(
        conversation_id=command.conversation_id,
        assistant_id=assistant_id,
        number=number,
        parent=last_turn if change.parent_turn is None else change.parent_turn,
        user_message_id=change.message_id,
        session_items=change.session_items,
        events=change.events,
        inference_options=change.inference_options,
    )


def _next_number(locked: Row) -> int:
    return (locked["turns_count"] or 0) + 1


async def _turn_of_action(
    transaction: Transaction,
    command: BeginTurn,
    sent: CustomAction,
    new: NewTurn,
    number: int,
    last_turn: int,
    assistant_id: AssistantId,
) -> _Turn:
    """Nothing is shown of an action, and the model is told nothing: that is for the code that it calls."""
    assert command.conversation_id is not None  # seen to before
    if sent.message_id is not None:
        await answers.find_widget(transaction, command, sent.message_id)
    return _Turn(
        conversation_id=command.conversation_id,
        assistant_id=assistant_id,
        number=number,
        parent=last_turn,
        user_message_id=sent.message_id or new.message_id,  # where there is no widget, that of no item
        session_items=[],
        events=[],
        action=ActionView(**sent.model_dump(exclude={"type"})),
    )


def _turn_of_schedule(
    command: BeginTurn,
    due: ScheduledPrompt,
    new: NewTurn,
    locked: Row,
    number: int,
    last_turn: int,
    assistant_id: AssistantId,
) -> _Turn:
    """Nothing is shown of what is due but the answer: nobody has just said it."""
    conversation_id = command.conversation_id or new.conversation_id
    is_new = command.conversation_id is None
    return _Turn(
        conversation_id=conversation_id,
        assistant_id=assistant_id,
        number=number,
        parent=last_turn,
        user_message_id=new.message_id,  # that of no item
        session_items=[model_message(told(due.kind, due.text, due.due_at, due.time_zone, is_late=due.is_late))],
        events=[_created(conversation_id, locked["now"], assistant_id)] if is_new else [],
        schedule_id=due.schedule_id,
    )


def _created(conversation_id: ConversationId, now: datetime, assistant_id: AssistantId) -> Json:
    conversation = ConversationView(
        conversation_id=conversation_id, created_at=now, updated_at=now, assistant_id=assistant_id
    )
    return chatkit.thread_created(conversation)


async def _fork_of_edit(transaction: Transaction, command: BeginTurn, message: UserMessage, turn: int) -> Fork | None:
    if message.edited_message_id is None:
        return None
    if command.conversation_id is None:
        raise _needs_conversation()
    edited = await answers.find_user_message(transaction, command, message.edited_message_id)
    return await branches.fork(transaction, command.conversation_id, edited, turn=turn, keeps_message=False)


def _needs_conversation() -> TerminalError:
    return TerminalError(Code.INVALID_REQUEST, "This needs a conversation that is there.", field="conversation_id")


def _turn_of_message(
    command: BeginTurn,
    message: UserMessage,
    new: NewTurn,
    locked: Row,
    fork: Fork,
    assistant_id: AssistantId,
    attached: tuple[AttachmentView, ...],
) -> _Turn:
    number = _next_number(locked)
    now: datetime = locked["now"]
    conversation_id = command.conversation_id or new.conversation_id
    shown = [items.attachment(a, command.principal.user_id, conversation_id) for a in attached]
    item = items.user_message(message, shown, item_id=new.message_id, thread_id=conversation_id, created_at=now)
    events = [*fork.events, chatkit.item_done(item)]
    if command.conversation_id is None:
        events.insert(0, _created(conversation_id, now, assistant_id))
    return _Turn(
        conversation_id=conversation_id,
        assistant_id=assistant_id,
        number=number,
        parent=fork.parent_turn,
        user_message_id=new.message_id,
        session_items=model_input_of_user_item(item, message.text),
        events=events,
        user_item=item,
        content=message.text,
        inference_options=message.inference_options,
        attachments=attached,
    )


async def _write(transaction: Transaction, command: BeginTurn, new: NewTurn, turn: _Turn, *, is_active: bool) -> None:
    await transaction.execute(
        sql.write,
        command,
        conversation_id=turn.conversation_id,
        assistant_id=turn.assistant_id,
        requester=json_text((command.requester or Requester()).model_dump(mode="json", exclude_defaults=True)),
        turn=turn.number,
        parent_turn=turn.parent,
        run_id=new.run_id,
        trace_id=current_trace_id(),
        is_active=is_active,
        message_id=turn.user_message_id,
        inference_options=json_text(turn.inference_options),
        content=turn.content,
        item=None if turn.user_item is None else json_text(turn.user_item),
        action=None if turn.action is None else json_text(turn.action.model_dump()),
        schedule_id=turn.schedule_id,
        session_items=[json_text(item) for item in turn.session_items],
        are_messages=[boolean_text(is_message(item)) for item in turn.session_items],
    )


def _state(found: Row) -> TurnState:
    return TurnState(
        active_run_id=found["active_run_id"],
        waiting_count=found["waiting_count"],
        turns_stored=found["turns_stored"],
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
