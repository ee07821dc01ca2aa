"""One trace of a turn, collected by OTLP: the request, edge, store, outbox, runner, model, tool and relay."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

pytestmark = pytest.mark.whole_path
TRACE_ID, BROWSER = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
SAID = "buy the secret milk"


@dataclass
class Collector:
    """An OTLP/HTTP receiver: what it got, span by span."""

    url: str = ""
    spans: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    raw: list[bytes] = field(default_factory=list[bytes])

    def take(self, body: bytes) -> None:
        self.raw.append(body)
        for resource in ExportTraceServiceRequest.FromString(body).resource_spans:
            service = next(a.value.string_value for a in resource.resource.attributes if a.key == "service.name")
            for span in (span for scope in resource.scope_spans for span in scope.spans):
                values = {a.key: a.value.string_value or a.value.int_value for a in span.attributes}
                ids = {"id": span.span_id.hex(), "parent": span.parent_span_id.hex(), "trace": span.trace_id.hex()}
                self.spans.append({"service": service, "name": span.name, "attributes": values, **ids})

    def of_trace(self, trace_id: str) -> dict[str, dict[str, Any]]:
        return {span["id"]: span for span in [*self.spans] if span["trace"] == trace_id}


@pytest.fixture(scope="module")
def collector() -> Iterator[Collector]:
    found = Collector()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            found.take(self.rfile.read(int(self.headers["content-length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None: ...  # noqa: A002

    server = ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    found.url = f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def natter(collector: Collector) -> Iterator[RunningNatter]:
    environment = {
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url,
        "OTEL_BSP_SCHEDULE_DELAY": "100",
        "NO_PROXY": "127.0.0.1",
    }
    with (
        temporary_directory() as directory,
        natter_up(directory / "data", *WITHOUT_WEB, environment=environment) as natter,
    ):
        yield natter


def test_one_turn_is_one_trace_with_the_right_parents_and_nothing_that_was_said(
    natter: RunningNatter, collector: Collector
) -> None:
    headers = {**natter.headers("zoe.quux"), "traceparent": f"00-{TRACE_ID}-{BROWSER}-01"}
    ended = threading.Event()

    def look_on() -> None:
        with httpx.stream(
            "GET", f"{natter.relay_url}/api/zoe.quux/stream", headers=natter.headers("zoe.quux")
        ) as stream:
            for line in stream.iter_lines():
                if "run.completed" in line:
                    ended.set()
                    return

    viewer = threading.Thread(target=look_on, daemon=True)
    viewer.start()
    time.sleep(0.5)
    httpx.post(f"{natter.edge_url}/api/zoe.quux/chat", json={"message": f"add a task: {SAID}"}, headers=headers)
    assert ended.wait(20)
    wanted = {"relay first text", "request AddTask", "AddTask", "request FinishRun", "FinishRun", "invoke_agent todo"}
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and not wanted <= {one["name"] for one in collector.of_trace(TRACE_ID).values()}:
        time.sleep(0.05)
    spans = collector.of_trace(TRACE_ID)
    paths = {tuple(path(spans, span)) for span in spans.values()}
    edge, begin = "auth_edge POST /api/{user_id}/chat", "conversation_store BeginTurn"
    outbox = (edge, "auth_edge request BeginTurn", begin, "conversation_store publish outbox")
    run = (*outbox, "agent_runner process agent_runner_todo")
    agent = (*run, "agent_runner invoke_agent todo")
    # The two between are the MCP SDK's own: it carries the trace in a call's `_meta`.
    called = (*agent, "agent_runner execute_tool add_task", "agent_runner MCP send tools/call add_task")
    tool = (*called, "task_tools tools/call add_task", "task_tools request AddTask")
    assert (*run, "agent_runner request ClaimRun", "conversation_store ClaimRun") in paths
    assert (*agent, "agent_runner chat demo") in paths
    assert (*tool, "conversation_store AddTask") in paths
    assert (*agent, "agent_runner request FinishRun", "conversation_store FinishRun") in paths
    assert any(one[-1] == "stream_relay relay first text" and one[: len(run)] == run for one in paths)
    assert {one[0] for one in paths} == {edge}  # nothing of the trace hangs in the air
    models = [span["attributes"] for span in spans.values() if span["name"] == "chat demo"]
    assert {one["gen_ai.operation.name"] for one in models} == {"chat"}
    assert sum(one["gen_ai.usage.output_tokens"] for one in models) > 0
    assert not [body for body in collector.raw if SAID.encode() in body or b"zoe.quux" in body]


def path(spans: dict[str, dict[str, Any]], span: dict[str, Any]) -> list[str]:
    """The names from the first span of the trace to this one; the browser's own is nobody's here."""
    name = f"{span['service']} {span['name']}"
    if span["parent"] == BROWSER:
        return [name]
    parent = spans.get(span["parent"])
    return [*(path(spans, parent) if parent else ["?"]), name]
