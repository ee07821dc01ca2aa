"""The decisions about a new turn and the tree of turns, without I/O and without a clock."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from enum import Enum
from typing import Any, Self

from actor_kit.prices import Prices
from contracts.commands import OnBusy, Retry, TurnInput, TurnLimits, UserMessage
from contracts.errors import Code, RetryableError, TerminalError
from contracts.ids import AssistantId, RunId
from contracts.replies import ConversationStatus, TurnView

from conversation_store.runs.rules import POSITIONS_PER_TURN
from conversation_store.turns.scheduled import ScheduledPrompt

RATE_WINDOW_SECONDS = 60.0
TURNS_BETWEEN_LOOKS_AT_BYTES = 20
"""To sum up a user's bytes reads all their messages: so it is not done with each turn."""
BUSY_RETRY_SECONDS = 2.0


@dataclass(frozen=True)
class UsageLimits:
    """None: as much as they like. A cost is in US dollars, by the operator's prices."""

    runs_per_day: int | None = None
    runs_per_month: int | None = None
    tokens_per_day: int | None = None
    tokens_per_month: int | None = None
    cost_per_day: float | None = None
    cost_per_month: float | None = None

    @property
    def are_set(self) -> bool:
        return any(getattr(self, field.name) is not None for field in fields(self))


@dataclass(frozen=True)
class Quota:
    """What one user may store, and use; what tokens cost, where a limit is in money."""

    turns_max: int
    bytes_max: int
    usage: UsageLimits = UsageLimits()
    prices: Prices = field(default_factory=Prices)


@dataclass(frozen=True)
class AttachmentQuota:
    """What one user may store of files, those that are still being uploaded included."""

    files_max: int
    bytes_max: int


@dataclass(frozen=True)
class TurnBounds:
    """What is checked of every turn. ``assistants``: those that are offered, the default first."""

    assistants: Sequence[AssistantId]
    enqueued_turns_max: int
    quota: Quota

    def only(self, assistant_ids: Sequence[AssistantId]) -> Self:
        """The same, with these assistants alone; with all, where none is named."""
        left = [offered for offered in self.assistants if not assistant_ids or offered in assistant_ids]
        return replace(self, assistants=left)


@dataclass(frozen=True)
class TurnState:
    """What a new turn finds, read under the locks of its user and its conversation.

    ``turns_in_window`` of the last `RATE_WINDOW_SECONDS`, of which the oldest is ``window_frees_seconds`` from
    leaving it.
    """

    active_run_id: str | None = None
    waiting_count: int = 0
    turns_stored: int = 0
    unfinished_count: int = 0
    turns_in_window: int = 0
    window_frees_seconds: float = RATE_WINDOW_SECONDS


class Start(Enum):
    """How a turn starts."""

    NOW = "now"
    WAIT = "wait"
    WAIT_AND_STOP_THE_ACTIVE = "wait and stop the active"


def assistant_of_turn(
    asked_for: AssistantId | None, of_conversation: AssistantId | None, offered: Sequence[AssistantId]
) -> AssistantId:
    """Who answers a turn: the conversation's assistant, or where the turn begins one, who is asked for, or the default.

    Raises TerminalError (assistant_unknown, assistant_not_served).
    """
    if of_conversation is not None:
        if of_conversation not in offered:
            raise assistant_not_served()
        return of_conversation
    if asked_for is not None and asked_for not in offered:
        raise TerminalError(Code.ASSISTANT_UNKNOWN, "There is no such assistant.", field="assistant_id")
    return asked_for or offered[0]


def assistant_not_served() -> TerminalError:
    return TerminalError(Code.ASSISTANT_NOT_SERVED, "The assistant of this conversation is not offered any more.")


def check_status(status: ConversationStatus, turn_input: TurnInput | ScheduledPrompt) -> None:
    """Raises TerminalError (conversation_locked), with the assistant's reason where it gave one.

    What a locked conversation still takes is what was asked of the person before: actions, outputs, answers.
    """
    if status.type == "closed" or (
        status.type == "locked" and isinstance(turn_input, UserMessage | Retry | ScheduledPrompt)
    ):
        raise TerminalError(Code.CONVERSATION_LOCKED, status.reason or f"This conversation is {status.type}.")


def check_limits(limits: TurnLimits, state: TurnState) -> None:
    """Raises RetryableError (rate_limited, too_many_runs) with the time after which there is room again."""
    if limits.turns_per_minute_max is not None and state.turns_in_window >= limits.turns_per_minute_max:
        raise RetryableError(
            Code.RATE_LIMITED,
            "Too many messages in a minute.",
            retry_after_seconds=max(1.0, round(state.window_frees_seconds, 1)),
        )
    if limits.concurrent_runs_max is not None and state.unfinished_count >= limits.concurrent_runs_max:
        raise RetryableError(
            Code.TOO_MANY_RUNS, "Too many answers are being written.", retry_after_seconds=BUSY_RETRY_SECONDS
        )


