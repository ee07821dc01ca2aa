"""What is committed is published: after a crash, by whichever replica is alive, once and in order."""

import asyncio
import time
from typing import Any

import pytest
from actor_kit.actor import Delivery
from actor_kit.bus import Bus, PublishAck
from contracts.commands import AddTask, BeginTurn, UpdateTask
from contracts.errors import Code, RetryableError, TerminalError
from conversation_store.database import Database
from conversation_store.outbox import publisher
from conversation_store.outbox.publisher import OutboxPublisher
from conversation_store.testing import ALICE, Client, everything_published, running_client, store_settings, user_message
from natter_testing.servers import start_nats, temporary_directory
from prometheus_client import REGISTRY


async def requested(client: Client) -> list[str]:
    """The runs that RUNS asks for, in order; every message once."""
    state: Any = await client.bus.client.jetstream().stream_info("RUNS", subjects_filter=">")
    found: list[str] = []
    sequence = state.state.first_seq
    while sequence <= state.state.last_seq:
        message = await client.bus.client.jetstream().get_msg("RUNS", sequence)
        found.append((message.data or b"").decode())
        sequence += 1
    return found


async def test_the_crash_between_commit_and_publish_loses_nothing(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first replica commits and dies before it publishes; another one that is alive publishes it."""

    async def dies(*_arguments: object, **_options: object) -> PublishAck:
        raise RetryableError(Code.BUS_UNAVAILABLE, "killed")

    monkeypatch.setattr(client.store.bus, "publish_stored", dies)
    monkeypatch.setattr("conversation_store.outbox.publisher.MEASURE_SECONDS", 0)
    turn = await client.begin("survives")
    assert await client.deltas() == []
    await client.execute("update chat.outbox set created_at = now() - interval '20 s'")
    async with asyncio.timeout(10):  # the operators see it
        while not (20 <= gauge("natter_store_outbox_lag_seconds") < 60 and gauge("natter_store_outbox_waiting") == 3):
            await asyncio.sleep(0.05)
    async with Bus.open(client.store.actor.settings, service=client.store.bus.service) as other_bus:
        settings = client.store.actor.settings
        async with Database.open(settings) as database, OutboxPublisher(other_bus, database, settings):
            await everything_published(client)
    assert [event["type"] for event in await client.deltas()] == ["thread.created", "thread.item.done"]
    assert [turn.run_id in message for message in await requested(client)] == [True]


def gauge(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0


async def test_the_crash_between_publish_and_removal_shows_nothing_twice(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    remove = publisher.remove
    crashes = 0

    async def crash_first(*arguments: Any) -> None:
        nonlocal crashes
        crashes += 1
        if crashes <= 3:
            raise ConnectionResetError("killed")
        await remove(*arguments)

    monkeypatch.setattr(publisher, "remove", crash_first)
    await client.begin()
    await everything_published(client)
    assert crashes > 3
    assert [event["type"] for event in await client.deltas()] == ["thread.created", "thread.item.done"]
    assert len(await requested(client)) == 1


@pytest.mark.parametrize(
    ("servers", "opening"), [(1, ["sent"] * 3 + ["acked"] * 3), (2, ["sent", "acked"] * 3)], ids=["alone", "cluster"]
)
async def test_a_turns_opening_leaves_in_one_go_where_one_server_stores_it_and_its_end_in_order(
    nats_url: str, database_url: str, monkeypatch: pytest.MonkeyPatch, servers: int, opening: list[str]
) -> None:
    # The table's turn may publish the same rows once more, where they are not removed yet: not during this test.
    settings = store_settings(",".join([nats_url] * servers), database_url, outbox_poll_seconds=30)
    async with running_client(settings, database_url) as client:
        publish = client.store.bus.publish_stored
        steps: list[str] = []

        async def record(subject: str, payload: bytes, *arguments: Any, **options: Any) -> PublishAck:
            steps.append("sent")
            ack = await publish(subject, payload, *arguments, **options)
            steps.append("acked")
            return ack

        monkeypatch.setattr(client.store.bus, "publish_stored", record)
        begun = await client.begin()
        await everything_published(client)
        assert steps == opening
        assert [event["type"] for event in await client.deltas()] == ["thread.created", "thread.item.done"]

        steps.clear()
        await client.finish(await client.claim(begun.run_id), status="failed")
        await everything_published(client)
        assert steps == ["sent", "acked"] * 2  # the error, then the end


async def test_a_row_older_than_jetstreams_memory_is_looked_for_before_it_is_published(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    await client.begin()
    await everything_published(client)
    stored, _ = await client.bus.direct_get("DELTAS", "delta.>")
    publish = client.store.bus.publish_stored
    published: list[str] = []

    async def record(subject: str, payload: bytes, *arguments: Any, **options: Any) -> PublishAck:
        published.append(options["message_id"])
        return await publish(subject, payload, *arguments, **options)

    monkeypatch.setattr(client.store.bus, "publish_stored", record)
    for message_id in (*(message.headers["Nats-Msg-Id"] for message in stored), "new"):
        await client.execute(
            "insert into chat.outbox (user_id, ordering_key, subject, payload, message_id, created_at)"
            " values ('alice', 'k', $1, '{}', $2, now() - interval '90 s')",
            stored[0].subject,
            message_id,
        )
    await everything_published(client)
    assert published == ["new"]


async def test_many_replicas_publish_each_message_once_and_each_conversation_in_order(
    nats_url: str, database_url: str
) -> None:
    settings = store_settings(nats_url, database_url, outbox_poll_seconds=0.02)
    async with running_client(settings, database_url) as client, running_client(settings, database_url) as second:
        ids = [(await client.ask(AddTask(principal=ALICE, title="0"))).task.task_id for _ in range(5)]
        for n in range(1, 11):
            updates = [UpdateTask(principal=ALICE, task_id=task_id, title=str(n)) for task_id in ids]
            await asyncio.gather(*(client.ask(update) for update in updates))
        await everything_published(second)
        events = await client.deltas("delta.*.tasks.changed")
        for task_id in ids:
            titles = [event["task"]["title"] for event in events if event["task"]["task_id"] == task_id]
            assert titles == [str(n) for n in range(11)]


async def test_what_the_bus_refuses_for_good_does_not_hold_up_the_rest(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish = client.store.bus.publish_stored

    async def refuse_created(subject: str, payload: bytes, *arguments: Any, **options: Any) -> PublishAck:
        if b"thread.created" in payload:
            raise TerminalError(Code.PAYLOAD_TOO_LARGE, "too large")
        return await publish(subject, payload, *arguments, **options)

    monkeypatch.setattr(client.store.bus, "publish_stored", refuse_created)
    await client.begin()
    await everything_published(client)
    assert [event["type"] for event in await client.deltas()] == ["thread.item.done"]


async def test_a_turn_that_was_accepted_while_the_bus_restarts_is_published(database_url: str) -> None:
    with temporary_directory() as directory:
        nats, accounts = start_nats(directory)
        try:
            url = accounts.new_url()
            async with running_client(store_settings(url, database_url), database_url) as client:
                await client.answer()
                nats.kill()
                command = BeginTurn(principal=ALICE, input=user_message("hello"))
                begun = await client.store.actor.on_begin_turn(command, Delivery("", {}))
                nats.start()
                deadline = time.monotonic() + 20
                while begun.run_id not in "".join([str(event) for event in await deltas_or_nothing(client)]):
                    assert time.monotonic() < deadline
                    await asyncio.sleep(0.1)
        finally:
            nats.stop()


async def deltas_or_nothing(client: Client) -> list[Any]:
    try:
        messages, _ = await client.bus.direct_get("DELTAS", "delta.>")
    except RetryableError:
        return []
    return [message.subject for message in messages]
