"""The same request to openai-chatkit's own server and to a run: the same events, in the same order and shape."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from agent_runner.demo import DemoModel
from agents import Agent, RunConfig, Runner
from chatkit.agents import AgentContext, simple_to_agent_input, stream_agent_response
from chatkit.server import ChatKitServer, StreamingResult
from chatkit.store import NotFoundError, Store
from chatkit.types import Page, ThreadStreamEvent
from natter_todo.demo.planner import plan
from pydantic import TypeAdapter

from tests.runner_stack import RunnerStack

pytestmark = pytest.mark.asyncio(loop_scope="module")

REQUEST = "count to 3"
EVENTS: TypeAdapter[Any] = TypeAdapter(ThreadStreamEvent)


class MemoryStore(Store[None]):
    """What the stock server asks for, in a dictionary."""

    def __init__(self) -> None:
        self.threads: dict[str, Any] = {}
        self.items: dict[str, Any] = {}

    async def load_thread(self, thread_id: str, context: Any) -> Any:
        return self.threads[thread_id]

    async def save_thread(self, thread: Any, context: Any) -> None:
        self.threads[thread.id] = thread

    async def load_thread_items(self, thread_id: str, after: Any, limit: int, order: str, context: Any) -> Page[Any]:
        return Page(data=list(self.items.values()))

    async def add_thread_item(self, thread_id: str, item: Any, context: Any) -> None:
        self.items[item.id] = item

    async def save_item(self, thread_id: str, item: Any, context: Any) -> None:
        self.items[item.id] = item

    async def load_item(self, thread_id: str, item_id: str, context: Any) -> Any:
        return self.items[item_id]

    async def load_threads(self, limit: int, after: Any, order: str, context: Any) -> Page[Any]:
        return Page(data=list(self.threads.values()))

    async def delete_thread(self, thread_id: str, context: Any) -> None:
        del self.threads[thread_id]

    async def delete_thread_item(self, thread_id: str, item_id: str, context: Any) -> None:
        del self.items[item_id]

    async def save_attachment(self, attachment: Any, context: Any) -> None: ...

    async def load_attachment(self, attachment_id: str, context: Any) -> Any:
        raise NotFoundError(attachment_id)

    async def delete_attachment(self, attachment_id: str, context: Any) -> None: ...


class StockServer(ChatKitServer[None]):
    async def respond(self, thread: Any, input_user_message: Any, context: Any) -> AsyncIterator[Any]:
        agent = Agent[Any](name="Natter", model=DemoModel(0, plan))
        items = await simple_to_agent_input(input_user_message)
        own = AgentContext(thread=thread, store=self.store, request_context=context)
        result = Runner.run_streamed(agent, items, context=own, run_config=RunConfig(tracing_disabled=True))
        async for event in stream_agent_response(own, result):
            yield event


async def stock_events() -> list[dict[str, Any]]:
    content = [{"type": "input_text", "text": REQUEST}]
    message = {"content": content, "attachments": [], "inference_options": {}}
    request = {"type": "threads.create", "params": {"input": message}}
    result = await StockServer(MemoryStore()).process(TypeAdapter(dict).dump_json(request), None)
    assert isinstance(result, StreamingResult)
    return [TypeAdapter(dict).validate_json(chunk.removeprefix(b"data: ")) async for chunk in result]


def shape(value: Any) -> Any:
    """A value without what differs by nature: ids, times, and the model's words."""
    if isinstance(value, dict):
        return {key: shape(item) for key, item in value.items() if key not in ("expanded", "metadata")}
    if isinstance(value, list):
        return [shape(item) for item in value]
    return type(value).__name__


def named(event: dict[str, Any]) -> tuple[str, str]:
    item = event.get("item", {}).get("type", "")
    return event.get("update", event)["type"], item


async def test_a_run_tells_what_the_stock_server_tells(stack: RunnerStack) -> None:
    stock = await stock_events()
    _, seen = await stack.ask("differential", REQUEST)
    ours = [event for event in seen.events if event["type"] != "thread.updated"]  # the title, which is our own doing
    deltas = ("assistant_message.content_part.text_delta", "")

    def order(events: list[dict[str, Any]]) -> list[tuple[str, str]]:
        """Consecutive deltas as one: how many there are is the publisher's choice."""
        names = [named(event) for event in events]
        return [name for at, name in enumerate(names) if name != deltas or at == 0 or names[at - 1] != deltas]

    assert order(ours) == order(stock)
    for event in ours:
        EVENTS.validate_python(event)
    for name in {named(event) for event in stock} - {("thread.created", "")}:
        first = [next(shape(event) for event in events if named(event) == name) for events in (ours, stock)]
        assert first[0] == first[1], name
