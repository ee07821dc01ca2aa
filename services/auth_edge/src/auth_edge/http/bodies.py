"""Bodies of the REST interface that several routes have; the others are beside their routes.

Field names are the interface: add optional ones only.
"""

from datetime import datetime
from typing import Literal, Self

from contracts.ids import AssistantId, ConversationId, MessageId, RunId
from contracts.replies import ConversationView, ItemView, ToolCallView
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo


def refuse_blank(text: str, info: ValidationInfo) -> str:
    if not text.strip() and not info.data.get("attachments"):
        raise ValueError("the message is empty")
    return text


class Sent(BaseModel):
    """A body that a client sends: an unknown field or a number for a text is a mistake that it should learn of."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class TurnAccepted(BaseModel):
    """The message is stored and will be answered. The answer is on `stream_url`."""

    conversation_id: ConversationId
    message_id: MessageId
    run_id: RunId
    stream_url: str = Field(examples=["/api/alice/runs/run_0199a1b2c3d4/stream"])


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
