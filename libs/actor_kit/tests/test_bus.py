"""The bus against a real server: streams, direct gets, fencing, core subscriptions."""

import asyncio
import json

import pytest
from actor_kit.bus import Bus, Received, WrongLastSequence
from actor_kit.bus.admin import StreamAdmin
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from contracts.errors import Code, RetryableError
from contracts.identity import Principal
from contracts.queries import GetRun
from contracts.services import Service
from natter_testing.servers import start_nats, temporary_directory

RUN = "delta.dXNlcg.conv_1.run_1"


async def test_a_stored_message_is_heard_live_with_its_sequence_and_the_one_before(store_bus: Bus) -> None:
    heard: asyncio.Queue[Received] = asyncio.Queue()
    await store_bus.subscribe("live.dXNlcg.>", heard.put_nowait)
    first = await store_bus.publish_stored(RUN, b"1")
    await store_bus.publish_stored("delta.dXNlcg.conv_1.run_2", b"other")
    second = await store_bus.publish_stored(RUN, b"2")
    messages = [await asyncio.wait_for(heard.get(), 2) for _ in range(3)]
    assert [message.payload for message in messages] == [b"1", b"other", b"2"]
    assert (messages[0].sequence, messages[0].last_sequence) == (first.sequence, 0)
    assert (messages[2].sequence, messages[2].last_sequence) == (second.sequence, first.sequence)


async def test_a_direct_get_reads_in_batches_and_tells_what_is_left(store_bus: Bus) -> None:
    acks = [await store_bus.publish_stored(RUN, str(number).encode()) for number in range(5)]
    messages, pending = await store_bus.direct_get("DELTAS", "delta.dXNlcg.>", batch_max=3)
    assert [message.payload for message in messages] == [b"0", b"1", b"2"]
    assert pending == 2
    rest, pending = await store_bus.direct_get("DELTAS", RUN, from_sequence=acks[3].sequence)
    assert [message.sequence for message in rest] == [acks[3].sequence, acks[4].sequence]
    assert pending == 0
    assert await store_bus.direct_get("DELTAS", "delta.nobody.>") == ([], 0)


async def test_the_last_message_is_found_under_a_wildcard(store_bus: Bus) -> None:
    assert await store_bus.direct_get_last("DELTAS", "delta.>") is None
    await store_bus.publish_stored(RUN, b"1")
    ack = await store_bus.publish_stored("delta.dXNlcg.conv_1.run_2", b"2")
    last = await store_bus.direct_get_last("DELTAS", "delta.dXNlcg.conv_1.*")
    assert last is not None
    assert (last.sequence, last.payload, last.subject) == (ack.sequence, b"2", "delta.dXNlcg.conv_1.run_2")


async def test_a_writer_that_was_overtaken_is_refused(store_bus: Bus, runner_bus: Bus) -> None:
    first = await runner_bus.publish_stored(RUN, b"old", expected_last_subject_sequence=0)
    await store_bus.publish_stored(RUN, b"new owner", expected_last_subject_sequence=first.sequence)
    with pytest.raises(WrongLastSequence) as refused:
        await runner_bus.publish_stored(RUN, b"zombie", expected_last_subject_sequence=first.sequence)
    assert refused.value.code == Code.RUN_STALE_EPOCH


async def test_a_publish_that_is_repeated_after_a_lost_ack_is_stored_once(store_bus: Bus) -> None:
    first = await store_bus.publish_stored(RUN, b"1", message_id="m1")
    again = await store_bus.publish_stored(RUN, b"1", message_id="m1")
    assert again.duplicate
    assert again.sequence == first.sequence
    messages, _ = await store_bus.direct_get("DELTAS", RUN)
    assert len(messages) == 1


async def test_a_repeated_publish_in_a_fenced_chain_is_known_by_its_message_id(store_bus: Bus) -> None:
    """The server checks the expected sequence before it looks for duplicates: whoever repeats reads the last one."""
    first = await store_bus.publish_stored(RUN, b"1", message_id="m1", expected_last_subject_sequence=0)
    with pytest.raises(WrongLastSequence):
        await store_bus.publish_stored(RUN, b"1", message_id="m1", expected_last_subject_sequence=0)
    last = await store_bus.direct_get_last("DELTAS", RUN)
    assert last is not None
    assert (last.sequence, last.headers["Nats-Msg-Id"]) == (first.sequence, "m1")


async def test_purge_removes_one_users_deltas_only(store_bus: Bus) -> None:
    await store_bus.publish_stored(RUN, b"mine")
    await store_bus.publish_stored("delta.b3RoZXI.conv_2.run_2", b"other")
    await store_bus.purge("DELTAS", "delta.dXNlcg.>")
    messages, _ = await store_bus.direct_get("DELTAS", "delta.>")
    assert [message.payload for message in messages] == [b"other"]


async def test_nobody_answering_is_a_retryable_error_within_the_deadline(runner_bus: Bus) -> None:
    started = asyncio.get_running_loop().time()
    with pytest.raises(RetryableError) as failed:
        await runner_bus.request(GetRun(principal=Principal(user_id="u"), run_id="run_1"), timeout_seconds=0.4)
    assert failed.value.code == Code.STORE_UNAVAILABLE
    assert asyncio.get_running_loop().time() - started < 1


async def test_provisioning_twice_changes_nothing_and_a_drift_is_reported(store_bus: Bus) -> None:
    assert await provision(store_bus) == []
    admin = StreamAdmin(store_bus.client)
    config = await admin.stream("DELTAS")
    assert config is not None
    await store_bus.client.request("$JS.API.STREAM.UPDATE.DELTAS", _json(config | {"max_age": 300_000_000_000}))
    drifts = await provision(store_bus)
    assert len(drifts) == 1
    assert "DELTAS: max_age is 300 s" in drifts[0]


async def test_a_new_deltas_stream_starts_above_every_id_of_the_old_one(store_bus: Bus) -> None:
    old = await store_bus.publish_stored(RUN, b"1")
    await store_bus.client.request("$JS.API.STREAM.DELETE.DELTAS", b"")
    await provision(store_bus)
    new = await store_bus.publish_stored(RUN, b"1")
    assert old.sequence + 1 < new.sequence < 2**53


async def test_the_bus_comes_back_after_a_server_restart_with_its_subscriptions() -> None:
    with temporary_directory() as directory:
        running, accounts = start_nats(directory)
        settings = ServiceSettings(nats_url=accounts.new_url())
        async with Bus.open(settings, service=Service.CONVERSATION_STORE) as bus:
            heard: asyncio.Queue[Received] = asyncio.Queue()
            reconnected = asyncio.Event()

            async def on_reconnected() -> None:
                reconnected.set()

            bus.on_reconnected(on_reconnected)
            await bus.subscribe("live.>", heard.put_nowait)
            await bus.flush()
            running.kill()
            running.start()
            await asyncio.wait_for(reconnected.wait(), 15)
            await bus.publish("live.a.b.c", b"after")
            assert (await asyncio.wait_for(heard.get(), 5)).payload == b"after"
            await provision(bus)
            await bus.publish_stored(RUN, b"1")
        running.stop()


def _json(value: object) -> bytes:
    return json.dumps(value).encode()
