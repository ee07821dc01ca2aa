"""What commands and queries are answered with, and the views of stored things that the answers hold."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field, JsonValue

from contracts.assistants import AssistantCard, Requester
from contracts.due import Due
from contracts.identity import UserId
from contracts.ids import (
    FIRST_ASSISTANT_ID,
    AssistantId,
    AttachmentId,
    ConversationId,
    FileKey,
    MessageId,
    RunId,
    ScheduleId,
    ServerName,
    ServiceTokenId,
    ShareId,
    TaskId,
    Token,
    WebhookId,
)
from contracts.message import Body, Json, Reply
from contracts.text import Text
from contracts.waiting import DecidedCall, PendingCall

RunStatus = Literal["queued", "running", "waiting", "completed", "failed", "cancelled"]
ToolCallStatus = Literal["running", "success", "failure", "interrupted", "unknown"]
"""``unknown``: it was begun, and whether it has happened cannot be told. It was not repeated."""
Role = Literal["user", "assistant"]
ScheduleKind = Literal["reminder", "prompt"]
ScheduleStatus = Literal["active", "paused", "done"]


class ToolAttachment(Body):
    """What a tool returned beside its text. ``url``: an image as a data URL, or where a link leads (http, https)."""

    type: Literal["image", "link"]
    title: str
    url: str


class ToolCallView(Body):
    """One tool call of a run, as it is stored with the message that it belongs to; images are items of their own."""

    call_id: str
    name: str
    arguments: JsonValue = None
    status: ToolCallStatus
    result: JsonValue = None
    links: tuple[ToolAttachment, ...] = ()


class Usage(Body):
    """Tokens that a run used, as the provider counted them."""

    requests: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    total_tokens: int = 0


class ItemView(Body):
    """A stored item of a conversation; ``item`` is the exact ChatKit item, ``position`` its order."""

    message_id: MessageId
    conversation_id: ConversationId
    run_id: RunId | None = None
    role: Role
    type: str
    content: str
    tool_calls: tuple[ToolCallView, ...] = ()
    item: Json
    position: int
    created_at: datetime


class ConversationStatus(Body):
    """Whether people may write to a conversation: ``locked`` takes no messages, ``closed`` no actions either."""

    type: Literal["active", "locked", "closed"] = "active"
    reason: Annotated[Text, Field(max_length=500)] | None = None


class ConversationView(Body):
    """A conversation. ``active_run_id`` is set while a run is queued, running or waiting.

    ``is_waiting``: that run waits for the user.
    ``pinned_at``, ``archived_at``: since when it is pinned or put away; absent where it is not.
    """

    conversation_id: ConversationId
    title: str | None = None
    metadata: Json = Field(default_factory=dict)
    created_at: datetime
    updated_at: datetime
    active_run_id: RunId | None = None
    assistant_id: AssistantId = FIRST_ASSISTANT_ID
    pinned_at: datetime | None = None
    archived_at: datetime | None = None
    is_waiting: bool = False
    status: ConversationStatus = ConversationStatus()


class RunView(Body):
    """A run; ``epoch`` counts its attempts, 0 before the first claim. ``error_*`` only where it failed.

    ``waiting_for``: what a run that is `waiting` waits for, as far as it is not decided yet.
    """

    run_id: RunId
    conversation_id: ConversationId
    status: RunStatus
    epoch: int
    cancel_requested: bool = False
    model: str | None = None
    error_code: str | None = None
    error_detail: str | None = None
    usage: Usage | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    waiting_for: tuple[PendingCall, ...] = ()


class TurnView(Body):
    """A turn of the branch that one is on; ``message_id`` is the item that it answers.

    ``message_versions``: where the message was edited, a run of each of its versions, oldest first, this turn's among
    them. ``answer_versions``: where the message was answered again, the runs of its answers in the same way.
    """

    run_id: RunId
    message_id: MessageId
    status: RunStatus
    error_code: str | None = None
    message_versions: tuple[RunId, ...] = ()
    answer_versions: tuple[RunId, ...] = ()


class TaskAttachment(Body):
    """A file that belongs to a todo."""

    attachment_id: AttachmentId
    name: str
    mime_type: str


class TaskView(Body):
    """A todo. ``position``: where it is in the list, the smallest first; of two lists no more can be said."""

    task_id: TaskId
    title: str
    description: str | None = None
    completed: bool
    due: Due | None = None
    position: float = 0
    attachments: tuple[TaskAttachment, ...] = ()
    created_at: datetime
    updated_at: datetime


class TaskCounts(Body):
    """How many todos a user has. ``due``: those of the open ones that have a date."""

    open: int
    done: int
    due: int


class Done(Reply):
    """The command was carried out, and has no result."""


class TurnBegun(Reply):
    """The turn is stored. ``replayed``: the same idempotency key and body came before; this is that turn.

    ``wait``: it is no new turn but a decision that the run had waited for; the number of that wait.
    """

    conversation_id: ConversationId
    message_id: MessageId
    run_id: RunId
    status: RunStatus
    replayed: bool = False
    wait: int | None = None


class ConversationReply(Reply):
    """One conversation; connecting to a stream with ``resume_from`` as Last-Event-ID leaves no hole."""

    conversation: ConversationView
    resume_from: int = 0


class ConversationPage(Reply):
    """Newest first. ``after`` is the cursor of the next page, set where ``has_more``."""

    data: tuple[ConversationView, ...]
    has_more: bool
    after: str | None = None


class ExcerptPart(Body):
    """A piece of an excerpt; the pieces together are its text."""

    text: str
    is_match: bool = False


class SearchHit(Body):
    """A message that holds what was searched for, and the sentence in which it does.

    ``message_id`` and ``role`` are absent where the conversation's title is what holds it.
    """

    conversation_id: ConversationId
    title: str | None = None
    message_id: MessageId | None = None
    role: Role | None = None
    created_at: datetime
    excerpt: tuple[ExcerptPart, ...]


class SearchPage(Reply):
    """What was found: titles first, then messages, newest first. ``has_more``: there were too many."""

    data: tuple[SearchHit, ...]
    has_more: bool = False


class ItemPage(Reply):
    """Items of a conversation. ``resume_from`` as in `ConversationReply`, read before them, so that none is missed.

    ``is_waiting``: the active run waits for the user.
    """

    data: tuple[ItemView, ...]
    has_more: bool
    after: str | None = None
    active_run_id: RunId | None = None
    is_waiting: bool = False
    resume_from: int = 0


class ItemReply(Reply):
    """One item."""

    item: ItemView


class AssistantList(Reply):
    """The assistants that may be written to. One whose runner has never come is not among them."""

    data: tuple[AssistantCard, ...]


class TurnList(Reply):
    """Turns in the order in which they were said."""

    data: tuple[TurnView, ...]


class RunReply(Reply):
    """One run."""

    run: RunView


class RunPage(Reply):
    """Runs, newest first. ``after``: the last one's id, set where ``has_more``."""

    data: tuple[RunView, ...]
    has_more: bool
    after: RunId | None = None


