"""The bodies of the REST interface. Field names are the interface: add optional ones only."""

from datetime import datetime
from typing import Annotated, Literal, Self

from contracts.assistants import AssistantCard, TimeZone
from contracts.commands import (
    ATTACHMENTS_PER_MESSAGE_MAX,
    CronExpression,
    Move,
    OnBusy,
    ScheduleText,
    TaskDescription,
    TaskTitle,
    WebhookUrl,
)
from contracts.commands.tasks import ATTACHMENTS_PER_TASK_MAX
from contracts.due import Due, NewDue
from contracts.identity import UserId
from contracts.ids import (
    AssistantId,
    AttachmentId,
    ConversationId,
    MessageId,
    RunId,
    ScheduleId,
    ServerName,
    ShareId,
    TaskId,
    WebhookId,
)
from contracts.message import Json
from contracts.replies import (
    ConnectionStatus,
    ConnectionView,
    ConversationView,
    ExcerptPart,
    ItemView,
    RunStatus,
    RunView,
    ScheduleKind,
    ScheduleStatus,
    ScheduleView,
    ShareView,
    TaskCounts,
    TaskView,
    ToolCallView,
    TurnView,
    Usage,
    WebhookView,
)
from contracts.replies import SearchHit as FoundInStore
from contracts.text import MessageText, Title
from contracts.waiting import CallId, Decision, Form, Reason, WaitKind
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationInfo,
    model_validator,
)


def _refuse_blank(text: str, info: ValidationInfo) -> str:
    if not text.strip() and not info.data.get("attachments"):
        raise ValueError("the message is empty")
    return text


class _Sent(BaseModel):
    """A body that a client sends: an unknown field or a number for a text is a mistake that it should learn of."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class NewMessage(_Sent):
    """A message to the assistant; without `conversation_id` it begins a new conversation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"message": "add a task: buy milk"}]})

    attachments: Annotated[list[AttachmentId], Field(max_length=ATTACHMENTS_PER_MESSAGE_MAX)] = Field(
        [], description="Files that were uploaded before; a message that has some may be empty."
    )
    message: Annotated[MessageText, AfterValidator(_refuse_blank)] = Field("", validate_default=True)
    conversation_id: ConversationId | None = None
    assistant_id: AssistantId | None = Field(
        None, description="Who answers in a conversation that begins; absent: the default assistant."
    )
    on_busy: OnBusy = Field(
        "reject", description="While a run is active: answer 409, queue behind it, or stop it and begin."
    )
    edited_message_id: MessageId | None = Field(
        None, description="The message of the user that this one is another version of. It begins a branch there."
    )


class ServiceMessage(_Sent):
    """A message that another system sends for a user."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": "alice", "message": "Order 42 was sent."}]})

    user_id: UserId
    message: Annotated[MessageText, AfterValidator(_refuse_blank), Field(min_length=1)]
    conversation_id: ConversationId | None = None
    assistant_id: AssistantId | None = None
    on_busy: OnBusy = "enqueue"


class TurnAccepted(BaseModel):
    """The message is stored and will be answered. The answer is on `stream_url`."""

    conversation_id: ConversationId
    message_id: MessageId
    run_id: RunId
    stream_url: str = Field(examples=["/api/alice/runs/run_0199a1b2c3d4/stream"])


class Attachable(BaseModel):
    """What may be attached to a message, by the type that a file is found to be."""

    types: list[str] = Field(examples=[["image/png", "text/plain"]])
    bytes_max: int = Field(examples=[104857600])
    picture_bytes_max: int = Field(examples=[20971520])
    count_max: int = Field(examples=[10])


class AssistantCards(BaseModel):
    """The assistants, the default one first, and what may go with a message to them."""

    data: list[AssistantCard]
    attachments: Attachable
    dictation: bool = Field(description="Whether ChatKit's `input.transcribe` is answered here.")


class NewChatSession(_Sent):
    """For whom a chat token is: the caller, and only one conversation of the caller if that is named."""

    conversation_id: ConversationId | None = None


class ChatSession(BaseModel):
    """A chat-only token. `client_secret` is what ChatKit's `getClientSecret` returns."""

    session_id: str = Field(examples=["sess_5f0c"])
    client_secret: str = Field(examples=["eyJhbGciOi..."])
    expires_at: datetime
    api_url: str = Field(examples=["/api/alice/chatkit"])
    conversation_id: ConversationId | None = None


