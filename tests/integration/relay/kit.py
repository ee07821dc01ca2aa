"""For tests of the relay: a relay, who publishes what it relays, a store that answers, and a viewer like a browser."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from actor_kit.actor import Actor, Handlers
from actor_kit.bus import Bus
from actor_kit.bus.admin import StreamAdmin
from actor_kit.provision import provision, stream_config
from actor_kit.requests import RequestServer
from actor_kit.settings import ServiceSettings
from contracts.errors import Code, TerminalError
from contracts.events import EPOCH_HEADER, EVENT_HEADER, ChatKitDelta, RunEvent
from contracts.ids import new_conversation_id, new_run_id
from contracts.queries import CheckAccess, GetConversation, GetRun, ListItems
from contracts.registry import requests_to
from contracts.replies import (
    ConversationReply,
    ConversationView,
    Done,
    ItemPage,
    ItemView,
    RunReply,
    RunView,
)
from contracts.services import Service
from contracts.streams import DELTAS
from contracts.subjects import subject_of
from identity.local_issuer import LocalIssuer
from natter.servers.ports import free_port
from stream_relay.app import serve
from stream_relay.settings import Settings

WAIT_SECONDS_MAX = 30.0
"""Patience with a machine that does other things as well; no test waits this long for what is right."""


# --- the publishers: what the store and a runner put on DELTAS ----------------------------------------------


@dataclass
class Run:
    """One run as its publishers see it. Text is published word by word, as the demo model does."""

    bus: Bus
    user_id: str = "alice"
    conversation_id: str = field(default_factory=new_conversation_id)
    run_id: str = field(default_factory=new_run_id)
    epoch: int = 1
    item_id: str = "msg_answer"
    text: str = ""
    sequences: list[int] = field(default_factory=list)

    @property
    def subject(self) -> str:
        return subject_of(ChatKitDelta, user_id=self.user_id, conversation_id=self.conversation_id, run_id=self.run_id)

    async def put(self, payload: bytes, headers: dict[str, str] | None = None) -> int:
        ack = await self.bus.publish_stored(self.subject, payload, headers)
        self.sequences.append(ack.sequence)
        return ack.sequence

    async def event(self, event: dict[str, Any], *, epoch: int | None = None) -> int:
        """A ChatKit event of the runner's."""
        return await self.put(json.dumps(event).encode(), {EPOCH_HEADER: str(epoch or self.epoch)})

    async def control(
        self, kind: str, *, by_store: bool = False, code: str | None = None, wait: int | None = None
    ) -> int:
        frame = RunEvent.model_validate(
            {
                "type": kind,
                "run_id": self.run_id,
                "conversation_id": self.conversation_id,
                "epoch": self.epoch,
                "code": code,
                "wait": wait,
            }
        )
        headers = {EVENT_HEADER: "run"} | ({} if by_store else {EPOCH_HEADER: str(self.epoch)})
        return await self.put(frame.encode(), headers)

    async def begin(self) -> None:
        """What the store publishes at the beginning of a turn, and the runner's first words."""
        item = {"id": "msg_user", "type": "user_message", "thread_id": self.conversation_id, "content": []}
        await self.put(json.dumps({"type": "thread.item.done", "item": item}).encode())
        await self.control("run.started")
        await self.event({"type": "thread.item.added", "item": self._item("")})

    async def say(self, text: str) -> int:
        self.text += text
        update = {"type": "assistant_message.content_part.text_delta", "content_index": 0, "delta": text}
        return await self.event({"type": "thread.item.updated", "item_id": self.item_id, "update": update})

    async def count(self, first: int, last: int) -> None:
        for number in range(first, last + 1):
            await self.say(f"{number} ")

    async def end(self, kind: str = "run.completed", code: str | None = None) -> int:
        await self.event({"type": "thread.item.done", "item": self._item(self.text[:1000])})
        return await self.control(kind, by_store=True, code=code)

    def _item(self, text: str) -> dict[str, Any]:
        content = [{"type": "output_text", "text": text, "annotations": []}]
        return {"id": self.item_id, "type": "assistant_message", "thread_id": self.conversation_id, "content": content}


async def make_streams(bus: Bus, **changes: Any) -> None:
    """Create all streams; ``changes`` are fields of DELTAS' description (a shorter age)."""
    if changes:
        admin = StreamAdmin(bus.client)
        config = stream_config(replace(DELTAS, **changes), replicas=1)
        await admin.create_stream(config | {"first_seq": int(datetime.now(UTC).timestamp() * 1e6)})
    await provision(bus)