class AttachmentView(Body):
    """A file of a person's, or one that a run has made. ``state``: `pending` until its bytes are there and looked at.

    ``mime_type``, ``size_bytes``: while pending what was said of it, then what it is. ``file_key``: where its bytes
    lie, ``sha256`` what they hash to; ``width``, ``height``: of a picture, in pixels. ``conversation_id``: of the
    message that shows it; absent while it waits to be sent.
    """

    attachment_id: AttachmentId
    name: str
    mime_type: str
    size_bytes: int
    state: Literal["pending", "stored"]
    source: Literal["user", "tool", "model"] = "user"
    sha256: str | None = None
    width: int | None = None
    height: int | None = None
    file_key: FileKey | None = None
    conversation_id: ConversationId | None = None
    run_id: RunId | None = None
    created_at: datetime


class AttachmentReply(Reply):
    """One attachment."""

    attachment: AttachmentView


class AttachmentPage(Reply):
    """Attachments, newest first, and what is stored of the user in all."""

    data: tuple[AttachmentView, ...]
    has_more: bool
    after: str | None = None
    bytes_stored: int = 0
    bytes_max: int | None = None


class TaskReply(Reply):
    """One todo. ``replayed``: the same effect was there already and was not repeated.

    ``next_task``: the one that was added because this one comes again and was completed.
    """

    task: TaskView
    next_task: TaskView | None = None
    replayed: bool = False


class TaskPage(Reply):
    """Todos in the order asked for. ``counts``, on the first page: of the whole list, whatever was asked for."""

    data: tuple[TaskView, ...]
    has_more: bool
    after: str | None = None
    counts: TaskCounts | None = None


class TaskDeleted(Reply):
    """The todo was deleted. ``title``: its last one, to tell the user what was deleted."""

    task_id: TaskId
    title: str
    replayed: bool = False


class TasksCleared(Reply):
    """How many todos were deleted, and the moment by which that can be taken back."""

    count: int
    cleared_at: datetime
    replayed: bool = False


class TasksRestored(Reply):
    """How many deleted todos are back."""

    count: int
    replayed: bool = False


ConnectionStatus = Literal["asked", "consented", "declined", "connected"]


