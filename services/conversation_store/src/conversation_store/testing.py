"""For tests: a whole store on a real NATS and a real Postgres, and a client that asks it as the other services do."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from actor_kit.bus import Bus
from actor_kit.proof import RunProof, prove_run
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from contracts.commands import BeginTurn, ClaimRun, FinishRun, ItemToSave, UserMessage
from contracts.identity import Principal
from contracts.message import Json
from contracts.registry import REGISTRY, Rule
from contracts.replies import TurnBegun
from contracts.services import Service
from pydantic import JsonValue

from conversation_store.app import RunningStore, open_store
from conversation_store.database import Row
from conversation_store.driver import asyncpg
from conversation_store.settings import Settings

ALICE = Principal(user_id="alice")
BOB = Principal(user_id="bob * > .")


class SignedIn(Principal):
    """The principal of a token that was issued at a time of the test's choice."""

    issued_at: datetime


_USERS = {Service.AUTH_EDGE, Service.STREAM_RELAY}


def _accepts_user_proof(request: Any) -> bool:
    entry = next(entry for entry in REGISTRY if entry.message is request)
    return bool(entry.senders & _USERS) or entry.rule in (Rule.SERVICE, Rule.CLAIM)


def store_settings(nats_url: str, database_url: str, **changes: Any) -> Settings:
    """Settings of a store in a test: quick to look, small enough to share a machine."""
    quick = {
        "outbox_poll_seconds": 0.1,
        "outbox_removal_seconds": 0,
        "database_pool_size_max": 8,
        "erasure_purge_delay_seconds": 0.2,
    }
    return Settings.model_validate({"nats_url": nats_url, "database_url": database_url, **quick, **changes})


def user_message(text: str) -> UserMessage:
    return UserMessage(text=text, content=({"type": "input_text", "text": text},))


def assistant_item(message_id: str, text: str, **more: Any) -> ItemToSave:
    content: list[JsonValue] = [{"type": "output_text", "text": text, "annotations": []}]
    item: Json = {"type": "assistant_message", "id": message_id, "content": content}
    return ItemToSave(message_id=message_id, type="assistant_message", content=text, item=item, **more)


@dataclass
class Client:
    """Asks the store over the bus; ``database`` is Postgres itself, past every policy but the owner's."""

    bus: Bus
    store: RunningStore
    database: Any
    run_tokens: dict[Any, str] = field(default_factory=dict[Any, str])

    async def ask(self, request: Any, **more: Any) -> Any:
        """The reply to any request, proven as its sender proves it; raises what the store raises."""
        if "run_token" not in more and not _accepts_user_proof(type(request)):
            more["run_token"] = self.run_token_for(request)
        return await self.bus.request(request, **more)

    def run_token_for(self, request: Any) -> str:
        """The token of the attempt that a request names (made up if it is nobody's), or of its conversation's run."""
        user_id, run_id = request.principal.user_id, getattr(request, "run_id", None)
        if run_id is None:
            return self.run_tokens.get(request.conversation_id) or self.made_up(
                user_id, "run_1", 1, request.conversation_id
            )
        return self.run_tokens.get((user_id, run_id, request.epoch)) or self.made_up(user_id, run_id, request.epoch)

    def made_up(self, user_id: str, run_id: str, epoch: int, conversation_id: str = "conv_1") -> str:
        """A token that the store might have signed."""
        secret = self.store.actor.settings.proofs.run_token_secret
        return prove_run(secret, user_id, RunProof(run_id, conversation_id, epoch))

    async def begin(self, text: str = "hello", principal: Principal = ALICE, **more: Any) -> TurnBegun:
        turn_input = more.pop("input", None) or user_message(text)
        return await self.bus.request(BeginTurn(principal=principal, input=turn_input, **more))

    async def claim(self, run_id: str, runner_id: str = "runner_1", principal: Principal = ALICE, **more: Any) -> Any:
        values = {"lease_seconds": 30, **more}
        claim = ClaimRun(principal=principal, run_id=run_id, runner_id=runner_id, **values)
        claimed = await self.bus.request(claim)
        self.run_tokens[principal.user_id, run_id, claimed.epoch] = claimed.run_token
        self.run_tokens[claimed.run.conversation_id] = claimed.run_token
        return claimed

    async def finish(self, claimed: Any, text: str | None = None, principal: Principal = ALICE, **more: Any) -> Any:
        run_id = claimed.run.run_id
        items = () if text is None else (assistant_item(f"msg_of_{run_id}", text),)
        values: dict[str, Any] = {"status": "completed", "items": items, **more}
        return await self.ask(FinishRun(principal=principal, run_id=run_id, epoch=claimed.epoch, **values))

    async def answer(self, text: str = "hello", answer: str = "hi", **more: Any) -> TurnBegun:
        """A whole turn."""
        turn = await self.begin(text, **more)
        principal = more.get("principal", ALICE)
        claimed = await self.claim(turn.run_id, principal=principal)
        said: list[Json] = [{"type": "message", "role": "assistant", "id": f"msg_of_{turn.run_id}", "content": answer}]
        await self.finish(claimed, answer, principal=principal, session_items=tuple(said))
        return turn

    async def rows(self, sql: str, *arguments: Any) -> list[Row]:
        """Rows as the system sees them."""
        async with self.database.transaction():
            await self.database.execute("select set_config('app.system', 'on', true)")
            return await self.database.fetch(sql, *arguments)

    async def execute(self, sql: str, *arguments: Any) -> None:
        async with self.database.transaction():
            await self.database.execute("select set_config('app.system', 'on', true)")
            await self.database.execute(sql, *arguments)

    async def deltas(self, subject: str = "delta.>") -> list[Any]:
        """The payloads that DELTAS holds for a subject, oldest first."""
        messages, _ = await self.bus.direct_get("DELTAS", subject)
        return [json.loads(message.payload) for message in messages]


async def everything_published(client: Client) -> None:
    """Return when the outbox is empty."""
    async with asyncio.timeout(10):
        while await client.rows("select 1 from chat.outbox limit 1"):
            await asyncio.sleep(0.01)


@asynccontextmanager
async def running_client(settings: Settings, database_url: str) -> AsyncGenerator[Client]:
    async with AsyncExitStack() as stack:
        client_settings = ServiceSettings.model_validate({"nats_url": settings.nats_url})
        bus = await stack.enter_async_context(Bus.open(client_settings, service=Service.OPERATOR))
        await provision(bus)
        store = await stack.enter_async_context(open_store(settings))
        database: Any = await asyncpg.connect(database_url)
        stack.push_async_callback(database.close)
        yield Client(bus, store, database)