# --- the store ----------------------------------------------------------------------------------------------


@dataclass
class Books:
    """What a store knows, for the queries that the relay may ask; answers come over the real bus."""

    owner_of: dict[str, str] = field(default_factory=dict)
    runs: dict[str, RunView] = field(default_factory=dict)
    items: dict[str, list[ItemView]] = field(default_factory=dict)
    resume_from: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    page_limit: int = 100
    revoked: set[str] = field(default_factory=set)
    before_run: Callable[[], Awaitable[None]] | None = None
    """What happens while the store is asked for a run."""

    def add_run(self, run: Run, status: str = "running", *, finished_at: datetime | None = None) -> None:
        finished = status in ("completed", "failed", "cancelled")
        self.owner_of[run.run_id] = self.owner_of[run.conversation_id] = run.user_id
        self.runs[run.run_id] = RunView.model_validate(
            {
                "run_id": run.run_id,
                "conversation_id": run.conversation_id,
                "status": status,
                "epoch": run.epoch,
                "created_at": datetime.now(UTC),
                "finished_at": finished_at or (datetime.now(UTC) if finished else None),
            }
        )

    def add_item(self, run: Run, message_id: str, text: str, role: str = "assistant") -> None:
        kind = f"{role}_message"
        item = {"id": message_id, "type": kind, "thread_id": run.conversation_id, "content": [{"text": text}]}
        items = self.items.setdefault(run.conversation_id, [])
        items.append(
            ItemView.model_validate(
                {
                    "message_id": message_id,
                    "conversation_id": run.conversation_id,
                    "run_id": run.run_id,
                    "role": role,
                    "type": kind,
                    "content": text,
                    "item": item,
                    "position": len(items),
                    "created_at": datetime.now(UTC),
                }
            )
        )


@dataclass(frozen=True)
class StoreOfTests(Actor):
    """Answers the relay's queries as conversation_store's contract says, from `Books`."""

    books: Books

    @property
    def handlers(self) -> Handlers:
        own = {
            CheckAccess: self.on_check_access,
            GetRun: self.on_get_run,
            GetConversation: self.on_get_conversation,
            ListItems: self.on_list_items,
        }
        return {message: own.get(message, self._on_other) for message in requests_to(Service.CONVERSATION_STORE)}

    async def on_check_access(self, query: CheckAccess, _delivery: object) -> Done:
        if query.principal.user_id in self.books.revoked:
            raise TerminalError(Code.TOKEN_REVOKED, "This token was revoked: sign in again.")
        return Done()

    async def on_get_run(self, query: GetRun, _delivery: object) -> RunReply:
        self.books.asked.append("GetRun")
        if self.books.before_run is not None:
            await self.books.before_run()
        self._own(query.principal.user_id, query.run_id, "run")
        return RunReply(run=self.books.runs[query.run_id])

    async def on_get_conversation(self, query: GetConversation, _delivery: object) -> ConversationReply:
        self.books.asked.append("GetConversation")
        self._own(query.principal.user_id, query.conversation_id, "conversation")
        now = datetime.now(UTC)
        view = ConversationView(conversation_id=query.conversation_id, created_at=now, updated_at=now)
        return ConversationReply(conversation=view, resume_from=self.books.resume_from.get(query.conversation_id, 0))

    async def on_list_items(self, query: ListItems, _delivery: object) -> ItemPage:
        self.books.asked.append("ListItems")
        self._own(query.principal.user_id, query.conversation_id, "conversation")
        items = [
            item
            for item in self.books.items.get(query.conversation_id, [])
            if query.run_id in (None, item.run_id) and (query.after is None or item.message_id > query.after)
        ]
        page = tuple(items[: self.books.page_limit])
        return ItemPage(
            data=page,
            has_more=len(items) > len(page),
            after=page[-1].message_id if len(items) > len(page) else None,
            resume_from=self.books.resume_from.get(query.conversation_id, 0),
        )

    async def _on_other(self, message: object, _delivery: object) -> None:
        raise TerminalError(Code.FORBIDDEN, f"The relay may not ask for {type(message).__name__}.")

    def _own(self, user_id: str, known: str, what: str) -> None:
        if known not in self.books.owner_of:
            raise TerminalError.not_found(what)
        if self.books.owner_of[known] != user_id:
            raise TerminalError.forbidden(what)


@asynccontextmanager
async def store_of_tests(nats_url: str, books: Books) -> AsyncIterator[Books]:
    async with (
        Bus.open(ServiceSettings(nats_url=nats_url), service=Service.CONVERSATION_STORE) as bus,
        RequestServer(bus, StoreOfTests(books), service=Service.CONVERSATION_STORE),
    ):
        yield books


