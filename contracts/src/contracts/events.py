"""Events say what has happened. What a viewer may see is published on ``delta.…`` and republished on ``live.…``."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints

from contracts.identity import UserId, user_token
from contracts.ids import ConversationId, RunId, ScheduleId, TaskId, Token
from contracts.message import Body, Event
from contracts.replies import ScheduleKind, TaskView
from contracts.services import Service
from contracts.subjects import subject_of

EVENT_HEADER = "Natter-Event"
"""Names the SSE event of a delta: absent for a ChatKit event, else that of `RunEvent` ("run"), `ConversationDeleted`
("conversation"), `TaskChanged` ("task"), `TasksChanged` ("tasks") or `ScheduleFired` ("schedule")."""

EPOCH_HEADER = "Natter-Epoch"
"""The attempt that published a delta; absent on what the store publishes, which is never fenced."""

KEY_HEADER = "Natter-Key"
"""Names what is told once and is no item (a notice, an effect), for the attempt that takes the run over."""


class ChatKitDelta(Event):
    """One ChatKit event of a run. The payload is the exact JSON that the browser gets, not this class's fields.

    Within a run each runner publishes with ``Nats-Expected-Last-Subject-Sequence``, so that the stream itself
    refuses a fenced attempt (error 10071).
    """

    subject_template: ClassVar[str] = "delta.{user_token}.{conversation_id}.{run_id}"
    conversation_id: ConversationId
    run_id: RunId


class RunEvent(Event):
    """A control frame of a run: where it stands. Published by the runner (started, restarted) or the store (the rest).

    ``wait``: with `run.waiting` and `run.resumed`, the number of the wait, from 1 on.
    """

    subject_template: ClassVar[str] = "delta.{user_token}.{conversation_id}.{run_id}"
    event_name: ClassVar[str] = "run"
    type: Literal[
        "run.started",
        "run.restarted",
        "run.waiting",
        "run.resumed",
        "run.completed",
        "run.failed",
        "run.cancelled",
    ]
    run_id: RunId
    conversation_id: ConversationId
    epoch: int
    code: str | None = None
    wait: int | None = None


TERMINAL_RUN_EVENTS = frozenset({"run.completed", "run.failed", "run.cancelled"})


class ConversationChanged(Event):
    """A ChatKit event of a conversation outside any run (renamed, item removed). The payload is its exact JSON."""

    subject_template: ClassVar[str] = "delta.{user_token}.{conversation_id}.changed"
    conversation_id: ConversationId


class ConversationDeleted(Event):
    """A conversation is gone: the last that its stream carries, and on the user's stream for every list of theirs."""

    subject_template: ClassVar[str] = "delta.{user_token}.{conversation_id}.changed"
    event_name: ClassVar[str] = "conversation"
    type: Literal["conversation.deleted"] = "conversation.deleted"
    conversation_id: ConversationId


class TaskChanged(Event):
    """A todo was added, updated or deleted; shown on the user's stream."""

    subject_template: ClassVar[str] = "delta.{user_token}.tasks.changed"
    event_name: ClassVar[str] = "task"
    type: Literal["task.added", "task.updated", "task.deleted"]
    task: TaskView


class ScheduleFired(Event):
    """A schedule or a todo's reminder has begun a turn that nobody was waiting for; shown on the user's stream."""

    subject_template: ClassVar[str] = "delta.{user_token}.schedules.fired"
    event_name: ClassVar[str] = "schedule"
    type: Literal["schedule.fired"] = "schedule.fired"
    schedule_id: ScheduleId
    kind: ScheduleKind
    text: str
    due_at: datetime
    is_late: bool
    task_id: TaskId | None = None
    conversation_id: ConversationId
    run_id: RunId


class TasksChanged(Event):
    """Many todos at once were cleared, restored or put in another order: whoever shows the list reads it again."""

    subject_template: ClassVar[str] = "delta.{user_token}.tasks.changed"
    event_name: ClassVar[str] = "tasks"
    type: Literal["tasks.cleared", "tasks.restored", "tasks.reordered"]
    count: int


class LiveDelta(Event):
    """A delta as viewers hear it: DELTAS republishes each stored one here, with ``Nats-Sequence``."""

    subject_template: ClassVar[str] = "live.{user_token}.{conversation_id}.{run_id}"
    conversation_id: ConversationId
    run_id: RunId


class RunCancelRequested(Event):
    """Tell the runner that executes this run to stop at once. It may be lost: the lease renewal says the same."""

    subject_template: ClassVar[str] = "control.run.{run_id}.cancel"
    run_id: RunId


class TokensRevoked(Event):
    """Tell every relay to end the user's streams that were opened with a token issued before ``valid_from_seconds``
    (Unix time, as a token says it).

    It may be lost: then a stream ends with its token, minutes later.
    """

    subject_template: ClassVar[str] = "control.user.{user_token}.revoked"
    user_id: UserId
    valid_from_seconds: int


class DeadLetter(Event):
    """A message that could not be handled, with the reason; kept in DEAD_LETTERS until someone looks."""

    subject_template: ClassVar[str] = "dead_letter.{service}.{message}"
    service: str
    message: str
    subject: str
    code: str
    detail: str
    deliveries_count: int
    headers: dict[str, str]
    payload_base64: str


AuditAction = Literal[
    "account_deleted",
    "account_linked",
    "account_unlinked",
    "consent_given",
    "consent_refused",
    "consent_withdrawn",
    "conversation_read_by_operator",
    "data_erased",
    "data_exported",
    "dead_letter_discarded",
    "dead_letter_replayed",
    "email_changed",
    "email_confirmed",
    "invitation_made",
    "looked_at_by_operator",
    "passkey_added",
    "passkey_deleted",
    "password_changed",
    "password_reset",
    "reset_link_made",
    "service_token_created",
    "service_token_revoked",
    "session_ended",
    "share_begun",
    "share_ended",
    "sign_in",
    "sign_in_failed",
    "sign_out",
    "sign_out_everywhere",
    "sign_up",
    "tokens_revoked",
    "tool_call_approved",
    "tool_call_refused",
    "turn_submitted",
    "webhook_begun",
    "webhook_ended",
    "webhook_secret_rotated",
]
AUDIT_DETAILS_MAX = 32
NOBODY = "-"
"""The user token of an audit event that concerns no user; no user id is encoded so."""

AuditDetail = Annotated[str, StringConstraints(max_length=255)] | int


class AuditEvent(Event):
    """Somebody did what an operator may later be asked about; kept in AUDIT for AUDIT_RETENTION_DAYS.

    Its time is JetStream's: one clock for all of them. ``details`` hold ids, names and counts: nothing that a person
    wrote, and no secret.
    """

    subject_template: ClassVar[str] = "audit.{service}.{user_token}.{action}"
    action: AuditAction
    user_id: UserId | None = None
    details: dict[Token, AuditDetail] = Field(default={}, max_length=AUDIT_DETAILS_MAX)

    def subject(self, service: Service) -> str:
        """Where this service publishes it."""
        token = NOBODY if self.user_id is None else user_token(self.user_id)
        return subject_of(AuditEvent, service=service, user_token=token, action=self.action)


class Reset(Body):
    """The control frame ``reset``: what was asked for is no longer in DELTAS; the stored items follow."""

    reason: Literal["expired", "unknown_id", "slow_viewer"]
