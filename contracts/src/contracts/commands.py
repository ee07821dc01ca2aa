"""Commands: what a service may be asked to change. Each names its subject and its reply."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue, StringConstraints

from contracts.identity import Principal, UserId
from contracts.ids import ConversationId, MessageId, RunId, TaskId, Token
from contracts.message import Body, Command, Json
from contracts.replies import (
    ConversationReply,
    Done,
    ErasureReceipt,
    FeedbackRecorded,
    ItemReply,
    LeaseRenewed,
    RateChecked,
    Role,
    RunClaimed,
    RunFinished,
    RunReply,
    TaskDeleted,
    TaskReply,
    ToolCallBegun,
    ToolCallStatus,
    ToolCallView,
    TurnBegun,
    Usage,
)
from contracts.text import MessageText, Text, Title

OnBusy = Literal["reject", "enqueue", "interrupt"]
IdempotencyKey = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,255}$")]
TaskTitle = Title
TaskDescription = Annotated[Text, Field(max_length=2_000)]


# --- turns -------------------------------------------------------------------------------------------------


class UserMessage(Body):
    """A new message of the user. ``content`` holds ChatKit's content parts, ``text`` what they say in plain words."""

    type: Literal["user_message"] = "user_message"
    text: MessageText
    content: tuple[Json, ...]
    quoted_text: MessageText | None = None
    inference_options: Json = Field(default_factory=dict)


class Retry(Body):
    """Answer this user message again: every later item is deleted first."""

    type: Literal["retry"] = "retry"
    message_id: MessageId


class ClientToolOutput(Body):
    """What the browser's tool returned for the conversation's pending client_tool_call."""

    type: Literal["client_tool_output"] = "client_tool_output"
    result: JsonValue = None


class StructuredInput(Body):
    """The user's answers to a pending structured_input item, or that they skipped it."""

    type: Literal["structured_input"] = "structured_input"
    message_id: MessageId
    answers: Json = Field(default_factory=dict)
    skipped: bool = False


TurnInput = Annotated[UserMessage | Retry | ClientToolOutput | StructuredInput, Field(discriminator="type")]


class TurnLimits(Body):
    """Bounds that the store checks in the same transaction; none where absent."""

    turns_per_minute_max: int | None = None
    concurrent_runs_max: int | None = None


class BeginTurn(Command[TurnBegun]):
    """Store the user's message and a run that will answer it, then say so; without conversation_id, a new one."""

    subject_template: ClassVar[str] = "command.conversation_store.begin_turn"
    principal: Principal
    conversation_id: ConversationId | None = None
    input: TurnInput
    idempotency_key: IdempotencyKey | None = None
    body_hash: str | None = None
    on_busy: OnBusy = "reject"
    model: Annotated[str, Field(max_length=100)] | None = None
    limits: TurnLimits = TurnLimits()


class CancelRun(Command[RunReply]):
    """Stop a run: durable, so that it is found at the next lease renewal even if the quick word is lost."""

    subject_template: ClassVar[str] = "command.conversation_store.cancel_run"
    principal: Principal
    run_id: RunId


# --- conversations and their items ------------------------------------------------------------------------


class UpdateConversation(Command[ConversationReply]):
    """Rename a conversation, or replace its metadata; what is absent stays."""

    subject_template: ClassVar[str] = "command.conversation_store.update_conversation"
    principal: Principal
    conversation_id: ConversationId
    title: Title | None = None
    metadata: Json | None = None


class DeleteConversation(Command[Done]):
    """Delete a conversation with everything in it; its active run is cancelled."""

    subject_template: ClassVar[str] = "command.conversation_store.delete_conversation"
    principal: Principal
    conversation_id: ConversationId


class ItemToSave(Body):
    """An item that a run has produced."""

    message_id: MessageId
    role: Role = "assistant"
    type: str
    content: Text = ""
    tool_calls: tuple[ToolCallView, ...] = ()
    item: Json


class SaveItem(Command[ItemReply]):
    """Insert an item of the assistant, or replace the one of that id."""

    subject_template: ClassVar[str] = "command.conversation_store.save_item"
    principal: Principal
    run_id: RunId
    epoch: int
    item: ItemToSave


class DeleteItem(Command[Done]):
    """Delete one item of a conversation."""

    subject_template: ClassVar[str] = "command.conversation_store.delete_item"
    principal: Principal
    conversation_id: ConversationId
    message_id: MessageId


class RecordFeedback(Command[FeedbackRecorded]):
    """The user's thumbs up or down for items; the newest one counts."""

    subject_template: ClassVar[str] = "command.conversation_store.record_feedback"
    principal: Principal
    conversation_id: ConversationId
    message_ids: tuple[MessageId, ...] = Field(min_length=1, max_length=100)
    kind: Literal["positive", "negative"]


# --- runs -------------------------------------------------------------------------------------------------


class RunRequested(Command[None]):
    """Ask any free runner to answer a turn that is already stored. Waits in the stream RUNS."""

    subject_template: ClassVar[str] = "run.{user_token}.{conversation_id}.requested"
    user_id: UserId
    conversation_id: ConversationId
    run_id: RunId


class ClaimRun(Command[RunClaimed]):
    """Make the run this runner's for ``lease_seconds``; raises its epoch, which fences every earlier attempt.

    Errors: run_leased (retryable: another runner's lease is alive), run_finished, not_found.
    """

    subject_template: ClassVar[str] = "command.conversation_store.claim_run"
    principal: Principal
    run_id: RunId
    runner_id: Token
    lease_seconds: Annotated[float, Field(gt=0, le=600)]
    history_messages_max: Annotated[int, Field(ge=0, le=1_000)] = 15


