"""The stock ChatKit server of openai-chatkit, with an in-memory store and the demo model, to compare with."""

import json
from collections.abc import AsyncIterator
from typing import Any

from agent_runner.demo.model import DemoModel
from agents import Agent, RunConfig, Runner
from chatkit.agents import AgentContext, simple_to_agent_input, stream_agent_response
from chatkit.server import ChatKitServer, NonStreamingResult, StreamingResult
from chatkit.store import NotFoundError, Store
from chatkit.types import (
    Attachment,
    Page,
    ThreadItem,
    ThreadMetadata,
    ThreadStreamEvent,
    UserMessageItem,
)
from natter_todo.demo.planner import plan

Context = dict[str, Any]


class MemoryStore(Store[Context]):
    """Threads and items in two dictionaries, which keep the order of insertion."""

    def __init__(self) -> None:
        self.threads: dict[str, ThreadMetadata] = {}
        self.items: dict[str, dict[str, ThreadItem]] = {}

    async def load_thread(self, thread_id: str, context: Context) -> ThreadMetadata:
        if thread_id not in self.threads:
            raise NotFoundError(thread_id)
        return self.threads[thread_id]

    async def save_thread(self, thread: ThreadMetadata, context: Context) -> None:
        # A Thread may come with its items; what is stored is the thread alone.
        self.threads[thread.id] = ThreadMetadata(
            **{name: getattr(thread, name) for name in ThreadMetadata.model_fields}
        )

    async def load_threads(self, limit: int, after: str | None, order: str, context: Context) -> Page[ThreadMetadata]:
        return _page(list(self.threads.values()), limit, after, order)

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: Context
    ) -> Page[ThreadItem]:
        return _page(list(self.items.get(thread_id, {}).values()), limit, after, order)

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: Context) -> None:
        self.items.setdefault(thread_id, {})[item.id] = item

    async def save_item(self, thread_id: str, item: ThreadItem, context: Context) -> None:
        self.items[thread_id][item.id] = item

    async def load_item(self, thread_id: str, item_id: str, context: Context) -> ThreadItem:
        return self.items[thread_id][item_id]

    async def delete_thread(self, thread_id: str, context: Context) -> None:
        self.threads.pop(thread_id)
        self.items.pop(thread_id, None)

    async def delete_thread_item(self, thread_id: str, item_id: str, context: Context) -> None:
        self.items[thread_id].pop(item_id)

    async def save_attachment(self, attachment: Attachment, context: Context) -> None:
        raise NotFoundError(attachment.id)

    async def load_attachment(self, attachment_id: str, context: Context) -> Attachment:
        raise NotFoundError(attachment_id)

    async def delete_attachment(self, attachment_id: str, context: Context) -> None:
        raise NotFoundError(attachment_id)


def _page(entries: list[Any], limit: int, after: str | None, order: str) -> Page[Any]:
    ordered = entries if order == "asc" else entries[::-1]
    start = next((n + 1 for n, entry in enumerate(ordered) if entry.id == after), 0)
    data = ordered[start : start + limit]
    has_more = len(ordered) > start + limit
    return Page(data=data, has_more=has_more, after=data[-1].id if has_more else None)


class StockServer(ChatKitServer[Context]):
    """Answers with the demo model, as the documentation of openai-chatkit shows it."""

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: Context
    ) -> AsyncIterator[ThreadStreamEvent]:
        agent = Agent[Any](name="stock", model=DemoModel(0.0, plan))
        agent_context = AgentContext(thread=thread, store=self.store, request_context=context)
        items = (await self.store.load_thread_items(thread.id, None, 20, "asc", context)).data
        result = Runner.run_streamed(
            agent,
            await simple_to_agent_input(items),
            context=agent_context,
            run_config=RunConfig(tracing_disabled=True),
        )
        async for event in stream_agent_response(agent_context, result):
            yield event

    async def ask(self, operation: str, params: dict[str, Any]) -> dict[str, Any]:
        """The JSON of an operation that does not stream."""
        result = await self.process(_request(operation, params), {})
        assert isinstance(result, NonStreamingResult)
        return json.loads(result.json)

    async def stream(self, operation: str, params: dict[str, Any]) -> list[dict[str, Any]]:
        """The events of an operation that streams."""
        result = await self.process(_request(operation, params), {})
        assert isinstance(result, StreamingResult)
        return [json.loads(frame.removeprefix(b"data: ")) async for frame in result]


def _request(operation: str, params: dict[str, Any]) -> bytes:
    return json.dumps({"type": operation, "params": params}).encode()
