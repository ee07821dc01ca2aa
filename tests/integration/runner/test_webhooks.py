"""Ends of runs are told to a receiver that is a real HTTP server: signed, again until it is taken, and never inside."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from actor_kit.dead_letters import read_letters, replay
from contracts.commands import CreateWebhook, RetryDelivery
from contracts.events import DeadLetter
from contracts.identity import Principal
from contracts.queries import ListDeliveries, ListWebhooks
from standardwebhooks.webhooks import Webhook

from tests.runner_stack import RunnerStack, runner_stack

SECONDS_MAX = 20.0


@dataclass
class Receiver:
    """Answers with the statuses it is given, then with 204; keeps what came."""

    statuses: list[int] = field(default_factory=list[int])
    came: "asyncio.Queue[tuple[dict[str, str], str]]" = field(default_factory=asyncio.Queue)
    port: int = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in head[1:] if line)}
        body = (await reader.readexactly(int(headers["content-length"]))).decode()
        status = self.statuses.pop(0) if self.statuses else 204
        writer.write(f"HTTP/1.1 {status} Said\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode())
        await writer.drain()
        writer.close()
        self.came.put_nowait((headers, body))

    async def next(self) -> tuple[dict[str, str], str]:
        return await asyncio.wait_for(self.came.get(), SECONDS_MAX)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    made = Receiver()
    async with await asyncio.start_server(made.answer, "127.0.0.1", 0) as server:
        made.port = server.sockets[0].getsockname()[1]
        yield made


async def _dead_letter(stack: RunnerStack) -> DeadLetter:
    async with asyncio.timeout(SECONDS_MAX):
        while not (letters := (await read_letters(stack.bus)).stored):
            await asyncio.sleep(0.1)
    return letters[0].letter


async def _last_error(stack: RunnerStack) -> str | None:
    (listed,) = (await stack.bus.request(ListWebhooks(principal=Principal(user_id="alice")))).data
    return listed.last_error


async def test_an_end_is_told_again_until_it_is_taken_and_a_dead_letter_can_be_sent_again(
    tmp_path: Path, nats_url: str, database_url: str, receiver: Receiver
) -> None:
    async with runner_stack(
        tmp_path,
        nats_url,
        database_url,
        AGENT_RUNNER_WEBHOOK_PRIVATE_ADDRESSES="allow",
        AGENT_RUNNER_WEBHOOK_PAUSE_SECONDS="0.2",
    ) as stack:
        made = await stack.bus.request(CreateWebhook(principal=Principal(user_id="alice"), url=receiver.url))
        receiver.statuses = [500, 302]
        begun, _ = await stack.ask("alice", "count to 3")
        attempts = [await receiver.next() for _ in range(3)]
        assert len({headers["webhook-id"] for headers, _ in attempts}) == 1
        for headers, body in attempts:
            told: Any = Webhook(made.secret).verify(body, headers)
            assert (told["type"], told["data"]["run_id"]) == ("run.completed", begun.run_id)
        receiver.statuses = [410]
        await stack.ask("alice", "count to 4")
        await receiver.next()
        letter = await _dead_letter(stack)
        assert (letter.message, letter.code) == ("DeliverWebhook", "webhook_failed")
        assert made.secret not in letter.model_dump_json()
        assert await _last_error(stack) == "The receiver says that it is gone (410)."
        named = {"principal": Principal(user_id="alice"), "webhook_id": made.webhook.webhook_id}
        given_up, taken = (await stack.bus.request(ListDeliveries(**named))).data
        assert (given_up.status, given_up.attempts_count) == ("given_up", 1)
        assert (taken.status, taken.attempts_count, taken.error) == ("delivered", 3, None)
        await stack.bus.request(RetryDelivery(**named, run_id=given_up.run_id))
        headers, _ = await receiver.next()
        assert headers["webhook-id"].startswith(given_up.run_id)
        await replay(stack.bus, (await read_letters(stack.bus)).stored[0])
        _, body = await receiver.next()
        assert json.loads(body)["type"] == "run.completed"
        assert receiver.came.empty()


async def test_a_private_address_is_not_told_whatever_its_name_is(
    tmp_path: Path, nats_url: str, database_url: str, receiver: Receiver
) -> None:
    async with runner_stack(tmp_path, nats_url, database_url) as stack:
        url = receiver.url.replace("127.0.0.1", "localhost")
        await stack.bus.request(CreateWebhook(principal=Principal(user_id="alice"), url=url))
        await stack.ask("alice", "count to 3")
        assert (await _dead_letter(stack)).detail == "The receiver's name stands for a private address."
        assert receiver.came.empty()