def check_quota(quota: Quota, state: TurnState) -> bool:
    """Whether the user's bytes are to be looked at as well. Raises TerminalError (quota_exceeded)."""
    if state.turns_stored >= quota.turns_max:
        raise quota_exceeded(f"At most {quota.turns_max} messages are kept.", "messages")
    return (state.turns_stored + 1) % TURNS_BETWEEN_LOOKS_AT_BYTES == 0


def quota_exceeded(detail: str, field: str) -> TerminalError:
    return TerminalError(Code.QUOTA_EXCEEDED, f"{detail} Delete what is not needed.", field=field)


def decide_start(on_busy: OnBusy, state: TurnState, *, may_wait: bool, enqueued_turns_max: int) -> Start:
    """What a turn does where another one is active.

    Only a new message or an action can wait: a retry, a tool's output or an answer is about the conversation as it
    stands.
    Raises TerminalError (conversation_busy) or RetryableError (too_many_runs).
    """
    if state.active_run_id is None:
        return Start.NOW
    if on_busy == "reject" or not may_wait:
        raise TerminalError(Code.CONVERSATION_BUSY, "The conversation is being answered.")
    if state.waiting_count >= enqueued_turns_max:
        raise RetryableError(
            Code.TOO_MANY_RUNS, "Too many messages wait to be answered.", retry_after_seconds=BUSY_RETRY_SECONDS
        )
    return Start.WAIT_AND_STOP_THE_ACTIVE if on_busy == "interrupt" else Start.WAIT


def check_replay(stored_hash: str | None, body_hash: str | None) -> None:
    """The same key must come with the same body. Raises TerminalError (idempotency_key_reused)."""
    if stored_hash != body_hash:
        raise TerminalError(Code.IDEMPOTENCY_KEY_REUSED, "The idempotency key was used with another body.")


# --- the tree of turns ------------------------------------------------------------------------------------


ON_NO_BRANCH = -1
"""The parent of a turn whose items an earlier release has deleted, when the message before them was retried."""


@dataclass(frozen=True)
class TreeTurn:
    """A turn and the one that it follows, 0 where it follows none.

    ``message_position``: where the item stands that it answers, in another turn's positions where it is a retry.
    """

    number: int
    parent: int
    message_position: int | None


def branch_to(turns: Sequence[TreeTurn], last: int) -> list[TreeTurn]:
    """The turns from a first one to this one, in order; none for 0."""
    by_number = {turn.number: turn for turn in turns}
    branch: list[TreeTurn] = []
    turn = by_number.get(last)
    while turn is not None:
        branch.append(turn)
        turn = by_number.get(turn.parent)
    return branch[::-1]


def newest_under(turns: Sequence[TreeTurn], number: int) -> int:
    """The newest of a turn and those that follow it, directly or not; ``turns`` are in their order."""
    under = {number}
    for turn in turns:
        if turn.parent in under:
            under.add(turn.number)
    return max(under)


def path_along(branch: Sequence[TreeTurn], *, next_turn: int, also_position: int | None = None) -> str:
    """The positions on a branch as a Postgres multirange, those of the next turn and all later ones included.

    A retry's message stands in the positions of an earlier turn, and is one position of them.
    """
    singles = [turn.message_position for turn in branch] + [also_position]
    ranges = [f"[{position},{position}]" for position in singles if position is not None]
    ranges += [f"[{turn.number * POSITIONS_PER_TURN},{(turn.number + 1) * POSITIONS_PER_TURN})" for turn in branch]
    return "{" + ",".join([*ranges, f"[{next_turn * POSITIONS_PER_TURN},)"]) + "}"


def turns_told_apart(rows: Sequence[Mapping[str, Any]]) -> tuple[TurnView, ...]:
    """Of turns in order (`told_apart`), those on the branch, each with the versions of its message and its answers."""
    siblings: dict[int, list[Mapping[str, Any]]] = {}
    for row in rows:
        siblings.setdefault(row["parent_turn"], []).append(row)
    views = (_told(row, siblings[row["parent_turn"]]) for row in rows if row["is_shown"])
    return tuple(v for v in views if v.status in ("failed", "cancelled") or v.message_versions or v.answer_versions)


def _told(row: Mapping[str, Any], siblings: Sequence[Mapping[str, Any]]) -> TurnView:
    message_id = row["user_message_id"]
    edits: dict[str, RunId] = {other["user_message_id"]: other["run_id"] for other in siblings}
    edits[message_id] = row["run_id"]  # of each other version it is the newest run
    answers = tuple(
        other["run_id"]
        for other in siblings
        if other["user_message_id"] == message_id
        and (other["is_shown"] or other["items_count"] > 0)  # nobody wants an answer without a word
    )
    return TurnView(
        run_id=row["run_id"],
        message_id=message_id,
        status=row["status"],
        error_code=row["error_code"],
        message_versions=tuple(edits.values()) if len(edits) > 1 else (),
        answer_versions=answers if len(answers) > 1 else (),
    )
