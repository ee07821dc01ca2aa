"""One model call: bounded in time, retried before its first token, shown as it streams, with ids made unique."""

import asyncio
import random
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, Protocol

import structlog
from agents import Model, ModelResponse, Usage
from agents.models.fake_id import FAKE_RESPONSES_ID
from contracts.errors import Code
from contracts.ids import new_id
from openai.types.responses import Response, ResponseFunctionToolCall

from agent_runner.model_errors import ERROR_EVENTS, ModelError, event_error, incomplete_error, model_error
from agent_runner.publisher import DeltaPublisher
from agent_runner.translate import AnswerTranslator

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


@dataclass(frozen=True)
class ModelBounds:
    first_token_seconds_max: float
    next_token_seconds_max: float
    attempts_max: int
    retry_seconds_max: float


class Turn(Protocol):
    """Who is told about each model call of a run, and may end it by raising."""

    async def before_call(self, input_items: list[Any]) -> None:
        """The model is about to be asked with these items."""
        ...

    async def on_first_token(self) -> None: ...

    def on_usage(self, usage: Usage) -> None:
        """What a call has used, also one whose answer is not whole."""
        ...

    async def after_call(self, output: list[Any]) -> None:
        """The model has answered; no tool has been called yet."""
        ...


class RunModel(Model):
    """The model of one run, as openai-agents calls it.

    openai-agents asks for whole responses (`get_response`); each streams inside, so that what is shown, what is
    stored and what the agent goes on with are one order of events.
    """

    def __init__(
        self,
        inner: Model,
        bounds: ModelBounds,
        translator: AnswerTranslator,
        *,
        publisher: DeltaPublisher,
        turn: Turn,
        call_ids_used: set[str],
        with_images: Callable[[list[Any]], list[Any]],
    ) -> None:
        self._inner = inner
        self._bounds = bounds
        self._translator = translator
        self._publisher = publisher
        self._turn = turn
        self._call_ids_used = call_ids_used
        self._with_images = with_images

    async def get_response(self, *args: Any, **kwargs: Any) -> ModelResponse:
        """Raises ModelError, and what the turn raises."""
        await self._turn.before_call(kwargs["input"])
        response = await self._with_retries(args, {**kwargs, "input": self._with_images(kwargs["input"])})
        usage = _usage_of(response)
        self._turn.on_usage(usage)
        incomplete = incomplete_error(response)
        if incomplete is not None:
            raise incomplete  # before any tool is called: its arguments may be cut off
        output = self._with_own_call_ids(response.output)
        await self._turn.after_call(output)
        return ModelResponse(output=output, usage=usage, response_id=None)

    def stream_response(self, *args: Any, **kwargs: Any) -> AsyncIterator[Any]:
        """The inner model's own stream; the runner does not use it."""
        return self._inner.stream_response(*args, **kwargs)

    async def _with_retries(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Response:
        started = asyncio.get_running_loop().time()
        for attempt in range(1, self._bounds.attempts_max + 1):
            attempt_state = _Attempt()
            try:
                return await self._stream(attempt_state, args, kwargs)
            except ModelError as failure:
                cause = failure.__cause__ or failure
                log.warning("model.failed", code=failure.code, attempt=attempt, error=repr(cause)[:300])
                pause = failure.retry_after_seconds or BACKOFF_SECONDS_FIRST * 2 ** (attempt - 1)
                pause *= random.uniform(1, 1.25)  # noqa: S311 - spreads retries, no secret
                elapsed = asyncio.get_running_loop().time() - started
                may_retry = failure.may_help_to_ask_again and not attempt_state.has_token
                is_last = attempt == self._bounds.attempts_max or elapsed + pause > self._bounds.retry_seconds_max
                if not may_retry or is_last:
                    raise
                await asyncio.sleep(pause)
        raise ModelError(Code.MODEL_UNAVAILABLE)

    async def _stream(self, attempt: "_Attempt", args: tuple[Any, ...], kwargs: dict[str, Any]) -> Response:
        """The answer of one stream, shown. Raises ModelError for what the provider does, and what showing it raises."""
        self._translator.begin_response()
        deadline = asyncio.timeout(self._bounds.first_token_seconds_max)
        try:
            async with deadline, aclosing(_events(self._inner.stream_response(*args, **kwargs))) as events:
                async for event in events:
                    if event.type in _TOKENS or attempt.has_token:
                        self._put_off(deadline)
                    if event.type in ERROR_EVENTS:
                        raise event_error(event)
                    self._translator.on_model_event(event)
                    if event.type in _TOKENS and not attempt.has_token:
                        attempt.has_token = True
                        await self._turn.on_first_token()
                    if self._publisher.is_crowded:
                        deadline.reschedule(None)  # the bus is slow, not the model
                        await self._publisher.flush()
                        self._put_off(deadline)
                    if event.type in _ENDS:
                        return event.response
        except TimeoutError as error:
            if deadline.expired():
                raise ModelError(Code.MODEL_TIMEOUT, may_help_to_ask_again=True) from error
            raise
        raise ModelError(Code.MODEL_BAD_RESPONSE, may_help_to_ask_again=True)

    def _put_off(self, deadline: asyncio.Timeout) -> None:
        """Wait for the next token; a timer for each would cost more than the token, so it may be a twentieth late."""
        seconds_max = self._bounds.next_token_seconds_max
        now = asyncio.get_running_loop().time()
        when = deadline.when()
        if when is None or abs(when - now - seconds_max) > seconds_max / 20:
            deadline.reschedule(now + seconds_max * 1.05)

    def _with_own_call_ids(self, output: list[Any]) -> list[Any]:
        """The output with call ids that no other call of this run has: they are keys of effects.

        Some providers leave them out, or count from zero in every answer.
        """
        for item in output:
            if isinstance(item, ResponseFunctionToolCall):
                if not item.call_id or item.call_id == FAKE_RESPONSES_ID or item.call_id in self._call_ids_used:
                    item.call_id = new_id("call")
                self._call_ids_used.add(item.call_id)
        return output


@dataclass
class _Attempt:
    has_token: bool = False


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


def _usage_of(response: Response) -> Usage:
    if response.usage is None:
        return Usage(requests=1)
    return Usage(
        requests=1,
        input_tokens=response.usage.input_tokens,
        output_tokens=response.usage.output_tokens,
        total_tokens=response.usage.total_tokens,
    )
