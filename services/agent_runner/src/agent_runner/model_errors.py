"""What a provider's failure means: a stable code, a sentence for the user, and whether asking again may help."""

import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any, cast

import httpx2
import openai
from agents.exceptions import (
    AgentsException,
    InputGuardrailTripwireTriggered,
    MaxTurnsExceeded,
    ModelBehaviorError,
    OutputGuardrailTripwireTriggered,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
    UserError,
)
from contracts.errors import Code, NatterError, TerminalError
from contracts.text import storable
from natterkit import AssistantError
from openai.types.responses import Response
from pydantic import ValidationError

RETRY_AFTER_SECONDS_MAX = 60.0
GUARDRAIL_CHARACTERS_MAX = 2_000
TRIPPED = (
    InputGuardrailTripwireTriggered,
    OutputGuardrailTripwireTriggered,
    ToolInputGuardrailTripwireTriggered,
    ToolOutputGuardrailTripwireTriggered,
)
_CALLS_ASSISTANTS = frozenset({"agents", "agent_runner"})
_KNOWN = frozenset(
    {"agents", "openai", "pydantic", "pydantic_core", "mcp", "httpx", "httpx2", "structlog", "uvloop", "anyio"}
) | {"agent_runner", "actor_kit", "chatkit_protocol", "contracts", "identity", "natterkit", "nats"}
"""What may raise an error of ours, or of the provider's, when the SDK or the runner calls it."""

TELL_OPERATOR = "Tell whoever runs this server."

_SENTENCES: dict[Code, str] = {
    Code.MODEL_REFUSED_KEY: f"The assistant has no access to its model. {TELL_OPERATOR}",
    Code.MODEL_RATE_LIMITED: "The model provider is busy or its quota is used up. Try again in a moment.",
    Code.MODEL_UNAVAILABLE: "The model provider cannot be reached or failed. Try again.",
    Code.MODEL_TIMEOUT: "The model took too long. Try again.",
    Code.MODEL_CONTEXT_EXCEEDED: "The conversation is too long for this model. Start a new one.",
    Code.MODEL_REJECTED_REQUEST: f"The model provider did not accept the request. {TELL_OPERATOR}",
    Code.MODEL_BAD_RESPONSE: "The model's answer was broken off or could not be read. Try again.",
    Code.MODEL_CONTENT_FILTERED: "The model provider's content filter stopped this answer. Ask in other words.",
    Code.MODEL_ANSWER_CUT_OFF: "The answer was cut off at its greatest length. Write “continue” for the rest.",
    Code.MODEL_NOT_ALLOWED: "This model is not on the list of allowed models.",
    Code.RUN_TURNS_EXCEEDED: "The assistant needed too many steps and was stopped.",
    Code.RUN_TOKENS_EXCEEDED: "The answer used up its token budget and was stopped.",
    Code.RUN_TIME_EXCEEDED: "The answer took too long and was stopped.",
    Code.RUN_ATTEMPTS_EXHAUSTED: "The answer failed several times and was given up. Try again.",
    Code.ASSISTANT_FAILED: f"The assistant made a mistake. Try again. If it happens again: {TELL_OPERATOR}",
    Code.GUARDRAIL_TRIPPED: "The assistant's rules stopped this answer. Ask in other words.",
    Code.INTERNAL: "Something went wrong inside. Try again.",
}
_CONTEXT_CODES = {"context_length_exceeded", "string_above_max_length"}
_CONTEXT_WORDS = ("context length", "context window")
"""How compatible servers (vLLM, DeepSeek, LiteLLM) say it: they have no code for it."""
_RATE_CODES = {"rate_limit_exceeded", "insufficient_quota"}
_FILTER_CODES = {"content_filter", "content_policy_violation"}


class ModelError(NatterError):
    """A model call failed. ``may_help_to_ask_again``: before the first token, with backoff."""

    def __init__(
        self, code: Code, *, may_help_to_ask_again: bool = False, retry_after_seconds: float | None = None
    ) -> None:
        super().__init__(code, sentence_of(code), retry_after_seconds=retry_after_seconds)
        self.may_help_to_ask_again = may_help_to_ask_again


class AssistantFailedError(TerminalError):
    """What an assistant's author wrote has failed; its own words go into the log."""

    def __init__(self, code: Code) -> None:
        super().__init__(code, sentence_of(code))


class GuardrailTrippedError(TerminalError):
    """A guardrail of the assistant ends the answer. ``words``: its own, if it has any, for people."""

    def __init__(self, words: str) -> None:
        super().__init__(Code.GUARDRAIL_TRIPPED, words or sentence_of(Code.GUARDRAIL_TRIPPED))


def sentence_of(code: Code) -> str:
    """What to tell the user; holds nothing of the provider's text, which may hold anything."""
    return _SENTENCES.get(code, _SENTENCES[Code.INTERNAL])


def _status_error(error: openai.APIStatusError) -> ModelError:
    status, code = error.status_code, error.code
    if code in _CONTEXT_CODES or (status == 400 and any(words in error.message.lower() for words in _CONTEXT_WORDS)):
        return ModelError(Code.MODEL_CONTEXT_EXCEEDED)
    if code in _FILTER_CODES:
        return ModelError(Code.MODEL_CONTENT_FILTERED)
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