class Conversation(BaseModel):
    """A conversation with one assistant. `active_run_id` is set while it is being answered, the times while it is
    pinned or archived. `is_waiting`: that run waits for the user.
    """

    id: ConversationId
    title: str | None
    created_at: datetime
    updated_at: datetime
    active_run_id: RunId | None
    pinned_at: datetime | None
    archived_at: datetime | None
    assistant_id: AssistantId
    is_waiting: bool

    @classmethod
    def of(cls, view: ConversationView) -> Self:
        return cls(
            id=view.conversation_id,
            title=view.title,
            created_at=view.created_at,
            updated_at=view.updated_at,
            active_run_id=view.active_run_id,
            pinned_at=view.pinned_at,
            archived_at=view.archived_at,
            assistant_id=view.assistant_id,
            is_waiting=view.is_waiting,
        )


class ConversationList(BaseModel):
    """Newest first. `after` of one page is the `after` of the request for the next."""

    data: list[Conversation]
    has_more: bool
    after: str | None


class ConversationChange(_Sent):
    """What to change: the title, whether it is pinned, whether it is archived; what is absent or null stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Groceries"}, {"pinned": True}]})

    title: Title | None = None
    pinned: bool | None = None
    archived: bool | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.title is None and self.pinned is None and self.archived is None:
            raise ValueError("nothing to change: send title, pinned or archived")
        return self


class SearchHit(BaseModel):
    """What was found, and the sentence that holds it, in pieces. `message_id` is null where the title holds it."""

    conversation_id: ConversationId
    title: str | None
    message_id: MessageId | None
    role: Literal["user", "assistant"] | None
    created_at: datetime
    excerpt: tuple[ExcerptPart, ...]

    @classmethod
    def of(cls, hit: FoundInStore) -> Self:
        return cls.model_validate(dict(hit))


class SearchResult(BaseModel):
    """Titles first, then messages, newest first."""

    data: list[SearchHit]
    has_more: bool


class Message(BaseModel):
    """A message of a conversation; an answer's `tool_calls` are those that led to it."""

    id: MessageId
    role: Literal["user", "assistant"]
    type: str
    content: str
    tool_calls: list[ToolCallView]
    created_at: datetime

    @classmethod
    def of(cls, view: ItemView) -> Self:
        return cls(
            id=view.message_id,
            role=view.role,
            type=view.type,
            content=view.content,
            tool_calls=list(view.tool_calls),
            created_at=view.created_at,
        )


class MessageList(BaseModel):
    """A page of messages. A stream opened with `resume_from` as Last-Event-ID leaves no hole after it."""

    data: list[Message]
    has_more: bool
    after: str | None
    active_run_id: RunId | None
    resume_from: int


class Turn(BaseModel):
    """A turn of the branch that one is on: one that failed, that was stopped, or that has several versions.

    `message_id` is the item that it answers. `message_versions`: where that was edited, a run of each version, oldest
    first, this one's among them; `answer_versions`: where it was answered again, the runs of the answers.
    """

    run_id: RunId
    message_id: MessageId
    status: RunStatus
    error_code: str | None
    message_versions: list[RunId]
    answer_versions: list[RunId]

    @classmethod
    def of(cls, view: TurnView) -> Self:
        return cls.model_validate(view.model_dump())


class TurnList(BaseModel):
    """Turns in the order in which they were said."""

    data: list[Turn]


class BranchChoice(_Sent):
    """The run whose branch is wanted; the newest one that it is on."""

    run_id: RunId


class WaitingCall(BaseModel):
    """What a run waits for: an approval of a tool's call, the answers to a form, or the output of a tool of the page.

    `call_id` names it in a decision. `form` is there for a question, `arguments` for the others.
    """

    call_id: str = Field(examples=["call_5f0c"])
    kind: WaitKind
    tool: str = Field(examples=["refund_order"])
    arguments: JsonValue
    form: Form | None
    message_id: MessageId | None = Field(description="The ChatKit item that asks.")
    expires_at: datetime | None


