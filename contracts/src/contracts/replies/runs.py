"""Runs: as their user sees them, as a runner claims them, and what came of a write."""

from datetime import datetime
from typing import Annotated

from pydantic import Field, JsonValue

from contracts.assistants import Requester
from contracts.ids import (
    FIRST_ASSISTANT_ID,
    AssistantId,
    ConversationId,
    MessageId,
    RunId,
)
from contracts.message import Body, Json, Reply
from contracts.replies.calls import LedgerEntry, RunStatus, Usage
from contracts.replies.conversations import ConversationView, ItemView
from contracts.text import Text
from contracts.waiting import DecidedCall, PendingCall


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


class RunReply(Reply):
    """One run."""

    run: RunView


class RunPage(Reply):
    """Runs, newest first. ``after``: the last one's id, set where ``has_more``."""

    data: tuple[RunView, ...]
    has_more: bool
    after: RunId | None = None


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
