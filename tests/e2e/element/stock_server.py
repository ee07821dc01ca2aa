"""Serves the element's test pages, a stock ChatKitServer at /chatkit, and its durable variant below /durable.

Run as `python -m tests.e2e.element.stock_server`; prints its port when it listens.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from chatkit.server import StreamingResult
from chatkit.store import NotFoundError
from chatkit.types import (
    AssistantMessageContent,
    AssistantMessageItem,
    InferenceOptions,
    ThreadItem,
    ThreadMetadata,
    UserMessageItem,
    UserMessageTextContent,
)
from pydantic import TypeAdapter
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from tests.e2e.element.durable import Durable, Faults
from tests.e2e.element.memory_store import MemoryStore
from tests.e2e.element.pages import page_routes, serve
from tests.e2e.element.pending import PENDING
from tests.e2e.element.scripted_server import ScriptedServer
from tests.e2e.element.uploads import Uploads

SSE = "text/event-stream"
THREAD_ITEM: TypeAdapter[ThreadItem] = TypeAdapter(ThreadItem)


class App:
    """The routes."""

    def __init__(self) -> None:
        self.uploads = Uploads(memory := MemoryStore())
        self.chatkit = ScriptedServer(memory, self.uploads)
        self.durable = Durable(self.chatkit)

    async def process(self, request: Request) -> Response:
        """The stock endpoint, as the SDK's own examples have it."""
        body = await request.body()
        self.chatkit.requests.append(json.loads(body))
        if statuses := self.durable.faults.fail_next:
            return JSONResponse({"detail": "scripted failure", "code": "scripted"}, statuses.pop(0))
        try:
            result = await self.chatkit.process(body, {"origin": str(request.base_url).rstrip("/")})
        except NotFoundError:
            return JSONResponse({"detail": "There is no such thread.", "code": "thread_unknown"}, 404)
        if isinstance(result, StreamingResult):
            return StreamingResponse(self.with_prepended(result), media_type=SSE)
        return Response(result.json, media_type="application/json")

    async def with_prepended(self, result: StreamingResult) -> AsyncIterator[bytes]:
        """What a test wants to be said first, then the answer."""
        faults = self.durable.faults
        prepended, faults.prepend = faults.prepend, ""
        if prepended:
            yield prepended.encode()
        async for chunk in result:
            yield chunk

    async def stock(self, request: Request) -> Response:
        """POST /chatkit."""
        return await self.process(request)

    async def durable_chatkit(self, request: Request) -> Response:
        """POST /durable/chatkit: streaming operations become runs."""
        faults = self.durable.faults
        if faults.post_statuses:
            return JSONResponse({"code": "away"}, faults.post_statuses.pop(0))
        body = await request.body()
        content = json.loads(body)
        streaming = {"threads.create", "threads.add_user_message", "threads.retry_after_item", "threads.custom_action"}
        if content["type"] not in streaming | {"threads.add_client_tool_output", "threads.add_structured_input"}:
            thread_id = content["params"].get("thread_id", "")
            run = self.durable.active_run(thread_id)
            position = run.first_sequence - 1 if run else len(self.durable.frames)
            response = await self.process(request)
            response.headers["Natter-Resume-From"] = str(position)
            if run:
                response.headers["Natter-Active-Run"] = run.run_id
            return response
        self.chatkit.requests.append(content)
        key = request.headers.get("Idempotency-Key", "")
        faults.keys.append(key)
        run = self.durable.start(body, key)
        return RedirectResponse(f"/durable/runs/{run.run_id}/stream?format=chatkit", 303)

    async def run_stream(self, request: Request) -> Response:
        """GET /durable/runs/{run_id}/stream."""
        run_id, after = request.path_params["run_id"], int(request.headers.get("Last-Event-ID", "0"))
        if self.durable.is_over(run_id, after):
            return Response(status_code=204)
        stream = self.durable.follow(run_id=run_id, thread_id=None, after=after)
        return StreamingResponse(stream, media_type=SSE)

    async def conversation_stream(self, request: Request) -> Response:
        """GET /durable/conversations/{thread_id}/stream."""
        faults = self.durable.faults
        faults.stream_requests.append(str(request.url.query))
        if faults.stream_statuses:
            return Response(status_code=faults.stream_statuses.pop(0))
        after = int(request.query_params.get("last_event_id", "0"))
        stream = self.durable.follow(run_id=None, thread_id=request.path_params["thread_id"], after=after)
        return StreamingResponse(stream, media_type=SSE)

    async def cancel(self, request: Request) -> Response:
        """POST /durable/runs/{run_id}/cancel."""
        self.durable.cancel(request.path_params["run_id"])
        return Response(status_code=202)

    async def search(self, request: Request) -> Response:
        """GET /durable/conversations?q=."""
        wanted = request.query_params["q"].lower()
        found = [t for t in self.chatkit.memory.threads.values() if wanted in (t.title or "").lower()]
        data = [{"id": t.id, "title": t.title, "created_at": t.created_at.isoformat()} for t in found]
        return JSONResponse({"data": data, "has_more": False, "after": None})

    async def control(self, request: Request) -> Response:
        """POST /control: faults and questions of the tests."""
        command = await request.json()
        faults = self.durable.faults
        match command["do"]:
            case "calm" | "break" as name:
                (self.calm if name == "calm" else self.break_streams)()
            case "prepend":
                faults.prepend = command["text"]
            case "silence":
                faults.is_silent = True
            case "uploads":
                self.uploads.statuses = command.get("statuses", [])
                self.uploads.delay_seconds = command.get("seconds", 0)
            case "stream_statuses" | "post_statuses" | "fail_next" as name:
                setattr(faults, name, command["values"])
            case "delay":
                self.chatkit.word_delay_seconds = command["seconds"]
            case "seed":
                arguments = (command["items"], command.get("title"), command.get("last"))
                return JSONResponse({"thread_id": await self.seed(*arguments)})
            case "threads":
                for number in range(command["count"]):
                    await self.seed(1, f"Thread {number}", None)
        return JSONResponse(self.state())

    def break_streams(self) -> None:
        """End every open stream, as a relay that restarts does."""
        self.durable.faults.generation += 1
        self.durable.faults.is_silent = False

    def calm(self) -> None:
        """No fault is left, and nothing that an earlier test did."""
        self.break_streams()
        self.durable.faults = Faults(generation=self.durable.faults.generation)
        self.chatkit.requests.clear()
        self.uploads.calm()

    def state(self) -> dict[str, Any]:
        """What was asked."""
        faults = self.durable.faults
        return {
            "requests": self.chatkit.requests,
            "stream_requests": faults.stream_requests,
            "cancels": faults.cancels,
            "keys": faults.keys,
        }

    async def seed(self, count: int, title: str | None, last: str | None) -> str:
        """A thread with `count` items, questions and answers in turn, and then the pending item of that name."""
        store = self.chatkit.memory
        thread_id = store.generate_thread_id({})
        start = datetime(2026, 1, 1, 12, 0)  # noqa: DTZ001 - the SDK's times are naive
        await store.save_thread(ThreadMetadata(id=thread_id, title=title, created_at=start), {})
        for number in range(count):
            base: dict[str, Any] = {
                "id": f"{thread_id}_{number:05d}",
                "thread_id": thread_id,
                "created_at": start + timedelta(minutes=number),
            }
            item = (
                UserMessageItem(
                    content=[UserMessageTextContent(text=f"Question {number}")],
                    inference_options=InferenceOptions(),
                    **base,
                )
                if number % 2 == 0
                else AssistantMessageItem(
                    content=[
                        AssistantMessageContent(text=f"Answer **{number}** with `code` and\n\n- a list\n- of two")
                    ],
                    **base,
                )
            )
            await store.add_thread_item(thread_id, item, {})
        if last is not None:
            base = {"id": f"{thread_id}_last", "thread_id": thread_id, "created_at": start + timedelta(days=1)}
            await store.add_thread_item(thread_id, THREAD_ITEM.validate_python({**base, **PENDING[last]}), {})
        return thread_id

    def routes(self) -> Starlette:
        """The whole application."""
        return Starlette(
            routes=[
                Route("/chatkit", self.stock, methods=["POST"]),
                Route("/durable/chatkit", self.durable_chatkit, methods=["POST"]),
                Route("/durable/runs/{run_id}/stream", self.run_stream),
                Route("/durable/runs/{run_id}/cancel", self.cancel, methods=["POST"]),
                Route("/durable/conversations/{thread_id}/stream", self.conversation_stream),
                Route("/durable/conversations", self.search),
                Route("/control", self.control, methods=["POST"]),
                *self.uploads.routes(),
                *page_routes(),
            ]
        )


if __name__ == "__main__":
    asyncio.run(serve(App().routes()))
