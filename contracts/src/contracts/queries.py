"""Queries: what a service may be asked to tell. They change nothing, so they may be asked again."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.identity import Principal
from contracts.ids import ConversationId, MessageId, RunId, TaskId
from contracts.message import Query
from contracts.replies import (
    ConversationPage,
    ConversationReply,
    ExportPage,
    ItemPage,
    ItemReply,
    RunList,
    RunReply,
    SessionItems,
    TaskPage,
    TaskReply,
)
from contracts.text import Text

PageLimit = Annotated[int, Field(ge=1, le=100)]
Cursor = Annotated[Text, Field(max_length=200)]
Order = Literal["asc", "desc"]


class GetConversation(Query[ConversationReply]):
    subject_template: ClassVar[str] = "query.conversation_store.get_conversation"
    principal: Principal
    conversation_id: ConversationId


class ListConversations(Query[ConversationPage]):
    """The user's conversations, last changed first; ``search`` looks into titles and message text."""

    subject_template: ClassVar[str] = "query.conversation_store.list_conversations"
    principal: Principal
    limit: PageLimit = 20
    after: Cursor | None = None
    search: Annotated[Text, Field(max_length=200)] | None = None
    order: Order = "desc"


class ListItems(Query[ItemPage]):
    """Items of a conversation by position. Hidden items never leave the store and never shorten a page.

    ``messages_only``: only what REST shows as messages (user and assistant messages, and an item that carries tool
    calls because no assistant message followed them). ``run_id``: only that run's items.
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
    subject_template: ClassVar[str] = "query.conversation_store.get_item"
    principal: Principal
    conversation_id: ConversationId
    message_id: MessageId


class GetRun(Query[RunReply]):
    subject_template: ClassVar[str] = "query.conversation_store.get_run"
    principal: Principal
    run_id: RunId


class ListActiveRuns(Query[RunList]):
    """The user's runs that are queued or running, of one conversation or of all."""

    subject_template: ClassVar[str] = "query.conversation_store.list_active_runs"
    principal: Principal
    conversation_id: ConversationId | None = None


class LoadSession(Query[SessionItems]):
    """The session items of a conversation's last ``messages_max`` messages, never an orphaned call or output."""

    subject_template: ClassVar[str] = "query.conversation_store.load_session"
    principal: Principal
    conversation_id: ConversationId
    messages_max: Annotated[int, Field(ge=1, le=1_000)] = 15


class ListTasks(Query[TaskPage]):
    """The user's todos: ``completed`` filters, ``order`` is by creation."""

    subject_template: ClassVar[str] = "query.conversation_store.list_tasks"
    principal: Principal
    limit: PageLimit = 50
    after: Cursor | None = None
    completed: bool | None = None
    search: Annotated[Text, Field(max_length=200)] | None = None
    order: Order = "asc"


class GetTask(Query[TaskReply]):
    subject_template: ClassVar[str] = "query.conversation_store.get_task"
    principal: Principal
    task_id: TaskId


class ExportUser(Query[ExportPage]):
    """Everything of the user, part by part; ask again with ``after`` until it is absent."""

    subject_template: ClassVar[str] = "query.conversation_store.export_user"
    principal: Principal
    after: Cursor | None = None
