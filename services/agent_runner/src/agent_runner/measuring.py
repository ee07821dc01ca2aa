"""For whom an attempt works: its assistant and model, as the labels of what is counted on its behalf."""

import time
from collections.abc import Generator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from actor_kit.tracing import span
from agents import Usage
from opentelemetry.trace import Span, SpanKind

from agent_runner.metrics import MODEL_SECONDS, TOKEN_GAP_SECONDS, TOKENS, TOOL_CALLS


@dataclass
class Measured:
    """``model`` is known when the run has chosen one."""

    assistant: str
    model: str = ""


_nobody = Measured("")
MEASURED: ContextVar[Measured] = ContextVar("measured", default=_nobody)
"""Set at the begin of an attempt, in the task that everything of it is done in, or comes from."""


def note_model(name: str | None) -> None:
    """The run's model is chosen."""
    measured = MEASURED.get()
    if measured is not _nobody:
        measured.model = name or ""


@dataclass
class MeasuredCall:
    """One model call, counted when it has ended."""

    model: str
    span: Span
    outcome: str = "failed"

    def ended(self, usage: Usage, longest_gap_seconds: float) -> None:
        """It was answered to its end."""
        assistant = MEASURED.get().assistant
        self.outcome = "ok"
        TOKENS.labels(assistant, self.model, "input").inc(usage.input_tokens)
        TOKENS.labels(assistant, self.model, "output").inc(usage.output_tokens)
        self.span.set_attribute("gen_ai.usage.input_tokens", usage.input_tokens)
        self.span.set_attribute("gen_ai.usage.output_tokens", usage.output_tokens)
        TOKEN_GAP_SECONDS.labels(assistant, self.model).observe(longest_gap_seconds)


@contextmanager
def measured_call(model: str) -> Generator[MeasuredCall]:
    """Count a model call, however it ends."""
    measured = MEASURED.get()
    model = model or measured.model
    started = time.monotonic()
    attributes = {"gen_ai.operation.name": "chat", "gen_ai.request.model": model}
    with span(f"chat {model}", SpanKind.CLIENT, attributes) as recorded:
        call = MeasuredCall(model, recorded)
        try:
            yield call
        finally:
            MODEL_SECONDS.labels(measured.assistant, model, call.outcome).observe(time.monotonic() - started)


def agent_span(assistant: str, conversation_id: str, epoch: int) -> AbstractContextManager[Span]:
    """One attempt of a run, by OpenTelemetry's conventions for agents."""
    return span(
        f"invoke_agent {assistant}",
        attributes={
            "gen_ai.operation.name": "invoke_agent",
            "gen_ai.agent.name": assistant,
            "gen_ai.conversation.id": conversation_id,
            "natter.attempt": epoch,
        },
    )


def tool_span(name: str, call_id: str) -> AbstractContextManager[Span]:
    """One tool call, from the ledger to the ledger."""
    return span(
        f"execute_tool {name}",
        attributes={"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": name, "gen_ai.tool.call.id": call_id},
    )


def count_tool_call(server: str, status: str) -> None:
    measured = MEASURED.get()
    TOOL_CALLS.labels(measured.assistant, measured.model, server, status).inc()
