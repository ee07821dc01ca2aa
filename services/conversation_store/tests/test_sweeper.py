"""A run that nobody works on is found in Postgres, whatever the queue has lost."""

import asyncio
import json
from typing import Any

import pytest
from contracts.commands import CancelRun
from contracts.errors import Code
from contracts.queries import GetRun
from conversation_store.testing import ALICE, BOB, Client, everything_published, running_client, store_settings

LONG_AGO = "now() - interval '10 minutes'"


async def requests(client: Client) -> int:
    state: Any = await client.bus.client.jetstream().stream_info("RUNS")
    return state.state.messages


async def test_a_request_that_was_lost_is_made_again_less_and_less_often(client: Client) -> None:
    await client.begin()
    await everything_published(client)
    assert await client.store.sweeper.sweep() == {}
    await client.bus.purge("RUNS", "run.>")
    await client.execute("update chat.run set requested_at = now() - interval '31 s'")
    assert await client.store.sweeper.sweep() == {"requested": 1}
    await everything_published(client)
    assert await requests(client) == 1
    await client.execute("update chat.run set requested_at = now() - interval '31 s'")
    assert await client.store.sweeper.sweep() == {}
    await client.execute("update chat.run set requested_at = now() - interval '61 s'")
    assert await client.store.sweeper.sweep() == {"requested": 1}


async def test_a_run_whose_lease_ran_out_is_requested_again(client: Client) -> None:
    turn = await client.begin()
    await client.claim(turn.run_id)
    await everything_published(client)
    await client.execute(f"update chat.run set requested_at = {LONG_AGO}")
    assert await client.store.sweeper.sweep() == {}  # its lease is alive
    await client.execute(f"update chat.run set lease_expires_at = {LONG_AGO}")
    assert await client.store.sweeper.sweep() == {"requested": 1}
    await everything_published(client)
    assert await requests(client) == 2


async def test_a_dead_run_that_was_to_be_cancelled_is_cancelled(client: Client) -> None:
    turn = await client.begin()
    await client.claim(turn.run_id)
    await client.ask(CancelRun(principal=ALICE, run_id=turn.run_id))
    await client.execute(f"update chat.run set requested_at = {LONG_AGO}, lease_expires_at = {LONG_AGO}")
    assert await client.store.sweeper.sweep() == {"cancelled": 1}
    await everything_published(client)
    assert (await client.deltas())[-1]["type"] == "run.cancelled"


async def test_a_run_that_died_too_often_fails_and_the_next_turn_starts(nats_url: str, database_url: str) -> None:
    async with running_client(store_settings(nats_url, database_url, run_attempts_max=1), database_url) as client:
        turn = await client.begin()
        waiting = await client.begin("2", conversation_id=turn.conversation_id, on_busy="enqueue")
        await client.claim(turn.run_id)
        await client.execute(
            f"update chat.run set requested_at = {LONG_AGO}, lease_expires_at = {LONG_AGO} where is_active"
        )
        assert await client.store.sweeper.sweep() == {"failed": 1}
        run = (await client.ask(GetRun(principal=ALICE, run_id=turn.run_id))).run
        assert (run.status, run.error_code) == ("failed", Code.RUN_ATTEMPTS_EXHAUSTED)
        await client.claim(waiting.run_id)


async def test_two_replicas_take_care_of_a_run_once(nats_url: str, database_url: str) -> None:
    settings = store_settings(nats_url, database_url)
    async with running_client(settings, database_url) as one, running_client(settings, database_url) as two:
        for _ in range(5):
            await one.begin()
        await everything_published(one)
        await one.execute(f"update chat.run set requested_at = {LONG_AGO}")

        outcomes = await asyncio.gather(one.store.sweeper.sweep(), two.store.sweeper.sweep())
        done = sum(outcome.get("requested", 0) for outcome in outcomes)
        done += (await one.store.sweeper.sweep()).get("requested", 0)
        assert done == 5
        await everything_published(one)
        assert await requests(one) == 10


async def test_a_locked_conversation_does_not_keep_the_sweeper_from_those_behind_it(client: Client) -> None:
    held = await client.begin()
    for _ in range(3):
        await client.begin()
    await everything_published(client)
    await client.execute(f"update chat.run set requested_at = {LONG_AGO}")
    await client.execute("update chat.run set requested_at = now() - interval '1 hour' where run_id = $1", held.run_id)

    async with client.database.transaction():
        await client.database.execute("select set_config('app.system', 'on', true)")
        lock = "select from chat.conversation where conversation_id = $1 for update"
        await client.database.execute(lock, held.conversation_id)
        assert await client.store.sweeper.sweep() == {"requested": 3}
    assert await client.store.sweeper.sweep() == {"requested": 1}


@pytest.mark.parametrize("what", ["run", "purge"])
async def test_the_sweeper_runs_by_itself(nats_url: str, database_url: str, what: str) -> None:

    settings = store_settings(nats_url, database_url, sweep_seconds=0.05)
    async with running_client(settings, database_url) as client:
        await client.begin()
        await everything_published(client)
        if what == "run":
            await client.execute(f"update chat.run set requested_at = {LONG_AGO}")
        else:
            await client.execute("insert into chat.due_purge values ('delta.>', now())")
        async with asyncio.timeout(10):
            while (await requests(client) != 2) if what == "run" else await client.deltas():
                await asyncio.sleep(0.02)


async def test_by_setting_what_nobody_touched_for_long_is_deleted_and_noted(nats_url: str, database_url: str) -> None:
    settings = store_settings(nats_url, database_url, retention_days=30)
    async with running_client(settings, database_url) as client:
        old, recent = await client.answer("old"), await client.answer("recent")
        unfinished = await client.begin("still being answered")
        others = await client.answer("old as well", principal=BOB)
        long_ago = [old.conversation_id, unfinished.conversation_id, others.conversation_id]
        await client.execute(
            "update chat.conversation set updated_at = now() - interval '31 days' where conversation_id = any($1)",
            long_ago,
        )
        assert await client.store.sweeper.delete_untouched() == 2
        left = await client.rows("select conversation_id from chat.conversation")
        assert {row["conversation_id"] for row in left} == {recent.conversation_id, unfinished.conversation_id}
        assert await client.rows("select 1 from chat.message where conversation_id = $1", old.conversation_id) == []
        [receipt] = await client.rows("select receipt_id, counts from chat.erasure_receipt")
        assert receipt["receipt_id"].startswith("retention")
        assert json.loads(receipt["counts"])["conversations"] == 2
        assert await client.store.sweeper.delete_untouched() == 0


async def test_without_the_setting_everything_is_kept(client: Client) -> None:
    await client.answer("old")
    await client.execute("update chat.conversation set updated_at = now() - interval '10 years'")
    await client.store.sweeper.sweep()
    assert len(await client.rows("select 1 from chat.conversation")) == 1
