"""Commands about conversations and their items."""

from typing import ClassVar, Literal

from pydantic import Field

from contracts.identity import Principal
from contracts.ids import ConversationId, MessageId, RunId
from contracts.message import Body, Command, Json
from contracts.replies import (
    ConversationReply,
    Done,
    FeedbackRecorded,
    Role,
    ToolCallView,
)
from contracts.text import Text, Title


class UpdateConversation(Command[ConversationReply]):
    """Rename a conversation, replace its metadata, pin or archive it; what is absent stays.

    Pinning and archiving leave its time of change, by which conversations are ordered, as it is.
    """

    subject_template: ClassVar[str] = "command.conversation_store.update_conversation"
    principal: Principal
    conversation_id: ConversationId
    title: Title | None = None
    metadata: Json | None = None
    pinned: bool | None = None
    archived: bool | None = None


class SwitchBranch(Command[ConversationReply]):
    """Go to the newest branch that a run is on: it is shown from then on, and it is what the model sees.

    Errors: conversation_busy (while a run is active).
    """

    subject_template: ClassVar[str] = "command.conversation_store.switch_branch"
    principal: Principal
    conversation_id: ConversationId
    run_id: RunId


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


class RecordFeedback(Command[FeedbackRecorded]):
    """The user's thumbs up or down for items; the newest one counts."""

    subject_template: ClassVar[str] = "command.conversation_store.record_feedback"
    principal: Principal
    conversation_id: ConversationId
    message_ids: tuple[MessageId, ...] = Field(min_length=1, max_length=100)
    kind: Literal["positive", "negative"]
