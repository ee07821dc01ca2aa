"""Queries read from a service. They change nothing, so a caller may repeat one."""

from datetime import datetime
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.identity import Principal, UserId
from contracts.ids import AttachmentId, ConversationId, MessageId, RunId, ServerName, TaskId, TokenHash, WebhookId
from contracts.message import Query
from contracts.replies import (
    AssistantList,
    AttachmentPage,
    AttachmentReply,
    ConnectionList,
    ConversationPage,
    ConversationReply,
    DeadLetterList,
    DeliveryList,
    DeliveryPrepared,
    Done,
    ExportPage,
    ItemPage,
    ItemReply,
    Report,
    RunPage,
    RunReply,
    RunStatus,
    ScheduleList,
    SealedConnectionReply,
    SearchPage,
    ServiceTokenList,
    SharedPage,
    ShareList,
    TaskPage,
    TaskReply,
    TurnList,
    WebhookList,
)
from contracts.text import Text

PageLimit = Annotated[int, Field(ge=1, le=100)]
Cursor = Annotated[Text, Field(max_length=200)]
REPORT_USERS_MAX = 200
Order = Literal["asc", "desc"]
TaskFilter = Literal["open", "due", "done"]
TaskSort = Literal["created", "list"]


class GetConversation(Query[ConversationReply]):
    subject_template: ClassVar[str] = "query.conversation_store.get_conversation"
    principal: Principal
    conversation_id: ConversationId


class ListConversations(Query[ConversationPage]):
    """The user's conversations, last changed first; ``search`` looks into titles and message text.

    ``pinned``, ``archived``: only those that are, or only those that are not; absent: both.
    """

    subject_template: ClassVar[str] = "query.conversation_store.list_conversations"
    principal: Principal
    limit: PageLimit = 20
    after: Cursor | None = None
    search: Annotated[Text, Field(max_length=200)] | None = None
    order: Order = "desc"
    pinned: bool | None = None
    archived: bool | None = None


class SearchMessages(Query[SearchPage]):
    """Where the user's conversations say something: in titles and messages.

    All words must be there; the last one may be the beginning of a word.
    """

    subject_template: ClassVar[str] = "query.conversation_store.search_messages"
    principal: Principal
    search: Annotated[Text, Field(min_length=1, max_length=200)]
    limit: Annotated[int, Field(ge=1, le=50)] = 20


class ListItems(Query[ItemPage]):
    """Items of the branch that one is on, by position. Hidden items never leave the store and never shorten a page.

    ``messages_only``: only what REST shows as messages (user and assistant messages, and an item that carries tool
    calls because no assistant message followed them). ``run_id``: only that run's items, whichever branch it is on.
    """

    subject_template: ClassVar[str] = "query.conversation_store.list_items"
    principal: Principal
    conversation_id: ConversationId
    limit: PageLimit = 20
    after: Cursor | None = None
    order: Order = "asc"
    messages_only: bool = False
    run_id: RunId | None = None


class GetItem(Query[ItemReply]):
    """One item of the branch that one is on. Errors: item_gone."""

    subject_template: ClassVar[str] = "query.conversation_store.get_item"
    principal: Principal
    conversation_id: ConversationId
    message_id: MessageId


class ListTurns(Query[TurnList]):
    """Of the branch one is on, the turns whose items do not say everything: failed, stopped, or in several versions."""

    subject_template: ClassVar[str] = "query.conversation_store.list_turns"
    principal: Principal
    conversation_id: ConversationId


class ListSchedules(Query[ScheduleList]):
    """The user's schedules."""

    subject_template: ClassVar[str] = "query.conversation_store.list_schedules"
    principal: Principal


class ListServiceTokens(Query[ServiceTokenList]):
    """The tokens with which other systems begin turns."""

    subject_template: ClassVar[str] = "query.conversation_store.list_service_tokens"


class ListOwnServiceTokens(Query[ServiceTokenList]):
    """The tokens with which other systems begin turns for the user, and which the user has made."""

    subject_template: ClassVar[str] = "query.conversation_store.list_own_service_tokens"
    principal: Principal


class ListWebhooks(Query[WebhookList]):
    """The addresses that are told when the user's runs end."""

    subject_template: ClassVar[str] = "query.conversation_store.list_webhooks"
    principal: Principal


class ListDeliveries(Query[DeliveryList]):
    """How the user's webhook was told of the last runs. Errors: not_found."""

    subject_template: ClassVar[str] = "query.conversation_store.list_deliveries"
    principal: Principal
    webhook_id: WebhookId


class PrepareDelivery(Query[DeliveryPrepared]):
    """What to send to a webhook about a run, signed now: whoever delivers never has the secret. Errors: not_found."""

    subject_template: ClassVar[str] = "query.conversation_store.prepare_delivery"
    user_id: UserId
    webhook_id: WebhookId
    run_id: RunId


class ListShares(Query[ShareList]):
    """The user's links, or those of one conversation."""

    subject_template: ClassVar[str] = "query.conversation_store.list_shares"
    principal: Principal
    conversation_id: ConversationId | None = None


