"""What a turn costs in Postgres: counted here, and written down in ARCHITECTURE.md as it is counted."""

import asyncio
import re
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from contracts.commands import AppendCheckpoint, RenewLease
from contracts.errors import Code, TerminalError
from contracts.message import Json
from conversation_store.testing import (
    ALICE,
    Client,
    assistant_item,
    everything_published,
    running_client,
    store_settings,
)

ARCHITECTURE = (Path(__file__).parents[3] / "ARCHITECTURE.md").read_text()
SAID: Json = {"type": "message", "role": "assistant", "content": "hi"}


def written() -> dict[str, tuple[int, ...]]:
    """The table of ARCHITECTURE: statements, commits, messages of each step."""
    rows = re.findall(r"^\| (?:\d+ \| )?`?([\w ]+)`? \| (\d+) \| (\d+) \| (\d+) \|", ARCHITECTURE, re.MULTILINE)
    return {name: tuple(map(int, figures)) for name, *figures in rows}


class Counted:
    """The statements that a store sends over its one connection."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self.statements: list[str] = []

    async def of(self, step: Any) -> tuple[Any, int, int]:
        """Take a step; returns its result, its statements and its commits, without those of the outbox."""
        await everything_published(self.client)
        self.statements.clear()
        result = await step
        words = [statement.split(None, 1)[0].lower() for statement in self.statements]
        end = words.index("commit") + 1 if "commit" in words else len(words)
        return result, end, Counter(words[:end])["commit"]


@pytest.fixture
async def counted(nats_url: str, database_url: str) -> AsyncIterator[Counted]:
    settings = store_settings(
        nats_url, database_url, database_pool_size_max=1, outbox_poll_seconds=600, sweep_seconds=600
    )
    async with running_client(settings, database_url) as client:
        counted = Counted(client)
        async with client.store.database.pool.acquire() as connection:
            connection.add_query_logger(lambda record: counted.statements.append(record.query))
        yield counted


async def test_a_turn_costs_what_the_drawing_says(counted: Counted) -> None:
    client, found = counted.client, {}
    turn, *found["BeginTurn"] = await counted.of(client.begin())
    await everything_published(client)
    opening = len(await client.deltas())
    claimed, *found["ClaimRun"] = await counted.of(client.claim(turn.run_id))
    fence = {"principal": ALICE, "run_id": turn.run_id, "epoch": claimed.epoch}
    _, *found["RenewLease"] = await counted.of(client.ask(RenewLease(**fence, lease_seconds=8)))
    checkpoint = AppendCheckpoint(**fence, step=0, items=(assistant_item("msg_1", "a"),), session_items=(SAID,))
    _, *found["AppendCheckpoint"] = await counted.of(client.ask(checkpoint))
    _, *found["FinishRun"] = await counted.of(client.finish(claimed, "hi", session_items=(SAID,)))
    await everything_published(client)
    ended = len(await client.deltas()) - opening
    assert opening == 2  # thread.created and the user's message; the third message is the run's request
    found["BeginTurn"].append(opening + 1)
    found["FinishRun"].append(ended)
    for name in ("ClaimRun", "RenewLease", "AppendCheckpoint"):
        found[name].append(0)
    assert {name: tuple(figures) for name, figures in found.items()} == {name: written()[name] for name in found}


async def test_what_was_published_is_removed_with_one_delete(counted: Counted) -> None:
    await counted.client.begin()
    await everything_published(counted.client)
    removals = [statement for statement in counted.statements if statement.startswith("delete from chat.outbox")]
    assert len(removals) == 1
    assert any("synchronous_commit" in statement for statement in counted.statements)


async def test_what_is_published_soon_after_a_removal_is_removed_with_what_comes_later(
    nats_url: str, database_url: str
) -> None:
    settings = store_settings(nats_url, database_url, outbox_removal_seconds=600, outbox_poll_seconds=600)
    async with running_client(settings, database_url) as client:
        await client.begin()
        await everything_published(client)  # at ease: at once
        for number in range(2):
            await client.begin(f"turn {number}")
        while len(await client.deltas()) < 6:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        rows = await client.rows("select count(*) as waiting from chat.outbox")
        assert rows[0]["waiting"] == 6


async def test_renewals_that_come_together_are_one_transaction(counted: Counted) -> None:
    client = counted.client
    claims = [await client.claim((await client.begin(f"turn {number}")).run_id) for number in range(5)]
    await everything_published(client)
    counted.statements.clear()
    renewals = [
        RenewLease(principal=ALICE, run_id=claimed.run.run_id, epoch=claimed.epoch, lease_seconds=100)
        for claimed in claims
    ]
    answers = await asyncio.gather(*map(client.ask, renewals))
    assert [answer.cancel_requested for answer in answers] == [False] * 5
    assert len([statement for statement in counted.statements if "chat.run" in statement]) == 1
    rows = await client.rows("select extract(epoch from lease_expires_at - now()) as left from chat.run")
    assert all(row["left"] > 60 for row in rows)


async def test_in_a_batch_a_stale_attempt_is_refused_and_the_current_one_renewed(counted: Counted) -> None:
    client = counted.client
    turn = await client.begin()
    old = await client.claim(turn.run_id, lease_seconds=0.01)
    await asyncio.sleep(0.05)  # until the lease is over
    new = await client.claim(turn.run_id, "runner_2")
    fence = {"principal": ALICE, "run_id": turn.run_id, "lease_seconds": 8}
    answers = await asyncio.gather(
        client.ask(RenewLease(**fence, epoch=old.epoch)),
        client.ask(RenewLease(**fence, epoch=new.epoch)),
        return_exceptions=True,
    )
    assert isinstance(answers[0], TerminalError)
    assert answers[0].code == Code.RUN_STALE_EPOCH
    assert not isinstance(answers[1], BaseException)
