"""The errors of the system: the class says what to do, the code says what happened, stable for ever.

NatterError
├── TerminalError      asking again gives the same answer: tell the caller, dead-letter the message
└── RetryableError     asking again may succeed: nak with delay, 503 or 429 with Retry-After
"""

from enum import StrEnum
from typing import Self

from contracts.message import Body


class Code(StrEnum):
    """What happened. Codes are never renamed or reused; `actor_kit.problems` has the HTTP status of each."""

    # the caller
    UNAUTHENTICATED = "unauthenticated"
    TOKEN_REVOKED = "token_revoked"  # noqa: S105 - a code
    PROOF_REFUSED = "proof_refused"
    FORBIDDEN = "forbidden"
    OPERATOR_ONLY = "operator_only"
    NOT_FOUND = "not_found"
    ITEM_GONE = "item_gone"
    METHOD_NOT_ALLOWED = "method_not_allowed"
    INVALID_REQUEST = "invalid_request"
    NOT_SUPPORTED = "not_supported"
    PAYLOAD_TOO_LARGE = "payload_too_large"
    CONVERSATION_BUSY = "conversation_busy"
    CONVERSATION_LOCKED = "conversation_locked"
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    RATE_LIMITED = "rate_limited"
    TOO_MANY_RUNS = "too_many_runs"
    QUOTA_EXCEEDED = "quota_exceeded"
    USAGE_EXCEEDED = "usage_exceeded"
    TOO_MANY_STREAMS = "too_many_streams"
    ASSISTANT_UNKNOWN = "assistant_unknown"
    ASSISTANT_NOT_SERVED = "assistant_not_served"
    ACTION_UNFINISHED = "action_unfinished"
    WEBHOOK_FAILED = "webhook_failed"
    ATTACHMENT_UNFINISHED = "attachment_unfinished"
    ATTACHMENT_IN_USE = "attachment_in_use"
    ATTACHMENT_NOT_READABLE = "attachment_not_readable"
    ATTACHMENT_TYPE_NOT_ALLOWED = "attachment_type_not_allowed"
    ATTACHMENT_UNREADABLE = "attachment_unreadable"
    ATTACHMENT_REFUSED = "attachment_refused"
    # a run
    RUN_STALE_EPOCH = "run_stale_epoch"
    RUN_LEASED = "run_leased"
    RUN_FINISHED = "run_finished"
    RUN_WAITING = "run_waiting"
    DECISION_TAKEN = "decision_taken"
    RUN_ATTEMPTS_EXHAUSTED = "run_attempts_exhausted"
    RUN_TURNS_EXCEEDED = "run_turns_exceeded"
    RUN_TOKENS_EXCEEDED = "run_tokens_exceeded"
    RUN_TIME_EXCEEDED = "run_time_exceeded"
    MODEL_UNAVAILABLE = "model_unavailable"
    MODEL_RATE_LIMITED = "model_rate_limited"
    MODEL_TIMEOUT = "model_timeout"
    MODEL_REFUSED_KEY = "model_refused_key"
    MODEL_NOT_ALLOWED = "model_not_allowed"
    MODEL_CONTEXT_EXCEEDED = "model_context_exceeded"
    MODEL_REJECTED_REQUEST = "model_rejected_request"
    MODEL_BAD_RESPONSE = "model_bad_response"
    MODEL_CONTENT_FILTERED = "model_content_filtered"
    MODEL_ANSWER_CUT_OFF = "model_answer_cut_off"
    TOOL_FAILED = "tool_failed"
    ASSISTANT_FAILED = "assistant_failed"
    GUARDRAIL_TRIPPED = "guardrail_tripped"
    # the system
    OVERLOADED = "overloaded"
    IDENTITY_UNAVAILABLE = "identity_unavailable"
    CLIENT_DISCONNECTED = "client_disconnected"
    STORE_UNAVAILABLE = "store_unavailable"
    FILE_STORE_UNAVAILABLE = "file_store_unavailable"
    SCANNER_UNAVAILABLE = "scanner_unavailable"
    BUS_UNAVAILABLE = "bus_unavailable"
    DEADLINE_EXCEEDED = "deadline_exceeded"
    UNKNOWN_MESSAGE = "unknown_message"
    INTERNAL = "internal"


RETRY_CANNOT_HELP = frozenset(
    {
        Code.MODEL_REFUSED_KEY,
        Code.MODEL_NOT_ALLOWED,
        Code.MODEL_REJECTED_REQUEST,
        Code.MODEL_CONTEXT_EXCEEDED,
        Code.MODEL_CONTENT_FILTERED,
        Code.MODEL_ANSWER_CUT_OFF,
        Code.GUARDRAIL_TRIPPED,
    }
)
"""Of a run that failed: the same message would end the same way, so nobody is offered to send it again as it is."""


class NatterError(Exception):
    """An error with a stable code and a sentence for the caller; the sentence holds no secret and no user text."""

    def __init__(
        self,
        code: Code,
        detail: str,
        *,
        field: str | None = None,
        retry_after_seconds: float | None = None,
    ) -> None:
        super().__init__(f"{code}: {detail}")
        self.code = code
        self.detail = detail
        self.field = field
        self.retry_after_seconds = retry_after_seconds


class TerminalError(NatterError):
    """Asking again gives the same answer."""

    @classmethod
    def forbidden(cls, what: str) -> Self:
        return cls(Code.FORBIDDEN, f"This {what} belongs to another user.")

    @classmethod
    def not_found(cls, what: str) -> Self:
        return cls(Code.NOT_FOUND, f"There is no such {what}.")


class RetryableError(NatterError):
    """Asking again, after ``retry_after_seconds``, may succeed."""

    def __init__(self, code: Code, detail: str, *, field: str | None = None, retry_after_seconds: float = 1.0) -> None:
        super().__init__(code, detail, field=field, retry_after_seconds=retry_after_seconds)


class ErrorReply(Body):
    """An error as it goes over the bus, in answer to a command or a query."""

    code: str
    detail: str
    field: str | None = None
    retryable: bool = False
    retry_after_seconds: float | None = None

    @classmethod
    def of(cls, error: NatterError) -> Self:
        return cls(
            code=error.code,
            detail=error.detail,
            field=error.field,
            retryable=isinstance(error, RetryableError),
            retry_after_seconds=error.retry_after_seconds,
        )

    @classmethod
    def decode_error(cls, data: bytes) -> NatterError:
        """The error to raise for an error reply's bytes. Raises pydantic.ValidationError."""
        return cls.decode(data).to_error()

    def to_error(self) -> NatterError:
        """The error to raise at the caller's side; a code of a newer peer becomes `Code.INTERNAL`."""
        known = self.code in Code.__members__.values()
        code = Code(self.code) if known else Code.INTERNAL
        if self.retryable:
            return RetryableError(
                code, self.detail, field=self.field, retry_after_seconds=self.retry_after_seconds or 1.0
            )
        return TerminalError(code, self.detail, field=self.field, retry_after_seconds=self.retry_after_seconds)