class ConnectionView(Body):
    """A user's connection to a foreign MCP server, without its secrets.

    ``asked``: the user has not answered yet, at ``authorization_url``, until ``asked_until``. ``consented``: a code
    waits to be exchanged for tokens. ``declined``: there are none.
    """

    server: ServerName
    label: str
    status: ConnectionStatus
    scope: str | None = None
    authorization_url: str | None = None
    asked_until: datetime | None = None
    connected_at: datetime | None = None
    created_at: datetime


class ConnectionReply(Reply):
    """One connection."""

    connection: ConnectionView


class ConnectionList(Reply):
    """All connections of the user, by their servers' names."""

    data: tuple[ConnectionView, ...]


class ScheduleView(Body):
    """A schedule. ``next_due_at``: absent where it is paused or done. ``last_run_id``: the turn that it began last.

    ``last_error_code``: why it could not begin one at ``last_due_at``.
    """

    schedule_id: ScheduleId
    kind: ScheduleKind
    text: str
    status: ScheduleStatus
    due_at: datetime | None = None
    cron: str | None = None
    time_zone: str
    conversation_id: ConversationId | None = None
    assistant_id: AssistantId | None = None
    next_due_at: datetime | None = None
    last_due_at: datetime | None = None
    last_run_id: RunId | None = None
    last_error_code: str | None = None
    created_at: datetime


class ScheduleReply(Reply):
    """One schedule. ``replayed``: the same effect key has made it before."""

    schedule: ScheduleView
    replayed: bool = False


class ScheduleList(Reply):
    """All schedules of a user, the newest first. Reminders of todos are told with the todos."""

    data: tuple[ScheduleView, ...]


class ServiceTokenView(Body):
    """A service token without its secret. Without ``user_ids`` or ``assistant_ids``: for all of them."""

    token_id: ServiceTokenId
    name: str
    user_ids: tuple[UserId, ...] = ()
    assistant_ids: tuple[AssistantId, ...] = ()
    created_at: datetime
    expires_at: datetime | None = None
    revoked_at: datetime | None = None
    last_used_at: datetime | None = None


class ServiceTokenReply(Reply):
    """One service token."""

    token: ServiceTokenView


class ServiceTokenList(Reply):
    """Service tokens, the newest first."""

    data: tuple[ServiceTokenView, ...]


class WebhookView(Body):
    """A webhook without its secret. ``last_error``: why its last attempt has failed; absent where it was taken."""

    webhook_id: WebhookId
    url: str
    created_at: datetime
    last_attempt_at: datetime | None = None
    last_error: str | None = None


class WebhookMade(Reply):
    """A webhook and its secret, as Standard Webhooks writes one (``whsec_…``)."""

    webhook: WebhookView
    secret: str


class WebhookList(Reply):
    """Webhooks, the newest first."""

    data: tuple[WebhookView, ...]


class DeliveryPrepared(Reply):
    """One attempt: what is sent where. ``headers`` hold the signature, which is good for some minutes."""

    url: str
    headers: dict[str, str]
    body: str


class ShareView(Body):
    """A link to a conversation, without its token."""

    share_id: ShareId
    conversation_id: ConversationId
    title: str | None = None
    created_at: datetime


class ShareReply(Reply):
    """One link."""

    share: ShareView


class ShareList(Reply):
    """Links, the newest first."""

    data: tuple[ShareView, ...]


class SharedPage(Reply):
    """A page of what a link shows: ChatKit items, as strangers see them. ``after``: where the next page begins."""

    title: str | None = None
    shared_at: datetime
    items: tuple[Json, ...]
    after: str | None = None


class SealedConnection(Body):
    """What a runner needs of a connection. ``sealed`` is the runners' own; the store cannot read it.

    ``code``, ``issuer``: what the authorization server answered; ``error``: why there is no code.
    ``is_open``: a question that the user may still answer.
    """

    view: ConnectionView
    sealed: str
    version: int
    code: str | None = None
    issuer: str | None = None
    error: str | None = None
    is_open: bool = False


class SealedConnectionReply(Reply):
    """The user's connection to a server, where there is one."""

    connection: SealedConnection | None = None


class ConnectionKept(Reply):
    """Whether it was kept; else ``connection`` is what another run has stored meanwhile."""

    is_kept: bool
    connection: SealedConnection | None = None


class LedgerEntry(Body):
    """A tool call in the ledger; one that is ``running`` was begun by the attempt ``epoch``, and not finished."""

    call_id: str
    name: str
    arguments: JsonValue = None
    status: ToolCallStatus
    result: JsonValue = None
    attachments: tuple[ToolAttachment, ...] = ()
    epoch: int = 0


class ActionView(Body):
    """An action of a widget or of the page. ``message_id``: the widget's item; absent: it came from the page itself.

    ``is_sync``: the page waits for its end, and gets the widget's item as it is then.
    """

    action: Annotated[Text, Field(min_length=1, max_length=200)]
    payload: JsonValue = None
    message_id: MessageId | None = None
    is_sync: bool = False


