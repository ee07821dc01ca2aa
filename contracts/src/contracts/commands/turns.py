"""Commands that begin and stop turns."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue, StringConstraints

from contracts.assistants import Requester
from contracts.identity import Principal
from contracts.ids import AssistantId, AttachmentId, ConversationId, MessageId, RunId
from contracts.message import Body, Command, Json
from contracts.replies import (
    ActionView,
    RunReply,
    TurnBegun,
)
from contracts.text import MessageText

OnBusy = Literal["reject", "enqueue", "interrupt"]
ATTACHMENTS_PER_MESSAGE_MAX = 20
IdempotencyKey = Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,255}$")]


class UserMessage(Body):
    """A new message of the user. ``content`` holds ChatKit's content parts, ``text`` what they say in plain words.

    ``edited_message_id``: the message of the user that this one is another version of; it begins a branch there.
    ``attachments``: of the user's own, in order; a message that has some may say nothing beside.
    """

    type: Literal["user_message"] = "user_message"
    text: MessageText
    content: tuple[Json, ...]
    quoted_text: MessageText | None = None
    inference_options: Json = Field(default_factory=dict)
    edited_message_id: MessageId | None = None
    attachments: Annotated[tuple[AttachmentId, ...], Field(max_length=ATTACHMENTS_PER_MESSAGE_MAX)] = ()


class Retry(Body):
    """Answer this user message again: a branch that begins after it. What was said there before stays on its own."""

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


class CustomAction(ActionView):
    """What the user did in a widget, or the page on its own. It is no message: the assistant's code is called with it.

    Errors: item_gone, where its widget is not there any more, or on another branch.
    """

    type: Literal["custom_action"] = "custom_action"


TurnInput = Annotated[
    UserMessage | Retry | ClientToolOutput | StructuredInput | CustomAction, Field(discriminator="type")
]


class TurnLimits(Body):
    """Bounds that the store checks in the same transaction; none where absent."""

    turns_per_minute_max: int | None = None
    concurrent_runs_max: int | None = None


class BeginTurn(Command[TurnBegun]):
    """Store the user's message and a run that will answer it; the reply says that both are committed.

    ``assistant_id`` is looked at only where the turn begins a conversation; absent: the default assistant.
    ``requester`` is kept with the run. Errors: assistant_unknown; assistant_not_served, where that of the
    conversation is offered no more. Of attachments: attachment_unfinished, attachment_in_use,
    attachment_not_readable, forbidden, not_found.
    """

    subject_template: ClassVar[str] = "command.conversation_store.begin_turn"
    principal: Principal
    conversation_id: ConversationId | None = None
    assistant_id: AssistantId | None = None
    requester: Requester | None = None
    input: TurnInput
    idempotency_key: IdempotencyKey | None = None
    body_hash: str | None = None
    on_busy: OnBusy = "reject"
    model: Annotated[str, Field(max_length=100)] | None = None
    limits: TurnLimits = TurnLimits()


class CancelRun(Command[RunReply]):
    """Stop a run. The wish is stored: its runner finds it when it renews its lease, if `RunCancelRequested` is lost."""

    subject_template: ClassVar[str] = "command.conversation_store.cancel_run"
    principal: Principal
    run_id: RunId
