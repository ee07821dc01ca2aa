"""One origin for the page and for Natter without its web app; the model that Natter asks; and faults on the way.

Run as `python -m tests.e2e.element.natter_front`; prints its port when it listens. The web app's proxy.ts does the same
with a session; here a test says what a person's requests carry, and what goes wrong between browser and Natter.
"""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Mount, Route

from tests.e2e.element.pages import page_routes, serve
from tests.e2e.element.scripted_model import ScriptedModel
from tests.e2e.element.seeding import seed

STREAM = re.compile(r"/stream$")
CONVERSATION_STREAM = re.compile(r"/conversations/[^/]+/stream$")
UPLOAD = re.compile(r"/attachments/[^/]+/content$")
RUN_STREAM = re.compile(r"/runs/[^/]+/stream$")
FORWARDED = (
    "authorization",
    "content-type",
    "accept",
    "idempotency-key",
    "natter-edit",
    "natter-on-busy",
    "last-event-id",
)
RETURNED = ("content-type", "cache-control", "retry-after", "natter-active-run", "natter-resume-from")


@dataclass
class Faults:
    """What the tests make go wrong between the browser and Natter, and what was seen there."""

    fail_next: list[int] = field(default_factory=list)
    post_statuses: list[int] = field(default_factory=list)
    stream_statuses: list[int] = field(default_factory=list)
    upload_statuses: list[int] = field(default_factory=list)
    upload_seconds: float = 0
    prepend: str = ""
    is_silent: bool = False
    broken: asyncio.Event = field(default_factory=asyncio.Event)
    requests: list[dict[str, Any]] = field(default_factory=list)
    stream_requests: list[str] = field(default_factory=list)
    cancels: list[str] = field(default_factory=list)
    keys: list[str] = field(default_factory=list)

    def break_streams(self) -> None:
        """End every open stream, as a relay that restarts does."""
        self.broken.set()
        self.broken = asyncio.Event()
        self.is_silent = False

    def refusal(self, request: Request) -> Response | None:
        """What the browser gets instead of Natter's answer, if a test wants that."""
        path = request.url.path
        if UPLOAD.search(path) and request.method == "PUT" and self.upload_statuses:
            return JSONResponse({"detail": "The disk is full.", "code": "scripted"}, self.upload_statuses.pop(0))
        if CONVERSATION_STREAM.search(path) and self.stream_statuses:
            return Response(status_code=self.stream_statuses.pop(0))
        if path.endswith("/chatkit"):
            for statuses in (self.fail_next, self.post_statuses):
                if statuses:
                    return JSONResponse({"detail": "scripted failure", "code": "scripted"}, statuses.pop(0))
        return None

    def note(self, request: Request, body: bytes) -> None:
        """Remember what reaches Natter."""
        path = request.url.path
        if path.endswith("/chatkit"):
            self.requests.append(json.loads(body))
            if key := request.headers.get("idempotency-key"):
                self.keys.append(key)
        elif CONVERSATION_STREAM.search(path):
            self.stream_requests.append(request.url.query)
        elif path.endswith("/cancel"):
            self.cancels.append(path.split("/")[-2])