class CallDecision(_Sent):
    """What a person decides: an approval is approved or declined, a question answered or declined, and a tool of the
    page has returned its output or is declined.
    """

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"call_id": "call_5f0c", "decision": "approve", "remember": True}]}
    )

    call_id: CallId
    decision: Decision | None = Field(None, description="May be absent beside an answer or an output.")
    reason: Reason | None = Field(None, description="Told to the model where a call is declined.")
    remember: bool = Field(False, description="Approve this tool's calls in this conversation from now on.")
    answer: Json | None = Field(None, description="To a question: by the ids of the form's questions.")
    output: JsonValue = Field(None, description="What a tool of the page has returned; null is an output as well.")


class Run(BaseModel):
    """One execution that answers a turn. `error_code` only where it failed, `waiting_for` only while it waits."""

    id: RunId
    conversation_id: ConversationId
    status: RunStatus
    cancel_requested: bool
    model: str | None
    error_code: str | None
    error_detail: str | None
    usage: Usage | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    waiting_for: list[WaitingCall]

    @classmethod
    def of(cls, view: RunView) -> Self:
        return cls(id=view.run_id, **view.model_dump(exclude={"run_id", "epoch"}))


class RunList(BaseModel):
    """Newest first. `after` of one page is the `after` of the request for the next."""

    data: list[Run]
    has_more: bool
    after: RunId | None


class NewTask(_Sent):
    """A todo to add."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"title": "buy milk"},
                {"title": "call mum", "due": {"at": "2026-12-04T09:00:00+01:00", "zone": "Europe/Zurich"}},
            ]
        }
    )

    title: TaskTitle
    description: TaskDescription | None = None
    due: NewDue | None = None
    attachment_ids: Annotated[list[AttachmentId], Field(max_length=ATTACHMENTS_PER_TASK_MAX)] = Field(
        default_factory=list
    )


class TaskChange(_Sent):
    """What to change of a todo; what is absent stays. Null stays too, but for `due`: that takes the date away."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"completed": True}, {"move": {"to": "first"}}]})

    title: TaskTitle | None = None
    description: TaskDescription | None = None
    completed: bool | None = None
    due: NewDue | None = None
    move: Move | None = None
    attachment_ids: Annotated[list[AttachmentId], Field(max_length=ATTACHMENTS_PER_TASK_MAX)] | None = None


class TaskAttachment(BaseModel):
    """A file of a todo; its bytes are at `attachments/{attachment_id}/content`."""

    attachment_id: AttachmentId
    name: str
    mime_type: str


class Task(BaseModel):
    """A todo. `position`: the smaller the nearer to the top of the list, which shows the open ones first."""

    id: TaskId
    title: str
    description: str | None
    completed: bool
    due: Due | None
    position: float
    attachments: list[TaskAttachment]
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, view: TaskView) -> Self:
        return cls(id=view.task_id, **view.model_dump(exclude={"task_id"}))


class TaskList(BaseModel):
    """A page of todos. `counts`, on the first page: of the whole list, whatever was asked for."""

    data: list[Task]
    has_more: bool
    after: str | None
    counts: TaskCounts | None


class ClearedTasks(BaseModel):
    """How many todos were deleted; `cleared_at` names this deletion, to take it back."""

    count: int
    cleared_at: datetime


class ClearingToRestore(_Sent):
    """Which clearing to take back."""

    cleared_at: AwareDatetime = Field(strict=False)


class RestoredTasks(BaseModel):
    """How many todos are back."""

    count: int


class Connection(BaseModel):
    """A server at which the user has allowed something, or is asked to; without its tokens."""

    server: ServerName
    label: str
    status: ConnectionStatus
    scope: str | None
    asked_until: datetime | None
    connected_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, view: ConnectionView) -> Self:
        return cls(**view.model_dump(exclude={"authorization_url"}))


class ConnectionList(BaseModel):
    """All connections of the user."""

    data: list[Connection]


