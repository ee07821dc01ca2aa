"""Logs as JSON lines with run and trace ids, and W3C trace context in the headers of every message."""

import hashlib
import logging
import secrets
import sys
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import structlog
from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, NonRecordingSpan, Span, SpanContext, SpanKind, TraceFlags
from structlog.typing import EventDict, Processor, WrappedLogger

from actor_kit import tracing
from actor_kit.settings import ServiceSettings


def configure_logging(service: str, settings: ServiceSettings) -> None:
    """Send structlog and the standard library's records to stderr, one line each."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _add_trace_id,
        structlog.processors.format_exc_info,
    ]
    plain = structlog.dev.plain_traceback
    render: Processor = (
        structlog.processors.JSONRenderer()
        if settings.log_format == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty() if settings.log_colour is None else settings.log_colour,
            exception_formatter=plain,
        )
    )
    if settings.log_format == "console":
        shared.remove(structlog.processors.format_exc_info)
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, render],
        )
    )
    logging.basicConfig(level=max(level, logging.WARNING), handlers=[handler], force=True)
    structlog.contextvars.bind_contextvars(service=service)


def _add_trace_id(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    trace_id = current_trace_id()
    if trace_id is not None:
        event["trace_id"] = trace_id
    return event


def current_trace_id() -> str | None:
    """The id of what is being worked on, as logs and a collector have it; None outside of any request."""
    span = trace.get_current_span().get_span_context()
    return format(span.trace_id, "032x") if span.is_valid else None


def user_hash(user_id: str) -> str:
    """A hash that stands for a user in logs, the same in every service; the user's id cannot be read from it."""
    return hashlib.sha256(user_id.encode()).hexdigest()[:16]


def inject_trace(headers: dict[str, str]) -> dict[str, str]:
    """Add ``traceparent`` (W3C Trace Context) of the current trace to the headers, and return them."""
    propagate.inject(headers)
    return headers


def trace_context_of(headers: Mapping[str, str]) -> Context:
    """The trace that the headers carry, or a new one: every request has an id to look for in the logs.

    Without an OpenTelemetry SDK nothing is recorded; the id is passed on all the same.
    """
    found = propagate.extract(headers)
    if tracing.is_on() or trace.get_current_span(found).get_span_context().is_valid:
        return found  # with a collector the first span begins the trace, and the sampler decides
    span = SpanContext(
        trace_id=secrets.randbits(128) or 1,
        span_id=secrets.randbits(64) or 1,
        is_remote=False,
        trace_flags=TraceFlags(TraceFlags.DEFAULT),
    )
    return trace.set_span_in_context(NonRecordingSpan(span))


class traced:  # noqa: N801  used as `with traced(headers):`
    """Make the trace of the headers (or a new one) the current one within a block, and the block a span of it.

    Without a name there is no span.
    """

    def __init__(self, headers: Mapping[str, str], name: str = "", kind: SpanKind = SpanKind.SERVER) -> None:
        self._headers = headers
        self._span = tracing.span(name, kind) if name else nullcontext(INVALID_SPAN)

    def __enter__(self) -> Span:
        self._token = context.attach(trace_context_of(self._headers))
        return self._span.__enter__()

    def __exit__(self, *exc_info: Any) -> None:
        self._span.__exit__(*exc_info)
        context.detach(self._token)
