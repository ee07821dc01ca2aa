"""For whom an attempt works: its assistant and model, as the labels of what is counted on its behalf."""

import time
from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

from agents import Usage

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
    outcome: str = "failed"

    def ended(self, usage: Usage, longest_gap_seconds: float) -> None:
        """It was answered to its end."""
        assistant = MEASURED.get().assistant
        self.outcome = "ok"
        TOKENS.labels(assistant, self.model, "input").inc(usage.input_tokens)
        TOKENS.labels(assistant, self.model, "output").inc(usage.output_tokens)
        TOKEN_GAP_SECONDS.labels(assistant, self.model).observe(longest_gap_seconds)


@contextmanager
def measured_call(model: str) -> Generator[MeasuredCall]:
    """Count a model call, however it ends."""
    measured = MEASURED.get()
    call = MeasuredCall(model or measured.model)
    started = time.monotonic()
    try:
        yield call
    finally:
        MODEL_SECONDS.labels(measured.assistant, call.model, call.outcome).observe(time.monotonic() - started)


def count_tool_call(server: str, status: str) -> None:
    measured = MEASURED.get()
    TOOL_CALLS.labels(measured.assistant, measured.model, server, status).inc()