# --- the relay ----------------------------------------------------------------------------------------------

CHAT_TOKEN_SECRET = "the secret of chat tokens in tests, 32 bytes"  # of these tests alone


@dataclass
class RunningRelay:
    """A relay in this process, on a port of its own."""

    url: str
    issuer: LocalIssuer
    stop: asyncio.Event

    def headers(self, user_id: str = "alice", **claims: Any) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.issuer.mint(user_id, **claims)}"}


def relay_settings(nats_url: str, issuer: LocalIssuer, port: int, **changes: Any) -> Settings:
    values = {
        "nats_url": nats_url,
        "http_port": port,
        "jwt_jwks_url": issuer.jwks_url,
        "chat_token_secret": CHAT_TOKEN_SECRET,
        "drain_timeout_seconds": 3,
        **changes,
    }
    return Settings.model_validate(values)


@asynccontextmanager
async def relay_of(nats_url: str, folder: Path, *, port: int = 0, **changes: Any) -> AsyncIterator[RunningRelay]:
    """Serve as `python -m stream_relay` does, in this process."""
    issuer = LocalIssuer.open(folder)
    port = port or free_port()
    stop = asyncio.Event()
    serving = asyncio.create_task(serve(relay_settings(nats_url, issuer, port, **changes), stop))
    relay = RunningRelay(f"http://127.0.0.1:{port}", issuer, stop)
    try:
        await until_ready(relay.url, serving)
        yield relay
    finally:
        stop.set()
        await asyncio.wait_for(serving, WAIT_SECONDS_MAX)


async def until_ready(url: str, serving: "asyncio.Task[None] | None" = None) -> None:
    async with httpx.AsyncClient(timeout=1) as client:
        for _ in range(500):
            if serving is not None and serving.done():
                serving.result()
            try:
                if (await client.get(f"{url}/readyz")).status_code == 200:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.02)
    raise TimeoutError(f"{url} is not ready")


# --- the viewer: an EventSource -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Event:
    """A dispatched event (WHATWG HTML, 9.2): ``name`` is "message" without an event field."""

    name: str
    data: Any
    last_event_id: str


class EventStream:
    """Parses a response as a browser does, and keeps what an EventSource keeps."""

    def __init__(self, response: httpx.Response, last_event_id: str = "") -> None:
        self.response = response
        self.last_event_id = last_event_id
        self.retry: int | None = None
        self.comments = 0

    async def __aiter__(self) -> AsyncIterator[Event]:
        name, data = "", list[str]()
        async for line in self.response.aiter_lines():
            field_name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if line == "":
                if data:
                    yield Event(name or "message", json.loads("\n".join(data)), self.last_event_id)
                name, data = "", []
            elif field_name == "":
                self.comments += 1
            elif field_name == "data":
                data.append(value)
            elif field_name == "event":
                name = value
            elif field_name == "id":
                self.last_event_id = value
            elif field_name == "retry":
                self.retry = int(value)

    async def all(self, *, seconds_max: float = WAIT_SECONDS_MAX) -> list[Event]:
        """Every event until the response ends."""
        async with asyncio.timeout(seconds_max):
            return [event async for event in self]


@asynccontextmanager
async def connect(
    relay: RunningRelay, path: str, *, user_id: str = "alice", last_event_id: str = "", **headers: str
) -> AsyncIterator[EventStream]:
    """Open a stream. A refusal is in `response.status_code`."""
    fields = {**relay.headers(user_id), **headers}
    if last_event_id:
        fields["Last-Event-ID"] = last_event_id
    async with (
        httpx.AsyncClient(timeout=WAIT_SECONDS_MAX) as client,
        client.stream("GET", f"{relay.url}{path}", headers=fields) as response,
    ):
        yield EventStream(response, last_event_id)


def run_path(run: Run, query: str = "") -> str:
    return f"/api/{run.user_id}/runs/{run.run_id}/stream{query}"


def text_of(events: list[Event]) -> str:
    """The concatenated text deltas, as a browser shows them."""
    return "".join(
        event.data["update"]["delta"]
        for event in events
        if event.name == "message" and event.data.get("update", {}).get("type", "").endswith("text_delta")
    )


def names_of(events: list[Event]) -> list[str]:
    """What happened, in words: ChatKit types, and control frames by their own type."""
    return [event.data["type"] if event.name in ("message", "run", "task") else event.name for event in events]
