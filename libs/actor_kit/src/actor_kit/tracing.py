"""Spans for a collector, by the standard variables of OpenTelemetry; without an address none are made, at no cost.

``OTEL_EXPORTER_OTLP_ENDPOINT`` (OTLP over HTTP) turns it on; ``OTEL_TRACES_SAMPLER`` and the others of the SDK hold.
The SDK is imported only then. Spans have ids, names and figures, and nothing that anybody said.
https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
"""

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import structlog
from opentelemetry import trace
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind, Tracer

from actor_kit.settings import ServiceSettings

log = structlog.get_logger()
LAST_SPANS_SECONDS_MAX = 1.0
Attributes = Mapping[str, str | int | float | bool]

_tracer: Tracer | None = None
_provider: Any = None
_nothing: AbstractContextManager[Span] = nullcontext(INVALID_SPAN)


def configure_tracing(service: str, settings: ServiceSettings) -> None:
    """Send spans from now on, where the settings name a collector."""
    if settings.otel_sdk_disabled or not settings.otlp_endpoint:
        return
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter  # noqa: PLC0415
        from opentelemetry.sdk.resources import Resource  # noqa: PLC0415
        from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415
        from opentelemetry.sdk.trace.export import BatchSpanProcessor  # noqa: PLC0415
    except ImportError:
        log.error("tracing.not_installed", hint="install actor-kit[otlp]")  # noqa: TRY400 - a reason, not a bug
        return
    global _tracer, _provider  # noqa: PLW0603 - one for the process, as the SDK's own
    _provider = TracerProvider(resource=Resource.create({"service.name": service, "service.namespace": "natter"}))
    _provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(_provider)
    _tracer = trace.get_tracer("natter")
    log.info("tracing.on")


def stop_tracing() -> None:
    """Send what is left, for a bounded time: a collector that is away holds up no end."""
    if _provider is not None:
        sending = threading.Thread(target=_provider.shutdown, daemon=True)
        sending.start()
        sending.join(LAST_SPANS_SECONDS_MAX)


def is_on() -> bool:
    return _tracer is not None


def span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes | None = None
) -> AbstractContextManager[Span]:
    """``with span(...)``: what happens in the block, under the current span; of an exception only its type."""
    if _tracer is None:
        return _nothing
    return _Recorded(_tracer, name, kind, attributes)


class _Recorded(AbstractContextManager[Span]):
    """A span that does not write down an exception's text, which may hold what a person said."""

    def __init__(self, tracer: Tracer, name: str, kind: SpanKind, attributes: Attributes | None) -> None:
        self._inner = tracer.start_as_current_span(
            name, kind=kind, attributes=attributes, record_exception=False, set_status_on_exception=False
        )

    def __enter__(self) -> Span:
        self._span = self._inner.__enter__()
        return self._span

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, where: Any) -> None:
        if error is not None:
            self._span.set_attribute("error.type", str(getattr(error, "code", type(error).__name__)))
            self._span.set_status(trace.StatusCode.ERROR)
        self._inner.__exit__(kind, error, where)
