"""Put messages for the bus into the outbox, in the transaction that stores what they tell."""

from collections.abc import Sequence
from dataclasses import dataclass

from actor_kit.bus.wire import SCHEMA_HEADER
from actor_kit.telemetry import inject_trace
from contracts.commands import DeliverWebhook, RunRequested
from contracts.events import (
    EVENT_HEADER,
    AuditEvent,
    ChatKitDelta,
    ConversationChanged,
    ConversationDeleted,
    RunEvent,
    ScheduleFired,
    TaskChanged,
    TasksChanged,
)
from contracts.ids import AssistantId, ConversationId, RunId, WebhookId, new_id
from contracts.message import Json, Message
from contracts.services import Service
from contracts.subjects import subject_of

from conversation_store.database import OutboxRow, Transaction
from conversation_store.statements import Statements, json_text

sql = Statements.beside(__file__)


@dataclass(frozen=True)
class Outgoing:
    """One message for the bus. Those of one ``ordering_key`` (a conversation, a todo) are published in order."""

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


def run_requested(user_id: str, conversation_id: ConversationId, run_id: RunId, assistant_id: AssistantId) -> Outgoing:
    """The request that any free runner of the assistant answers the run."""
    command = RunRequested(user_id=user_id, conversation_id=conversation_id, run_id=run_id, assistant_id=assistant_id)
    subject = subject_of(RunRequested, assistant_id=assistant_id, user_id=user_id, conversation_id=conversation_id)
    return _outgoing(conversation_id, subject, command, {})


def conversation_changed(user_id: str, conversation_id: ConversationId, event: Json) -> Outgoing:
    """A ChatKit event of a conversation, outside any run."""
    subject = subject_of(ConversationChanged, user_id=user_id, conversation_id=conversation_id)
    return Outgoing(conversation_id, subject, json_text(event), _schema(ConversationChanged))


def conversation_deleted(user_id: str, conversation_id: ConversationId) -> Outgoing:
    """The control frame that ends a conversation's stream."""
    subject = subject_of(ConversationDeleted, user_id=user_id, conversation_id=conversation_id)
    event = ConversationDeleted(conversation_id=conversation_id)
    return _outgoing(conversation_id, subject, event, {EVENT_HEADER: ConversationDeleted.event_name})


def task_changed(user_id: str, event: TaskChanged) -> Outgoing:
    """A control frame about a todo."""
    subject = subject_of(TaskChanged, user_id=user_id)
    return _outgoing(event.task.task_id, subject, event, {EVENT_HEADER: TaskChanged.event_name})


def schedule_fired(user_id: str, event: ScheduleFired) -> Outgoing:
    """The control frame of a turn that was due."""
    subject = subject_of(ScheduleFired, user_id=user_id)
    return _outgoing(event.schedule_id, subject, event, {EVENT_HEADER: ScheduleFired.event_name})


def tasks_changed(user_id: str, event: TasksChanged) -> Outgoing:
    """A control frame about many todos."""
    subject = subject_of(TasksChanged, user_id=user_id)
    return _outgoing("tasks", subject, event, {EVENT_HEADER: TasksChanged.event_name})


def deliver_webhook(user_id: str, webhook_id: WebhookId, run_id: RunId) -> Outgoing:
    """The request that any runner tells a webhook of a run's end. None of them waits for another."""
    command = DeliverWebhook(user_id=user_id, webhook_id=webhook_id, run_id=run_id)
    subject = subject_of(DeliverWebhook, user_id=user_id, webhook_id=webhook_id)
    return _outgoing(f"{webhook_id}.{run_id}", subject, command, {})


def audit_event(event: AuditEvent) -> Outgoing:
    """What goes to AUDIT. None of them waits for another."""
    return _outgoing(new_id("audit"), event.subject(Service.CONVERSATION_STORE), event, {})


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
        sql.enqueue,
        user_id=user_id,
        ordering_keys=[out.ordering_key for out in outgoing],
        subjects=[out.subject for out in outgoing],
        headers=headers,
        payloads=[out.payload for out in outgoing],
        message_ids=message_ids,
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