class Front:
    """Forwards /api/… to auth_edge, streams to stream_relay."""

    def __init__(self) -> None:
        self.edge_url = self.relay_url = self.database_url = ""
        self.tokens: dict[str, str] = {}
        self.faults = Faults()
        self.model = ScriptedModel()
        self.client = httpx.AsyncClient(timeout=httpx.Timeout(30, read=60), trust_env=False)

    async def forward(self, request: Request) -> Response:
        """Any call of the page."""
        body = await request.body()
        if UPLOAD.search(request.url.path) and request.method == "PUT":
            await asyncio.sleep(self.faults.upload_seconds)
        if refusal := self.faults.refusal(request):
            return refusal
        self.faults.note(request, body)
        base = self.relay_url if STREAM.search(request.url.path) else self.edge_url
        headers = {name: request.headers[name] for name in FORWARDED if name in request.headers}
        bearer = f"Bearer {self.tokens.get(request.path_params['user'], '')}"
        outgoing = self.client.build_request(
            request.method,
            f"{base}{request.url.path}",
            params=request.query_params,
            headers={"authorization": bearer, **headers},
            content=body,
        )
        try:
            answer = await self.client.send(outgoing, stream=True)
        except httpx.HTTPError:
            return Response(status_code=502)
        kept = {name: answer.headers[name] for name in RETURNED if name in answer.headers}
        if "location" in answer.headers:  # absolute without the web app: the page stays on its origin
            kept["location"] = str(httpx.URL(answer.headers["location"]).raw_path, "ascii")
        return StreamingResponse(self._body(request, answer), answer.status_code, kept)

    async def _body(self, request: Request, answer: httpx.Response) -> AsyncIterator[bytes]:
        is_stream = STREAM.search(request.url.path) is not None
        broken = asyncio.ensure_future(self.faults.broken.wait())
        chunks = answer.aiter_raw()
        waiting: set[asyncio.Future[Any]] = {broken}
        try:
            if RUN_STREAM.search(request.url.path) and self.faults.prepend:
                prepended, self.faults.prepend = self.faults.prepend, ""
                yield prepended.encode()
            while True:
                chunk = asyncio.ensure_future(anext(chunks, b""))
                waiting = {chunk, broken}
                await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
                if is_stream and self.faults.is_silent:
                    await broken
                if (is_stream and broken.done()) or not chunk.result():
                    return
                yield chunk.result()
        except httpx.HTTPError:
            return  # the relay died: the connection ends here, too
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)
            await answer.aclose()

    async def control(self, request: Request) -> Response:
        """POST /control: faults, seeds and questions of the tests."""
        command = await request.json()
        match command.pop("do"):
            case "attach":
                self.edge_url, self.relay_url = command["edge_url"], command["relay_url"]
                self.database_url = command["database_url"]
            case "token":
                self.tokens[command["user"]] = command["token"]
            case "calm" | "break" as name:
                self.faults.break_streams()
                self.faults = Faults() if name == "calm" else self.faults
            case "silence":
                self.faults.is_silent = True
            case "uploads":
                self.faults.upload_statuses = command.get("statuses", [])
                self.faults.upload_seconds = command.get("seconds", 0)
            case "stream_statuses" | "post_statuses" | "fail_next" as name:
                setattr(self.faults, name, command["values"])
            case "prepend":
                self.faults.prepend = command["text"]
            case "delay":
                self.model.word_delay_seconds = command["seconds"]
            case "seed" | "threads" as name:
                return JSONResponse(await self.seed(is_list=name == "threads", **command))
        return JSONResponse(self.state())

    def state(self) -> dict[str, Any]:
        """What was asked of Natter."""
        faults = self.faults
        return {
            "requests": faults.requests,
            "stream_requests": faults.stream_requests,
            "cancels": faults.cancels,
            "keys": faults.keys,
        }

    async def seed(
        self,
        user: str,
        *,
        is_list: bool,
        items: int = 1,
        title: str | None = None,
        last: str | None = None,
        count: int = 1,
    ) -> dict[str, str]:
        """One conversation of the user's, or many with one message each; the newest is the last one."""
        database = await asyncpg.connect(self.database_url)
        try:
            thread_id = ""
            for number in range(count):
                name = f"Thread {number}" if is_list else title
                thread_id = await seed(database, user, items, name, last, age_minutes=count - number - 1)
        finally:
            await database.close()
        return {"thread_id": thread_id}

    def routes(self) -> Starlette:
        """The whole application."""
        methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]
        return Starlette(
            routes=[
                Route("/api/{user}/{path:path}", self.forward, methods=methods),
                Route("/control", self.control, methods=["POST"]),
                Mount("/model", self.model.app),
                *page_routes(),
            ]
        )


if __name__ == "__main__":
    asyncio.run(serve(Front().routes()))