class RunClaimed(Reply):
    """What a runner needs to execute a run, in one answer.

    ``input``: this turn as session items (Responses API items), what the model is to answer.
    ``history``: session items of the earlier turns, oldest first, cut to whole messages.
    ``checkpoint``: session items that earlier attempts of this run appended. ``saved_items``: the ChatKit items
    which those attempts stored. ``ledger``: their tool calls, without attachments.
    ``is_first_turn``: the conversation has no title yet.
    ``next_step``: how many checkpoints those attempts appended, the ``step`` of the next one.
    ``seconds_since_start``: since the first attempt's claim, by the store's clock. ``run.usage``: what those attempts
    used. ``stalls_count``: how often the run made a runner's event loop stand still.
    ``assistant_id``: who is to answer. ``agent_name``: that of its agents which the last checkpoint handed over to.
    ``requester``: what is known of the person who began the turn.
    ``action``: the turn is no message but this; ``user_item`` is the widget that it came from.
    ``decisions``: what came of all that the run has waited for; ``standing_approvals``: what its user has approved for
    the whole conversation. ``is_resumed``: it had waited, and this is the first attempt since.
    ``run_token``: what proves to the store, from here on, that a request is this attempt's; tools of ours get it too.
    """

    run: RunView
    epoch: int
    user_item: Json
    input: tuple[Json, ...] = ()
    inference_options: Json = Field(default_factory=dict)
    history: tuple[Json, ...] = ()
    checkpoint: tuple[Json, ...] = ()
    saved_items: tuple[ItemView, ...] = ()
    ledger: tuple[LedgerEntry, ...] = ()
    is_first_turn: bool = False
    next_step: int = 0
    seconds_since_start: float = 0.0
    stalls_count: int = 0
    conversation: ConversationView | None = None
    openai_conversation_id: str | None = None
    assistant_id: AssistantId = FIRST_ASSISTANT_ID
    agent_name: str | None = None
    requester: Requester = Requester()
    action: ActionView | None = None
    decisions: tuple[DecidedCall, ...] = ()
    standing_approvals: tuple[str, ...] = ()
    is_resumed: bool = False
    run_token: str = Field(default="", repr=False)


class LeaseRenewed(Reply):
    """The run is still this runner's for ``lease_seconds``; ``cancel_requested``: stop it."""

    lease_seconds: float
    cancel_requested: bool = False


class ToolCallBegun(Reply):
    """The ledger's entry: where its status is not ``running`` the call has its result, do not execute it again."""

    entry: LedgerEntry


class RunFinished(Reply):
    """The run's terminal state. ``already_finished``: it was there before and nothing was changed."""

    run: RunView
    already_finished: bool = False
    next_run_id: RunId | None = None


class RunSuspended(Reply):
    """The run waits. ``cancel_requested``: it does not, for its user has stopped it; end it."""

    cancel_requested: bool = False


class CallDecided(Reply):
    """The decision is stored. ``run`` as it is now; ``wait``: the number of the wait that it belonged to."""

    run: RunView
    wait: int


class FeedbackRecorded(Reply):
    """How many items the feedback was recorded for."""

    items_count: int


class ExportPage(Reply):
    """A part of the user's data, small enough for one message; the parts in order make the whole.

    ``kind`` says which list of the export document ``data`` continues.
    """

    kind: Literal[
        "user",
        "conversations",
        "messages",
        "tasks",
        "feedback",
        "runs",
        "connections",
        "shares",
        "schedules",
        "webhooks",
        "attachments",
    ]
    data: tuple[Json, ...]
    after: str | None = None


class Report(Reply):
    """Rows for an operator. Their names are those of the tables' columns, or are said by the statement."""

    rows: tuple[Json, ...]


class DeadLetterView(Body):
    """A message that could not be handled: ``sequence`` is its place in DEAD_LETTERS."""

    sequence: int
    service: str
    message: str
    code: str
    detail: str
    deliveries_count: int


class DeadLetterList(Reply):
    """The oldest dead letters."""

    data: tuple[DeadLetterView, ...]


class DeadLetterReplayed(Reply):
    """``is_replayed``: it was there. One that was replayed before is there no more."""

    is_replayed: bool


class ErasureReceipt(Reply):
    """What was erased, without personal data."""

    receipt_id: Token
    erased_at: datetime
    counts: dict[str, int]


class TokensFloor(Reply):
    """From when on a token of the user has to be issued: a whole second, at most one ahead."""

    valid_from: datetime


class RateChecked(Reply):
    """Permits of the user's budget: how many are granted, how many are left in the window, when it starts anew."""

    limit: int
    remaining: int
    reset_seconds: float
    granted: int = 1
