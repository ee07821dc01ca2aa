"""The baseline: openai-chatkit's own server over FastAPI, with a Postgres store, the same model and the same agent SDK.

Started by `bench.runner` with DATABASE_URL and PORT; it is what its documentation shows, with the id generators that
it recommends to override.
"""
# ruff: noqa: ARG002 - the signatures are chatkit's

import asyncio
import os
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import uvicorn
import uvloop
from agent_runner.demo import DemoModel
from agents import Agent, RunConfig, Runner, set_tracing_disabled
from chatkit.agents import AgentContext, simple_to_agent_input, stream_agent_response
from chatkit.server import ChatKitServer, StreamingResult
from chatkit.store import NotFoundError, Store
from chatkit.types import Page, ThreadItem, ThreadMetadata, ThreadStreamEvent, UserMessageItem
from fastapi import FastAPI, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import TypeAdapter

HISTORY_ITEMS_MAX = 15
ITEMS: TypeAdapter[Any] = TypeAdapter(ThreadItem)
TABLES = """
create table if not exists stock_thread (id text primary key, data jsonb not null, at timestamptz default now());
create table if not exists stock_item (id text primary key, thread_id text not null, data jsonb not null,
    position bigserial);
create index if not exists stock_item_of_thread on stock_item (thread_id, position);
"""


class PostgresStore(Store[dict[str, Any]]):
    """Threads and items as JSON, one statement for each call."""

    def __init__(self, pool: Any) -> None:
        self._pool = pool

    def generate_thread_id(self, context: dict[str, Any]) -> str:
        return f"thr_{uuid.uuid4().hex}"

    def generate_item_id(self, item_type: Any, thread: ThreadMetadata, context: dict[str, Any]) -> str:
        return f"{item_type}_{uuid.uuid4().hex}"

    async def load_thread(self, thread_id: str, context: dict[str, Any]) -> ThreadMetadata:
        data = await self._pool.fetchval("select data from stock_thread where id = $1", thread_id)
        if data is None:
            raise NotFoundError(thread_id)
        return ThreadMetadata.model_validate_json(data)

    async def save_thread(self, thread: ThreadMetadata, context: dict[str, Any]) -> None:
        await self._pool.execute(
            "insert into stock_thread (id, data) values ($1, $2) on conflict (id) do update set data = excluded.data",
            thread.id,
            thread.model_dump_json(include=set(ThreadMetadata.model_fields)),
        )

    async def load_thread_items(
        self, thread_id: str, after: str | None, limit: int, order: str, context: dict[str, Any]
    ) -> Page[ThreadItem]:
        direction = "desc" if order == "desc" else "asc"
        rows = await self._pool.fetch(
            f"select data from stock_item where thread_id = $1 order by position {direction} limit $2", thread_id, limit
        )
        return Page(data=[ITEMS.validate_json(row["data"]) for row in rows])

    async def add_thread_item(self, thread_id: str, item: ThreadItem, context: dict[str, Any]) -> None:
        await self.save_item(thread_id, item, context)

    async def save_item(self, thread_id: str, item: ThreadItem, context: dict[str, Any]) -> None:
        await self._pool.execute(
            "insert into stock_item (id, thread_id, data) values ($1, $2, $3)"
            " on conflict (id) do update set data = excluded.data",
            item.id,
            thread_id,
            item.model_dump_json(),
        )

    async def load_item(self, thread_id: str, item_id: str, context: dict[str, Any]) -> ThreadItem:
        return ITEMS.validate_json(await self._pool.fetchval("select data from stock_item where id = $1", item_id))

    async def load_threads(
        self, limit: int, after: str | None, order: str, context: dict[str, Any]
    ) -> Page[ThreadMetadata]:
        rows = await self._pool.fetch("select data from stock_thread order by at desc limit $1", limit)
        return Page(data=[ThreadMetadata.model_validate_json(row["data"]) for row in rows])

    async def delete_thread(self, thread_id: str, context: dict[str, Any]) -> None:
        await self._pool.execute("delete from stock_thread where id = $1", thread_id)

    async def delete_thread_item(self, thread_id: str, item_id: str, context: dict[str, Any]) -> None:
        await self._pool.execute("delete from stock_item where id = $1", item_id)

    async def save_attachment(self, attachment: Any, context: dict[str, Any]) -> None:
        """No attachments are sent."""

    async def load_attachment(self, attachment_id: str, context: dict[str, Any]) -> Any:
        raise NotFoundError(attachment_id)

    async def delete_attachment(self, attachment_id: str, context: dict[str, Any]) -> None:
        """There are none."""


class StockServer(ChatKitServer[dict[str, Any]]):
    """Answers with the demo model."""

    def __init__(self, store: PostgresStore, word_delay_seconds: float) -> None:
        super().__init__(store)
        self._agent = Agent[Any](name="Natter", model=DemoModel(word_delay_seconds), instructions="Be brief.")

    async def respond(
        self, thread: ThreadMetadata, input_user_message: UserMessageItem | None, context: dict[str, Any]
    ) -> AsyncIterator[ThreadStreamEvent]:
        agent_context = AgentContext(thread=thread, store=self.store, request_context=context)
        items = await self.store.load_thread_items(thread.id, None, HISTORY_ITEMS_MAX, "desc", context)
        agent_input = await simple_to_agent_input(list(reversed(items.data)))
        result = Runner.run_streamed(
            self._agent, agent_input, context=agent_context, run_config=RunConfig(tracing_disabled=True)
        )
        async for event in stream_agent_response(agent_context, result):
            yield event


async def main() -> None:
    set_tracing_disabled(True)
    pool = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=2, max_size=10)
    await pool.execute(TABLES)
    delay = float(os.environ.get("AGENT_RUNNER_DEMO_WORD_DELAY_MS", "0")) / 1000
    server = StockServer(PostgresStore(pool), delay)
    app = FastAPI()

    @app.get("/readyz")
    async def readyz() -> dict[str, str]:
        return {"now": datetime.now(UTC).isoformat()}

    @app.post("/chatkit")
    async def chatkit(request: Request) -> Response:
        result = await server.process(await request.body(), {})
        if isinstance(result, StreamingResult):
            return StreamingResponse(result, media_type="text/event-stream")
        return Response(result.json, media_type="application/json")

    config = uvicorn.Config(app, port=int(os.environ["PORT"]), log_level="warning", access_log=False)
    await uvicorn.Server(config).serve()
    await asyncio.wait_for(pool.close(), 5)


if __name__ == "__main__":
    uvloop.run(main())
