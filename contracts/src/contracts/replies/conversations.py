"""Conversations, their items and turns, and what is found in them."""

from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from contracts.ids import (
    FIRST_ASSISTANT_ID,
    AssistantId,
    ConversationId,
    MessageId,
    RunId,
)
from contracts.message import Body, Json, Reply
from contracts.replies.calls import RunStatus, ToolCallView
from contracts.text import Text

Role = Literal["user", "assistant"]


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


class TurnList(Reply):
    """Turns in the order in which they were said."""

    data: tuple[TurnView, ...]


class FeedbackRecorded(Reply):
    """How many items the feedback was recorded for."""

    items_count: int
