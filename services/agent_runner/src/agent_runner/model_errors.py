"""What a provider's failure means: a stable code, a sentence for the user, and whether asking again may help."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any

import httpx2
import openai
from agents.exceptions import AgentsException, MaxTurnsExceeded
from contracts.errors import Code, NatterError, TerminalError
from pydantic import ValidationError

RETRY_AFTER_SECONDS_MAX = 60.0

_SENTENCES: dict[Code, str] = {
    Code.MODEL_REFUSED_KEY: "The model provider refused the API key. Check OPENAI_API_KEY.",
    Code.MODEL_RATE_LIMITED: "The model provider is busy or its quota is used up. Try again in a moment.",
    Code.MODEL_UNAVAILABLE: "The model provider cannot be reached or failed. Try again.",
    Code.MODEL_TIMEOUT: "The model took too long. Try again.",
    Code.MODEL_CONTEXT_EXCEEDED: "The conversation is too long for this model. Start a new one.",
    Code.MODEL_REJECTED_REQUEST: "The model provider rejected the request. Check the model's name and settings.",
    Code.MODEL_BAD_RESPONSE: "The model's answer was broken off or could not be read. Try again.",
    Code.MODEL_NOT_ALLOWED: "This model is not on the list of allowed models.",
    Code.RUN_TURNS_EXCEEDED: "The assistant needed too many steps and was stopped.",
    Code.RUN_TOKENS_EXCEEDED: "The answer used up its token budget and was stopped.",
    Code.RUN_TIME_EXCEEDED: "The answer took too long and was stopped.",
    Code.RUN_ATTEMPTS_EXHAUSTED: "The answer failed several times and was given up. Try again.",
    Code.INTERNAL: "Something went wrong inside. Try again.",
}
_CONTEXT_CODES = {"context_length_exceeded", "string_above_max_length"}
_RATE_CODES = {"rate_limit_exceeded", "insufficient_quota"}


class ModelError(NatterError):
    """A model call failed. ``may_help_to_ask_again``: before the first token, with backoff."""

    def __init__(
        self, code: Code, *, may_help_to_ask_again: bool = False, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(code, sentence_of(code), retry_after_seconds=retry_after_seconds)
        self.may_help_to_ask_again = may_help_to_ask_again


def sentence_of(code: Code) -> str:
    """What to tell the user; holds nothing of the provider's text, which may hold anything."""
    return _SENTENCES.get(code, _SENTENCES[Code.INTERNAL])


def _status_error(error: openai.APIStatusError) -> ModelError:
    status, code = error.status_code, error.code
    if code in _CONTEXT_CODES:
        return ModelError(Code.MODEL_CONTEXT_EXCEEDED)
    if status in (401, 403):
        return ModelError(Code.MODEL_REFUSED_KEY)
    if status == 429:
        return ModelError(
            Code.MODEL_RATE_LIMITED,
            may_help_to_ask_again=code != "insufficient_quota",
            retry_after_seconds=_retry_after(error),
        )
    if status in (408, 409) or status >= 500:
        return ModelError(Code.MODEL_UNAVAILABLE, may_help_to_ask_again=True, retry_after_seconds=_retry_after(error))
    return ModelError(Code.MODEL_REJECTED_REQUEST)


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds of the Retry-After header, a number or a date (RFC 9110, 10.2.3)."""
    text = error.response.headers.get("retry-after", "")
    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds()
        except (ValueError, TypeError):  # no date, or one without a time zone
            return None
    return min(max(seconds, 0.0), RETRY_AFTER_SECONDS_MAX)


def terminal_event_error(code: str | None, kind: str | None = None) -> ModelError:
    """The meaning of an error that came inside a stream (``response.failed``, ``error``)."""
    if code in _CONTEXT_CODES:
        return ModelError(Code.MODEL_CONTEXT_EXCEEDED)
    if code in _RATE_CODES or kind == "rate_limit_error":
        return ModelError(Code.MODEL_RATE_LIMITED, may_help_to_ask_again=code != "insufficient_quota")
    if code in ("invalid_prompt", "content_filter", "max_output_tokens"):
        return ModelError(Code.MODEL_REJECTED_REQUEST if code == "invalid_prompt" else Code.MODEL_BAD_RESPONSE)
    return ModelError(Code.MODEL_UNAVAILABLE, may_help_to_ask_again=True)


# The first that matches counts: a time-out is a connection error too, a status error an API error.
_MEANINGS: tuple[tuple[tuple[type[BaseException], ...], Callable[[Any], ModelError]], ...] = (
    ((ModelError,), lambda error: error),
    (
        (openai.APITimeoutError, TimeoutError, httpx2.TimeoutException),
        lambda _: ModelError(Code.MODEL_TIMEOUT, may_help_to_ask_again=True),
    ),
    ((openai.APIStatusError,), _status_error),
    (
        (openai.APIConnectionError, httpx2.TransportError, OSError),
        lambda _: ModelError(Code.MODEL_UNAVAILABLE, may_help_to_ask_again=True),
    ),
    ((openai.APIError,), lambda error: terminal_event_error(error.code, error.type)),
    (
        (json.JSONDecodeError, ValidationError, AgentsException, openai.OpenAIError, UnicodeError),
        lambda _: ModelError(Code.MODEL_BAD_RESPONSE, may_help_to_ask_again=True),
    ),
)


def model_error(error: BaseException) -> ModelError:
    """The meaning of what a model call raised."""
    for kinds, meaning in _MEANINGS:
        if isinstance(error, kinds):
            return meaning(error)
    return ModelError(Code.INTERNAL)


def failure_of(error: BaseException) -> NatterError:
    """The meaning of what ended a run: one of ours as it is, else by its kind.

    What a tool's function raises comes wrapped in an error of the SDK.
    """
    ours: BaseException | None = error
    while ours is not None:
        if isinstance(ours, NatterError):
            return ours
        ours = ours.__cause__
    if isinstance(error, MaxTurnsExceeded):
        return TerminalError(Code.RUN_TURNS_EXCEEDED, sentence_of(Code.RUN_TURNS_EXCEEDED))
    if isinstance(error, AgentsException):
        return TerminalError(Code.MODEL_BAD_RESPONSE, sentence_of(Code.MODEL_BAD_RESPONSE))
    return TerminalError(Code.INTERNAL, sentence_of(Code.INTERNAL))


ERROR_EVENTS = frozenset({"error", "response.failed", "response.incomplete"})


def event_error(event: Any) -> ModelError:
    """The error that one of `ERROR_EVENTS` tells."""
    if event.type == "error":
        return terminal_event_error(getattr(event, "code", None))
    if event.type == "response.failed":
        return terminal_event_error(event.response.error.code if event.response.error else None)
    details = event.response.incomplete_details
    return terminal_event_error(details.reason if details else None)