class GetShared(Query[SharedPage]):
    """What a link shows to whoever has it. Of no user: the hash of its token is all that is known of who asks."""

    subject_template: ClassVar[str] = "query.conversation_store.get_shared"
    token_hash: TokenHash
    after: Cursor | None = None
    limit: Annotated[int, Field(ge=1, le=200)] = 200


class GetRun(Query[RunReply]):
    subject_template: ClassVar[str] = "query.conversation_store.get_run"
    principal: Principal
    run_id: RunId


class ListRuns(Query[RunPage]):
    """The user's runs, newest first; ``status``: only those that are so, as `waiting`."""

    subject_template: ClassVar[str] = "query.conversation_store.list_runs"
    principal: Principal
    limit: PageLimit = 20
    after: RunId | None = None
    status: RunStatus | None = None


class ListAssistants(Query[AssistantList]):
    """The assistants that may be written to, as their runners described them; the default one first."""

    subject_template: ClassVar[str] = "query.conversation_store.list_assistants"
    principal: Principal


class ListTasks(Query[TaskPage]):
    """The user's todos. ``filter``: the open ones, those of them that have a date, or those done.

    ``sort``: as they were ``created``, in the direction of ``order``; or as the ``list`` is seen, open before done and
    each as its owner has put them, where what is due comes by its date.
    """

    subject_template: ClassVar[str] = "query.conversation_store.list_tasks"
    principal: Principal
    limit: PageLimit = 50
    after: Cursor | None = None
    completed: bool | None = None
    search: Annotated[Text, Field(max_length=200)] | None = None
    order: Order = "asc"
    filter: TaskFilter | None = None
    sort: TaskSort = "created"


class GetTask(Query[TaskReply]):
    subject_template: ClassVar[str] = "query.conversation_store.get_task"
    principal: Principal
    task_id: TaskId


class GetAttachment(Query[AttachmentReply]):
    """What is known of an attachment, and where its bytes lie. ``run_id``: the run that reads it, where one does."""

    subject_template: ClassVar[str] = "query.conversation_store.get_attachment"
    principal: Principal
    attachment_id: AttachmentId
    run_id: RunId | None = None


class ListAttachments(Query[AttachmentPage]):
    """The user's attachments, newest first, or those of one conversation."""

    subject_template: ClassVar[str] = "query.conversation_store.list_attachments"
    principal: Principal
    limit: PageLimit = 20
    after: Cursor | None = None
    conversation_id: ConversationId | None = None


class ListConnections(Query[ConnectionList]):
    """The foreign MCP servers at which the user has allowed something, or is asked to."""

    subject_template: ClassVar[str] = "query.conversation_store.list_connections"
    principal: Principal


class GetConnection(Query[SealedConnectionReply]):
    """What a run needs to call a foreign MCP server as its user."""

    subject_template: ClassVar[str] = "query.conversation_store.get_connection"
    principal: Principal
    run_id: RunId
    epoch: int
    server: ServerName


class CheckAccess(Query[Done]):
    """Whether the principal's token still holds. Errors: token_revoked."""

    subject_template: ClassVar[str] = "query.conversation_store.check_access"
    principal: Principal


class GetReport(Query[Report]):
    """What an operator looks at, over all users; the bus lets the command line ask, and the edge, for an operator.

    ``totals``: how much there is to do. ``runs``: the newest ones, by user, conversation and status. ``run``: one of
    them, with its tool calls, without what was said. ``failures``: failed runs from ``since`` on (of 30 days, where it
    is absent), by code. ``users``: who was here last, or those of ``user_ids``. ``user``: what one user has.
    ``conversations``: those of one user, as ids and figures. ``usage``: finished runs and their tokens from ``since``
    on, by what ``by`` names, and by model.
    """

    subject_template: ClassVar[str] = "query.conversation_store.get_report"
    kind: Literal["totals", "runs", "run", "failures", "users", "user", "conversations", "usage"]
    run_id: RunId | None = None
    user_id: UserId | None = None
    user_ids: Annotated[tuple[UserId, ...], Field(max_length=REPORT_USERS_MAX)] = ()
    conversation_id: ConversationId | None = None
    status: Annotated[Text, Field(max_length=20)] | None = None
    since: datetime | None = None
    by: tuple[Literal["user", "assistant", "model", "day"], ...] = ()
    limit: Annotated[int, Field(ge=1, le=1_000)] = 50
    after: Annotated[Text, Field(max_length=400)] | None = None


class ListDeadLetters(Query[DeadLetterList]):
    """The oldest messages that could not be handled, without what is in them."""

    subject_template: ClassVar[str] = "query.conversation_store.list_dead_letters"


class ExportUser(Query[ExportPage]):
    """Everything of the user, part by part; ask again with ``after`` until it is absent."""

    subject_template: ClassVar[str] = "query.conversation_store.export_user"
    principal: Principal
    after: Cursor | None = None
