"""A consumer is made what the settings say, and nobody works on one that is something else."""

import asyncio
from dataclasses import dataclass, field, replace

import pytest
from actor_kit.actor import Actor, Delivery, Handlers
from actor_kit.bus import Bus
from actor_kit.bus.admin import StreamAdmin
from actor_kit.mailbox import HEARTBEATS_PER_ACK_WAIT, Mailbox
from actor_kit.provision import provision, stream_config
from actor_kit.settings import AssistantSettings
from contracts.commands import RunRequested
from contracts.errors import TerminalError
from contracts.streams import RUNS, RUNS_MAILBOX
from contracts.subjects import subject_of
from pydantic import ValidationError

LEASE_SECONDS = 1.2


@dataclass(frozen=True)
class Runner(Actor):
    attempts: list[int] = field(default_factory=list)

    @property
    def handlers(self) -> Handlers:
        return {RunRequested: self.on_run_requested}

    async def on_run_requested(self, _command: RunRequested, delivery: Delivery) -> None:
        self.attempts.append(delivery.attempt)
        await asyncio.sleep(2.5 * LEASE_SECONDS)


async def test_the_lease_of_a_run_is_the_ack_wait_of_its_queue(
    store_bus: Bus, runner_bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lease of more than 32 s had live runs delivered again, because their queue waited for an ack for 8 s."""
    monkeypatch.setenv("AGENT_RUNNER_LEASE_SECONDS", str(LEASE_SECONDS))
    assert await provision(store_bus) == []
    spec = replace(RUNS_MAILBOX, ack_wait_seconds=LEASE_SECONDS)
    runner = Runner()
    async with Mailbox(runner_bus, runner, spec=spec, slots=2):
        command = RunRequested(user_id="alice", conversation_id="conv_1", run_id="run_1")
        subject = subject_of(RunRequested, assistant_id="todo", user_id="alice", conversation_id="conv_1")
        await store_bus.publish_stored(subject, command.encode())
        await asyncio.sleep(3 * LEASE_SECONDS)
    assert runner.attempts == [1]


async def test_a_mailbox_whose_consumer_has_drifted_does_not_open(store_bus: Bus, runner_bus: Bus) -> None:
    """With the figures of the defect: the heartbeats of a lease of 40 s come after 10 s, the queue waits for 8 s."""
    spec = replace(RUNS_MAILBOX, ack_wait_seconds=40)
    assert spec.ack_wait_seconds / HEARTBEATS_PER_ACK_WAIT > RUNS_MAILBOX.ack_wait_seconds
    with pytest.raises(TerminalError, match="ack_wait is 8 s, should be 40 s"):
        async with Mailbox(runner_bus, Runner(), spec=spec, slots=1):
            pass
    await store_bus.client.request("$JS.API.CONSUMER.DELETE.RUNS.agent_runner_todo", b"")
    with pytest.raises(TerminalError, match="consumer RUNS/agent_runner_todo is missing"):
        async with Mailbox(runner_bus, Runner(), spec=RUNS_MAILBOX, slots=1):
            pass


async def test_a_cancellation_that_comes_with_the_answer_is_not_lost(store_bus: Bus) -> None:
    """A watch that is cancelled because the request beside it was answered: both answers come in one read."""
    admin, ended = StreamAdmin(store_bus.client), list[bool]()

    async def watch() -> None:
        while True:
            await admin.consumer_state("RUNS", "agent_runner_todo")

    for _ in range(20):
        first = asyncio.create_task(admin.consumer_state("RUNS", "agent_runner_todo"))
        watching = asyncio.create_task(watch())
        await first
        watching.cancel()
        await asyncio.wait({watching}, timeout=1)
        ended.append(watching.cancelled())
        watching.cancel()
    assert all(ended)


async def test_provisioning_mends_a_consumer_and_a_dry_run_tells_of_it(store_bus: Bus) -> None:
    admin = StreamAdmin(store_bus.client)
    found = await admin.consumer("RUNS", "agent_runner_todo")
    assert found is not None
    await admin.create_consumer("RUNS", found | {"ack_wait": 3_000_000_000})
    assert await provision(store_bus, is_dry_run=True) == [
        "consumer RUNS/agent_runner_todo: ack_wait is 3 s, should be 8 s",
    ]
    assert await provision(store_bus) == []
    assert await provision(store_bus, is_dry_run=True) == []


async def test_the_queue_of_the_version_with_one_assistant_becomes_one_for_each(
    store_bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its consumer would take every assistant's runs, and nobody looks any more where it did."""
    admin = StreamAdmin(store_bus.client)
    await store_bus.client.request("$JS.API.STREAM.DELETE.RUNS", b"")
    old = stream_config(RUNS, replicas=1) | {"subjects": ["run.*.*.requested"]}
    await admin.create_stream(old)
    await admin.create_consumer("RUNS", {"durable_name": "agent_runner", "ack_policy": "explicit"})
    await store_bus.publish_stored("run.YWxpY2U.conv_1.requested", b"{}")
    monkeypatch.setenv("CONVERSATION_STORE_ASSISTANTS", "todo, support")
    told = await provision(store_bus, is_dry_run=True)
    assert [line.partition(" is ")[0] for line in told] == [
        "stream RUNS: subjects",
        "consumer RUNS/agent_runner_todo",
        "consumer RUNS/agent_runner_support",
    ]
    assert await provision(store_bus) == []
    assert await provision(store_bus, is_dry_run=True) == []
    assert await admin.consumer("RUNS", "agent_runner") is None
    state = await admin.stream_state("RUNS")
    assert state is not None
    assert state["messages"] == 0
    await store_bus.publish_stored("run.YWxpY2U.conv_1.requested", b"{}")  # of a store that is one version behind
    await store_bus.publish_stored("run.support.YWxpY2U.conv_1.requested", b"{}")
    info = [
        await store_bus.client.jetstream().consumer_info("RUNS", f"agent_runner_{name}") for name in ("todo", "support")
    ]
    assert [one.num_pending for one in info] == [0, 1]


@pytest.mark.parametrize("wrong", ["", "Todo", "a.b", "todo todo", "x" * 33, "1st"])
def test_an_assistant_has_an_id_that_is_a_subject_token(monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setenv("CONVERSATION_STORE_ASSISTANTS", wrong or ",")
    with pytest.raises(ValidationError):
        AssistantSettings()


async def test_how_long_audit_keeps_its_events_is_a_setting_also_of_a_stream_that_is_there(
    store_bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    admin = StreamAdmin(store_bus.client)
    await provision(store_bus)
    for days in ("7", "365"):
        monkeypatch.setenv("AUDIT_RETENTION_DAYS", days)
        assert await provision(store_bus, is_dry_run=True) != []
        assert await provision(store_bus) == []
        found = await admin.stream("AUDIT")
        assert found is not None
        assert found["max_age"] == int(days) * 86_400 * 1_000_000_000