class RenewLease(Command[LeaseRenewed]):
    """Keep a claimed run for ``lease_seconds`` more. Errors: run_stale_epoch, run_finished."""

    subject_template: ClassVar[str] = "command.conversation_store.renew_lease"
    principal: Principal
    run_id: RunId
    epoch: int
    lease_seconds: Annotated[float, Field(gt=0, le=600)]


class AppendCheckpoint(Command[Done]):
    """Store a finished step of a run: session items in order, and the ChatKit items that show it.

    ``step`` counts the run's checkpoints from 0; the same step twice is stored once.
    Errors: run_stale_epoch, run_finished.
    """

    subject_template: ClassVar[str] = "command.conversation_store.append_checkpoint"
    principal: Principal
    run_id: RunId
    epoch: int
    step: Annotated[int, Field(ge=0)]
    session_items: tuple[Json, ...] = ()
    items: tuple[ItemToSave, ...] = ()


class BeginToolCall(Command[ToolCallBegun]):
    """Write a tool call into the ledger before it is executed; one that was finished comes with its result."""

    subject_template: ClassVar[str] = "command.conversation_store.begin_tool_call"
    principal: Principal
    run_id: RunId
    epoch: int
    call_id: Annotated[str, Field(min_length=1, max_length=255)]
    name: Annotated[str, Field(max_length=255)]
    arguments: JsonValue = None


class FinishToolCall(Command[ToolCallBegun]):
    """Write a tool call's result into the ledger; the first result stays."""

    subject_template: ClassVar[str] = "command.conversation_store.finish_tool_call"
    principal: Principal
    run_id: RunId
    epoch: int
    call_id: Annotated[str, Field(min_length=1, max_length=255)]
    status: ToolCallStatus
    result: JsonValue = None


class FinishRun(Command[RunFinished]):
    """End a run in one transaction: last items, session items, status, usage; then say so to the viewers.

    The store publishes the end after the commit: the ChatKit ``error`` event and ``run.failed``, or
    ``run.completed``, or ``run.cancelled``. A second finish changes nothing and says so.
    """

    subject_template: ClassVar[str] = "command.conversation_store.finish_run"
    principal: Principal
    run_id: RunId
    epoch: int
    status: Literal["completed", "failed", "cancelled"]
    items: tuple[ItemToSave, ...] = ()
    session_items: tuple[Json, ...] = ()
    title: Title | None = None
    model: str | None = None
    usage: Usage | None = None
    error_code: str | None = None
    error_detail: str | None = None
    openai_conversation_id: str | None = None


class AppendSessionItems(Command[Done]):
    """Append to what the model saw and said, outside a checkpoint. Errors: run_stale_epoch."""

    subject_template: ClassVar[str] = "command.conversation_store.append_session_items"
    principal: Principal
    run_id: RunId
    epoch: int
    session_items: tuple[Json, ...]


class TruncateSession(Command[Done]):
    """Forget the last ``items_count`` session items of a conversation, or all of them where absent."""

    subject_template: ClassVar[str] = "command.conversation_store.truncate_session"
    principal: Principal
    conversation_id: ConversationId
    items_count: Annotated[int, Field(ge=1)] | None = None


class LinkOpenaiConversation(Command[Done]):
    """Keep the id of OpenAI's conversation beside ours. Errors: run_stale_epoch."""

    subject_template: ClassVar[str] = "command.conversation_store.link_openai_conversation"
    principal: Principal
    run_id: RunId
    epoch: int
    openai_conversation_id: Annotated[str, Field(min_length=1, max_length=255)]


# --- todos ------------------------------------------------------------------------------------------------


class EffectKey(Body):
    """What makes a tool's effect happen once: the run and the call that asked for it."""

    run_id: RunId
    call_id: Annotated[str, Field(min_length=1, max_length=255)]


class AddTask(Command[TaskReply]):
    """Add a todo; once for each effect key."""

    subject_template: ClassVar[str] = "command.conversation_store.add_task"
    principal: Principal
    title: TaskTitle
    description: TaskDescription | None = None
    effect_key: EffectKey | None = None


class UpdateTask(Command[TaskReply]):
    """Change a todo; what is absent stays."""

    subject_template: ClassVar[str] = "command.conversation_store.update_task"
    principal: Principal
    task_id: TaskId
    title: TaskTitle | None = None
    description: TaskDescription | None = None
    completed: bool | None = None
    effect_key: EffectKey | None = None


class DeleteTask(Command[TaskDeleted]):
    """Delete a todo."""

    subject_template: ClassVar[str] = "command.conversation_store.delete_task"
    principal: Principal
    task_id: TaskId
    effect_key: EffectKey | None = None


# --- the user as a whole ----------------------------------------------------------------------------------


class EraseUser(Command[ErasureReceipt]):
    """Remove everything of the user, in Postgres and in DELTAS, and leave a receipt."""

    subject_template: ClassVar[str] = "command.conversation_store.erase_user"
    principal: Principal


class TakeRequestPermit(Command[RateChecked]):
    """Count HTTP requests against the user's budget, across all replicas. Errors: rate_limited.

    ``permits`` may be taken at once and used within the window, so that not every request asks the store; fewer
    are granted where fewer are left, and ``rate_limited`` is the answer where none is.
    """

    subject_template: ClassVar[str] = "command.conversation_store.take_request_permit"
    principal: Principal
    requests_per_minute_max: Annotated[int, Field(ge=1)]
    permits: Annotated[int, Field(ge=1)] = 1
