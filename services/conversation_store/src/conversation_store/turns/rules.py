"""The decisions about a new turn, without I/O and without a clock."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from contracts.commands import OnBusy, TurnLimits
from contracts.errors import Code, RetryableError, TerminalError
from contracts.ids import AssistantId

RATE_WINDOW_SECONDS = 60.0
BUSY_RETRY_SECONDS = 2.0


@dataclass(frozen=True)
class TurnState:
    """What a new turn finds, read under the locks of its user and its conversation.

    ``turns_in_window`` of the last `RATE_WINDOW_SECONDS`, of which the oldest is ``window_frees_seconds`` from
    leaving it.
    """

    active_run_id: str | None = None
    waiting_count: int = 0
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


def decide_start(on_busy: OnBusy, state: TurnState, *, is_message: bool, enqueued_turns_max: int) -> Start:
    """What a turn does where another one is active.

    Only a new message can wait: a retry, a tool's output or an answer is about the conversation as it stands.
    Raises TerminalError (conversation_busy) or RetryableError (too_many_runs).
    """
    if state.active_run_id is None:
        return Start.NOW
    if on_busy == "reject" or not is_message:
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
