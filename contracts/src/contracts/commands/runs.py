"""Commands about runs: the request to execute one, and what its runner asks of the store."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, JsonValue

from contracts.commands.conversations import ItemToSave
from contracts.identity import Principal, UserId
from contracts.ids import FIRST_ASSISTANT_ID, AssistantId, ConversationId, MessageId, RunId, Token
from contracts.message import Command, Json
from contracts.replies import (
    ConversationStatus,
    Done,
    LeaseRenewed,
    RunClaimed,
    RunFinished,
    ToolAttachment,
    ToolCallBegun,
    ToolCallStatus,
    Usage,
)
from contracts.text import Text, Title

AgentName = Annotated[Text, Field(min_length=1, max_length=200)]


class RunRequested(Command[None]):
    """Ask any free runner of an assistant to answer a turn that is already stored. Waits in the stream RUNS."""

    subject_template: ClassVar[str] = "run.{assistant_id}.{user_token}.{conversation_id}.requested"
    user_id: UserId
    conversation_id: ConversationId
    run_id: RunId
    assistant_id: AssistantId = FIRST_ASSISTANT_ID


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
    """Keep a claimed run for ``lease_seconds`` more. Errors: run_stale_epoch, run_finished.

    ``has_stalled``: the run has just made its runner's event loop stand still, which is counted.
    """

    subject_template: ClassVar[str] = "command.conversation_store.renew_lease"
    principal: Principal
    run_id: RunId
    epoch: int
    lease_seconds: Annotated[float, Field(gt=0, le=600)]
    has_stalled: bool = False


class AppendCheckpoint(Command[Done]):
    """Store a finished step of a run: session items in order, and the ChatKit items that show it.

    ``step`` counts the run's checkpoints from 0; the same step twice is stored once. ``usage``: of the run so far,
    over all its attempts; absent: as it was. ``agent_name``: the agent that goes on from here, after a handoff; absent:
    as it was. ``metadata``: changes of the conversation's metadata by key, null removes one. ``title``: what the
    conversation is called from here on. ``conversation_status``: whether it may be written to. Errors: run_stale_epoch,
    run_finished.
    """

    subject_template: ClassVar[str] = "command.conversation_store.append_checkpoint"
    principal: Principal
    run_id: RunId
    epoch: int
    step: Annotated[int, Field(ge=0)]
    session_items: tuple[Json, ...] = ()
    items: tuple[ItemToSave, ...] = ()
    usage: Usage | None = None
    agent_name: AgentName | None = None
    metadata: Json | None = None
    title: Title | None = None
    conversation_status: ConversationStatus | None = None


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
    attachments: tuple[ToolAttachment, ...] = ()


class FinishRun(Command[RunFinished]):
    """End a run in one transaction: last items, session items, status, usage of all attempts; then tell the viewers.

    The store publishes the end after the commit: the ChatKit ``error`` event and ``run.failed``, or
    ``run.completed``, or ``run.cancelled``. A second finish changes nothing and says so. ``metadata`` and
    ``conversation_status`` as in `AppendCheckpoint`. ``replaces_title``: the conversation's title becomes this one also
    where it has one.
    ``withdrawn_items``: items that are deleted, as far as they were stored: of this run, or earlier ones of its branch.
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
    replaces_title: bool = False
    withdrawn_items: tuple[MessageId, ...] = ()
    metadata: Json | None = None
    conversation_status: ConversationStatus | None = None


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
