"""One model call: bounded in time, tried again before its first token, shown as it streams."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import structlog
from agents import Usage
from agents.models.fake_id import FAKE_RESPONSES_ID
from contracts.errors import Code
from contracts.ids import new_id
from openai.types.responses import Response, ResponseFunctionToolCall

from agent_runner import rules
from agent_runner.measuring import measured_call
from agent_runner.model_errors import ERROR_EVENTS, ModelError, event_error, model_error
from agent_runner.settings import Settings

log = structlog.get_logger()
BACKOFF_SECONDS_FIRST = 0.5
_ENDS = frozenset({"response.completed", "response.incomplete"})
_TOKENS = frozenset(
    {
        "response.output_text.delta",
        "response.refusal.delta",
        "response.function_call_arguments.delta",
        "response.reasoning_summary_text.delta",
        "response.reasoning_text.delta",
    }
)
Ask = Callable[[], AsyncIterator[Any]]
"""Asks a model, and returns its events (`openai.types.responses.ResponseStreamEvent`)."""
Show = Callable[[Any, bool], Awaitable[None] | None]
"""Shows an event, which may be the first token; returns what to wait for before the next one, if anything."""


@dataclass(frozen=True)
class ModelBounds:
    first_token_seconds_max: float
    next_token_seconds_max: float
    attempts_max: int
    retry_seconds_max: float

    @classmethod
    def of(cls, settings: Settings) -> "ModelBounds":
        return cls(
            first_token_seconds_max=settings.model_first_token_seconds_max,
            next_token_seconds_max=settings.model_next_token_seconds_max,
            attempts_max=settings.model_attempts_max,
            retry_seconds_max=settings.model_retry_seconds_max,
        )


async def call_model(ask: Ask, show: Show, bounds: ModelBounds, model: str = "") -> Response:
    """The model's whole answer, complete or not, once every event of it is shown; ``model`` is how it is counted.

    Raises ModelError for what the provider does, and what showing it raises.
    """
    with measured_call(model) as measured:
        response, longest_gap_seconds = await _call_model(ask, show, bounds)
        measured.ended(usage_of(response), longest_gap_seconds)
        return response


async def _call_model(ask: Ask, show: Show, bounds: ModelBounds) -> tuple[Response, float]:
    started = asyncio.get_running_loop().time()
    for attempt in range(1, bounds.attempts_max + 1):
        call = _Call(bounds, show)
        try:
            return await call.stream(ask()), call.longest_gap_seconds
        except ModelError as failure:
            cause = failure.__cause__ or failure
            log.warning("model.failed", code=failure.code, attempt=attempt, error=repr(cause)[:300])
            pause = failure.retry_after_seconds or BACKOFF_SECONDS_FIRST * 2 ** (attempt - 1)
            pause *= random.uniform(1, 1.25)  # noqa: S311 - spreads retries, no secret
            elapsed = asyncio.get_running_loop().time() - started
            may_retry = failure.may_help_to_ask_again and not call.has_token
            if not may_retry or attempt == bounds.attempts_max or elapsed + pause > bounds.retry_seconds_max:
                raise
            await asyncio.sleep(pause)
    raise ModelError(Code.MODEL_UNAVAILABLE)


@dataclass
class _Call:
    """One try of a model call."""

    bounds: ModelBounds
    show: Show
    has_token: bool = False
    waits_for_tool: bool = False
    longest_gap_seconds: float = 0.0
    _token_at: float | None = None

    async def stream(self, events: AsyncIterator[Any]) -> Response:
        deadline = asyncio.timeout(self.bounds.first_token_seconds_max)
        try:
            async with deadline, aclosing(_events(events)) as provided:
                async for event in provided:
                    # A call that the provider executes counts like a word: asking again would execute it again.
                    begins_hosted_call = self._is_of_hosted_call(event)
                    is_first_token = not self.has_token and (event.type in _TOKENS or begins_hosted_call)
                    self.has_token = self.has_token or is_first_token
                    if self.has_token:
                        self._put_off(deadline)
                    if event.type in ERROR_EVENTS:
                        raise event_error(event)
                    waiting = self.show(event, is_first_token)
                    if waiting is not None:
                        deadline.reschedule(None)  # whatever is slow now, it is not the model
                        await waiting
                        self._put_off(deadline)
                    if event.type in _ENDS:
                        return event.response
        except TimeoutError as error:
            if deadline.expired():
                raise ModelError(Code.MODEL_TIMEOUT, may_help_to_ask_again=True) from error
            raise
        raise ModelError(Code.MODEL_BAD_RESPONSE, may_help_to_ask_again=True)

    def _is_of_hosted_call(self, event: Any) -> bool:
        """Whether a call begins that the provider executes; one that is under way may take as long as a first token."""
        if event.type not in ("response.output_item.added", "response.output_item.done"):
            return False
        is_hosted = event.item.type in rules.HOSTED_CALLS
        self.waits_for_tool = is_hosted and event.type == "response.output_item.added"
        return is_hosted

    def _put_off(self, deadline: asyncio.Timeout) -> None:
        """Wait for the next token; a timer for each would cost more than the token, so it may be a twentieth late."""
        seconds_max = self.bounds.next_token_seconds_max
        if self.waits_for_tool:
            seconds_max = max(seconds_max, self.bounds.first_token_seconds_max)
        now = asyncio.get_running_loop().time()
        if self._token_at is not None and now - self._token_at > self.longest_gap_seconds:
            self.longest_gap_seconds = now - self._token_at
        self._token_at = now
        when = deadline.when()
        if when is None or abs(when - now - seconds_max) > seconds_max / 20:
            deadline.reschedule(now + seconds_max * 1.05)


async def _events(stream: Any) -> AsyncGenerator[Any]:
    """The model's events. What its client raises, and only that, becomes a ModelError."""
    has_answered = False
    try:
        async with aclosing(stream):
            async for event in stream:
                has_answered = True
                yield event
    except Exception as error:
        raise model_error(error, has_answered=has_answered) from error


def with_own_call_ids(output: list[Any], used: set[str]) -> list[Any]:
    """The output with call ids that no other call of the run has (``used``, which grows): they are keys of effects.

    Some providers leave them out, or count from zero in every answer.
    """
    for item in output:
        if isinstance(item, ResponseFunctionToolCall):
            if not item.call_id or item.call_id == FAKE_RESPONSES_ID or item.call_id in used:
                item.call_id = new_id("call")
            used.add(item.call_id)
    return output


def usage_of(response: Response) -> Usage:
    if response.usage is None:
        return Usage(requests=1)
    return Usage(
        requests=1,
        input_tokens=response.usage.input_tokens,
        output_tokens=response.usage.output_tokens,
        total_tokens=response.usage.total_tokens,
    )
