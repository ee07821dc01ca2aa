"""Without a collector nothing of OpenTelemetry's SDK is imported, and a span is nothing at all."""

import subprocess
import sys

from actor_kit import tracing
from actor_kit.telemetry import traced
from opentelemetry.trace import get_current_span

OFF = """
import sys
from actor_kit.settings import ServiceSettings
from actor_kit.tracing import configure_tracing, is_on
configure_tracing("auth_edge", ServiceSettings({settings}))
print(is_on(), any(name.startswith("opentelemetry.sdk") for name in sys.modules))
"""


def test_without_a_collector_the_sdk_is_not_imported() -> None:
    for settings in ("", "otel_exporter_otlp_endpoint='http://127.0.0.1:1', otel_sdk_disabled=True"):
        command = [sys.executable, "-c", OFF.format(settings=settings)]
        assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == "False False\n"


def test_a_span_is_nothing_then_and_the_trace_goes_on() -> None:
    with tracing.span("a") as first, tracing.span("b") as second:
        assert first is second
        assert not first.is_recording()
    with traced({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}, "request"):
        assert format(get_current_span().get_span_context().trace_id, "032x") == "0af7651916cd43dd8448eb211c80319c"