def _connection_error(error: openai.APIConnectionError) -> ModelError:
    """The client says so of whatever keeps it from sending: also of a base URL or a header that cannot be sent."""
    cause = error.__cause__
    is_ours = isinstance(cause, (httpx2.LocalProtocolError, httpx2.UnsupportedProtocol)) or not isinstance(
        cause, (httpx2.TransportError, OSError, type(None))
    )
    if is_ours:
        return ModelError(Code.INTERNAL)
    return ModelError(Code.MODEL_UNAVAILABLE, may_help_to_ask_again=True)


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
    if code in _FILTER_CODES:
        return ModelError(Code.MODEL_CONTENT_FILTERED)
    if code == "invalid_prompt":
        return ModelError(Code.MODEL_REJECTED_REQUEST)
    return ModelError(Code.MODEL_UNAVAILABLE, may_help_to_ask_again=True)


def _unreadable(_: BaseException) -> ModelError:
    return ModelError(Code.MODEL_BAD_RESPONSE, may_help_to_ask_again=True)


# The first that matches counts: a time-out is a connection error too, a status error an API error.
_MEANINGS: tuple[tuple[tuple[type[BaseException], ...], Callable[[Any], ModelError]], ...] = (
    ((ModelError,), lambda error: error),
    (
        (openai.APITimeoutError, TimeoutError, httpx2.TimeoutException),
        lambda _: ModelError(Code.MODEL_TIMEOUT, may_help_to_ask_again=True),
    ),
    ((openai.APIStatusError,), _status_error),
    ((openai.APIConnectionError,), _connection_error),
    (
        (httpx2.TransportError, OSError),
        lambda _: ModelError(Code.MODEL_UNAVAILABLE, may_help_to_ask_again=True),
    ),
    ((openai.APIResponseValidationError, json.JSONDecodeError, UnicodeDecodeError, ModelBehaviorError), _unreadable),
    ((openai.APIError,), lambda error: terminal_event_error(error.code, error.type)),
    ((UserError,), lambda _: ModelError(Code.INTERNAL)),
)


_SAID_WRONG = (ValidationError, AgentsException)


def model_error(error: BaseException, *, has_answered: bool = False) -> ModelError:
    """The meaning of what a model's client raised: the provider's failure, or ours.

    What it raises for a request that cannot be built is ours (`internal`): nobody else could mend it. Only once the
    provider ``has_answered`` may the same kind of error come from what it said.
    """
    for kinds, meaning in _MEANINGS:
        if isinstance(error, kinds):
            return meaning(error)
    return _unreadable(error) if has_answered and isinstance(error, _SAID_WRONG) else ModelError(Code.INTERNAL)


def failure_of(error: BaseException) -> NatterError:
    """The meaning of what ended a run: one of ours as it is, else by its kind.

    What a tool's function raises comes wrapped in an error of the SDK.
    """
    ours = natter_error_of(error)
    if ours is not None:
        return ours
    if isinstance(error, TRIPPED):
        return GuardrailTrippedError(_guardrail_words(error))
    if isinstance(error, MaxTurnsExceeded):
        return TerminalError(Code.RUN_TURNS_EXCEEDED, sentence_of(Code.RUN_TURNS_EXCEEDED))
    if isinstance(error, ModelBehaviorError):
        return TerminalError(Code.MODEL_BAD_RESPONSE, sentence_of(Code.MODEL_BAD_RESPONSE))
    if isinstance(error, AssistantError) or is_raised_by_an_assistant(error):
        return AssistantFailedError(Code.ASSISTANT_FAILED)
    return TerminalError(Code.INTERNAL, sentence_of(Code.INTERNAL))


def natter_error_of(error: BaseException) -> NatterError | None:
    """The error of ours that an error is, or was raised from."""
    cause: BaseException | None = error
    while cause is not None and not isinstance(cause, NatterError):
        cause = cause.__cause__
    return cause


def _guardrail_words(error: Any) -> str:
    """What a guardrail's function gave as its output's information: a text, or an object with a ``message``."""
    result = getattr(error, "guardrail_result", None)
    output = getattr(result, "output", None) or getattr(error, "output", None)
    info: Any = getattr(output, "output_info", None)
    if isinstance(info, dict):
        info = cast("dict[str, Any]", info).get("message")
    elif not isinstance(info, str):
        info = getattr(info, "message", None)
    return storable(info)[:GUARDRAIL_CHARACTERS_MAX] if isinstance(info, str) else ""


def is_raised_by_an_assistant(error: BaseException) -> bool:
    """Whether the SDK had called somebody's code that raised it: instructions, a guardrail, a hook, a factory."""
    caller = ""
    frame = error.__traceback__
    while frame is not None:
        module = str(frame.tb_frame.f_globals.get("__name__", "")).partition(".")[0]
        if module != caller:
            if caller in _CALLS_ASSISTANTS and module not in _KNOWN and module not in sys.stdlib_module_names:
                return True
            caller = module if module not in sys.stdlib_module_names else caller
        frame = frame.tb_next
    return False


ERROR_EVENTS = frozenset({"error", "response.failed"})


def event_error(event: Any) -> ModelError:
    """The error that one of `ERROR_EVENTS` tells."""
    if event.type == "error":
        return terminal_event_error(getattr(event, "code", None))
    return terminal_event_error(event.response.error.code if event.response.error else None)


def incomplete_error(response: Response) -> ModelError | None:
    """Why an answer is not whole: cut off at its greatest length, or filtered; None where it is."""
    if response.status != "incomplete":
        return None
    is_filtered = response.incomplete_details is not None and response.incomplete_details.reason == "content_filter"
    return ModelError(Code.MODEL_CONTENT_FILTERED if is_filtered else Code.MODEL_ANSWER_CUT_OFF)
