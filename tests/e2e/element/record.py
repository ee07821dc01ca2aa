"""Records what a stock ChatKitServer sends and stores, for the unit tests of the element's reducer.

`python -m tests.e2e.element.record` writes web/chatkit-element/tests/recorded.json, and the names of all properties of
the SDK's widgets beside it. Ids are counted and times fixed, so that the same SDK gives the same files.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from itertools import count
from pathlib import Path
from typing import Any

from agents import Agent, RunConfig, RunContextWrapper, RunHooks, Runner, Tool, function_tool
from agents.testing import ScriptedModel, assistant_message, function_call
from chatkit import widgets
from chatkit.agents import AgentContext, stream_agent_response
from chatkit.server import StreamingResult
from chatkit.types import CustomTask, ThreadMetadata, ThreadStreamEvent, UserMessageItem

from tests.e2e.element import script
from tests.e2e.element.memory_store import MemoryStore
from tests.e2e.element.scripted_server import ScriptedServer

TARGET = Path(__file__).parents[3] / "web" / "chatkit-element" / "tests" / "recorded.json"
WIDGET_PROPERTIES = TARGET.with_name("widget-properties.json")
FIXED_TIME = "2026-01-01T00:00:00"

PHRASES = (
    "count to 5",
    "markdown",
    "tools",
    "reason",
    "sources",
    "image",
    "widget",
    "write a widget",
    "progress",
    "notice",
    "effect",
    "fail",
    "title Tea",
    "lock",
)
RECORDED_AGENT = "agent with parallel tools"


class CountingStore(MemoryStore):
    """Ids that are the same in every recording."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = count(1)

    def generate_thread_id(self, context: dict[str, str]) -> str:
        """A counted id."""
        return f"thr_{next(self._numbers)}"

    def generate_item_id(self, item_type: str, thread: ThreadMetadata, context: dict[str, str]) -> str:
        """A counted id."""
        return f"{item_type}_{next(self._numbers)}"


@function_tool
async def add_task(title: str) -> str:
    """Add a task."""
    await asyncio.sleep(0)
    return f"added {title}"


class ToolTasks(RunHooks[AgentContext[dict[str, str]]]):
    """Shows every tool call as a task of the workflow, as a durable runner does."""

    def __init__(self) -> None:
        self.started: list[int] = []

    async def on_tool_start(self, context: RunContextWrapper[Any], agent: Agent[Any], tool: Tool) -> None:
        """The task appears, running."""
        await context.context.add_workflow_task(CustomTask(title=tool.name, status_indicator="loading"))
        self.started.append(len(context.context.workflow_item.workflow.tasks) - 1)

    async def on_tool_end(self, context: RunContextWrapper[Any], agent: Agent[Any], tool: Tool, result: Any) -> None:
        """The task is done."""
        task = CustomTask(title=tool.name, status_indicator="complete", icon="check-circle-filled", content=str(result))
        await context.context.update_workflow_task(task, self.started.pop(0))


class AgentServer(ScriptedServer):
    """Answers with an agent of the agents SDK that calls the same tool three times at once, twice with equal words."""

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: dict[str, str]
    ) -> AsyncIterator[ThreadStreamEvent]:
        """One answer through the SDK's own bridge."""
        calls = [
            function_call("add_task", {"title": title}, item_id=f"fc_{number}", call_id=f"call_{number}")
            for number, title in enumerate(("milk", "milk", "eggs"))
        ]
        model = ScriptedModel([calls, [assistant_message("Three tasks were added.", item_id="msg_agent")]])
        agent = Agent[AgentContext[dict[str, str]]](name="helper", model=model, tools=[add_task])
        agent_context = AgentContext(thread=thread, store=self.store, request_context=context)
        result = Runner.run_streamed(
            agent, "go", context=agent_context, hooks=ToolTasks(), run_config=RunConfig(tracing_disabled=True)
        )
        async for event in stream_agent_response(agent_context, result):
            yield event


def _message(text: str) -> dict[str, Any]:
    return {"content": [{"type": "input_text", "text": text}], "attachments": [], "inference_options": {}}


async def _ask(server: ScriptedServer, request: dict[str, Any]) -> list[dict[str, Any]]:
    result = await server.process(json.dumps(request), {})
    assert isinstance(result, StreamingResult)
    return [json.loads(chunk.decode().removeprefix("data: ")) async for chunk in result]


async def _record(server: ScriptedServer, requests: list[dict[str, Any]]) -> dict[str, Any]:
    """The events of the requests, in order, and the thread as the server has it afterwards."""
    turns = []
    for request in requests:
        params = request["params"]
        if request["type"] != "threads.create":
            params["thread_id"] = next(iter(server.memory.threads))
        if params.get("item_id") == "last":
            params["item_id"] = server.memory.items[params["thread_id"]][-1].id
        if params.get("item_id") == "first":
            params["item_id"] = server.memory.items[params["thread_id"]][0].id
        turns.append(
            {"request": request["type"], "item_id": params.get("item_id"), "events": await _ask(server, request)}
        )
    thread_id = next(iter(server.memory.threads))
    thread = server.memory.threads[thread_id].model_dump(mode="json", exclude_none=True)
    items = [item.model_dump(mode="json", exclude_none=True) for item in server.memory.items[thread_id]]
    return {"turns": turns, "stored": {"thread": thread, "items": items}}


def _server(kind: type[ScriptedServer] = ScriptedServer) -> ScriptedServer:
    server = kind(CountingStore())
    server.word_delay_seconds = 0
    script.restart_numbers()
    return server


async def record() -> str:
    """All recordings, as the text of the file."""
    create = {"type": "threads.create"}
    recordings = {
        phrase: await _record(_server(), [{**create, "params": {"input": _message(phrase)}}]) for phrase in PHRASES
    }
    answers = {"status": "answered", "answers": {"drink": {"values": ["Tea"], "skipped": False}}}
    recordings["structured input"] = await _record(
        _server(),
        [
            {**create, "params": {"input": _message("ask")}},
            {"type": "threads.add_structured_input", "params": {"item_id": "last", "input": answers}},
        ],
    )
    recordings["client tool"] = await _record(
        _server(),
        [
            {**create, "params": {"input": _message("client tool")}},
            {"type": "threads.add_client_tool_output", "params": {"result": {"time": "noon"}}},
        ],
    )
    recordings["retry"] = await _record(
        _server(),
        [
            {**create, "params": {"input": _message("say one")}},
            {"type": "threads.add_user_message", "params": {"input": _message("say two")}},
            {"type": "threads.retry_after_item", "params": {"item_id": "first"}},
        ],
    )
    recordings[RECORDED_AGENT] = await _record(_server(AgentServer), [{**create, "params": {"input": _message("go")}}])
    text = json.dumps(recordings, indent=1, ensure_ascii=False)
    return re.sub(r'("created_at": )"[^"]+"', rf'\1"{FIXED_TIME}"', text) + "\n"


def widget_properties() -> str:
    """JSON: the names of the properties of each component that the SDK has a class for."""
    classes = [value for value in vars(widgets).values() if isinstance(value, type)]
    components = [
        value
        for value in classes
        if issubclass(value, widgets.WidgetComponentBase) and value.__module__ == widgets.__name__
    ]
    found = {value.model_fields["type"].default: sorted(value.model_fields) for value in components}
    named = {name: found[name] for name in sorted(name for name in found if isinstance(name, str))}
    return json.dumps(named, indent=1) + "\n"


if __name__ == "__main__":
    WIDGET_PROPERTIES.write_text(widget_properties(), encoding="utf-8")
    TARGET.write_text(asyncio.run(record()), encoding="utf-8")