class NewSchedule(_Sent):
    """A turn that is to begin at a time: `due_at`, or whenever `cron` says so."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"text": "list my tasks", "cron": "0 9 * * FRI", "time_zone": "Europe/Zurich"}]}
    )

    kind: ScheduleKind = Field("prompt", description="Do what the text says, or remind the user of it.")
    text: ScheduleText
    due_at: Annotated[AwareDatetime, Field(strict=False)] | None = Field(
        None, description="With its offset from UTC, such as 2027-03-01T09:00:00+01:00."
    )
    cron: CronExpression | None = Field(
        None, description="Minute, hour, day of the month, month, day of the week, as the clock on the wall shows them."
    )
    time_zone: TimeZone | None = Field(
        None, description="As IANA names it; absent: that of the header Natter-Time-Zone, else UTC."
    )
    conversation_id: ConversationId | None = Field(
        None, description="Where its turns are; absent: in a conversation of its own, which the first one begins."
    )
    assistant_id: AssistantId | None = Field(None, description="Who answers in a conversation of its own.")


class ScheduleChange(_Sent):
    """Pause a schedule, or let it go on."""

    paused: bool


class Schedule(BaseModel):
    """A schedule; without `next_due_at` it is paused or done. `last_error_code`: why its last turn did not begin."""

    schedule_id: ScheduleId
    kind: ScheduleKind
    text: str
    status: ScheduleStatus
    due_at: datetime | None
    cron: str | None
    time_zone: str
    conversation_id: ConversationId | None
    assistant_id: AssistantId | None
    next_due_at: datetime | None
    last_due_at: datetime | None
    last_run_id: RunId | None
    last_error_code: str | None
    created_at: datetime

    @classmethod
    def of(cls, view: ScheduleView) -> Self:
        return cls(**view.model_dump())


class ScheduleList(BaseModel):
    """Schedules, the newest first."""

    data: list[Schedule]


class NewWebhook(_Sent):
    """An address to be told when runs end."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"url": "https://shop.example.org/natter"}]})

    url: WebhookUrl


class Webhook(BaseModel):
    """An address that is told when runs end; `last_error` is why its last attempt has failed."""

    webhook_id: WebhookId
    url: str
    created_at: datetime
    last_attempt_at: datetime | None
    last_error: str | None

    @classmethod
    def of(cls, view: WebhookView) -> Self:
        return cls(**view.model_dump())


class MadeWebhook(Webhook):
    """A webhook with its secret, which is told this once."""

    secret: str = Field(description="`whsec_` and base64, as libraries for Standard Webhooks take it.")


class WebhookList(BaseModel):
    """Webhooks, the newest first."""

    data: list[Webhook]


class Share(BaseModel):
    """A link with which anybody reads a conversation, as far as it had come when the link was made."""

    share_id: ShareId
    conversation_id: ConversationId
    title: str | None
    created_at: datetime

    @classmethod
    def of(cls, view: ShareView) -> Self:
        return cls(**view.model_dump())


class NewShare(Share):
    """A link that was just made: its token is told this once."""

    token: str
    path: str = Field(description="Where the web app shows it.", examples=["/shared/Zm9vYmFyYmF6"])


class ShareList(BaseModel):
    """Links, the newest first."""

    data: list[Share]


class SharedConversation(BaseModel):
    """A page of what a link shows. `items` are ChatKit's; `after` is absent on the last page."""

    title: str | None
    shared_at: datetime
    items: list[Json]
    after: str | None = None


class Receipt(BaseModel):
    """What was erased, without personal data."""

    receipt_id: str
    erased_at: datetime
    counts: dict[str, int]


class Revoked(BaseModel):
    """From when on a token has to be issued to hold: at most a second ahead."""

    valid_from: datetime


class Export(BaseModel):
    """Everything of a user."""

    user: list[Json]
    conversations: list[Json]
    messages: list[Json]
    tasks: list[Json]
    feedback: list[Json]
    runs: list[Json]
    connections: list[Json]
    shares: list[Json]
    schedules: list[Json]
    webhooks: list[Json]
