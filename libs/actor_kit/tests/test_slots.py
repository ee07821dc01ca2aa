"""Mailboxes share their slots: never more at once than there are, and none waits behind another's empty queue."""

import asyncio
from dataclasses import dataclass, field

import pytest
from actor_kit.actor import Actor, Delivery, Handlers
from actor_kit.bus import Bus
from actor_kit.mailbox import Mailbox, at_work
from actor_kit.provision import provision
from actor_kit.slots import Slots
from contracts.commands import RunRequested
from contracts.streams import runs_mailbox
from contracts.subjects import subject_of


async def test_who_waits_for_a_slot_is_served_in_turn() -> None:
    slots = Slots(1)
    await slots.take_one()
    served: list[str] = []

    async def wait(name: str) -> None:
        await slots.take_one()
        served.append(name)

    first, second = asyncio.create_task(wait("first")), asyncio.create_task(wait("second"))
    await asyncio.sleep(0)
    assert slots.take_at_most(1) == 0
    slots.give_back(1)
    await first
    assert (served, slots.free) == (["first"], 0)
    slots.give_back(1)
    await second
    slots.give_back(1)
    assert (served, slots.free) == (["first", "second"], 1)


async def test_who_gives_up_waiting_takes_no_slot() -> None:
    slots = Slots(1)
    await slots.take_one()
    gone, served_and_gone = (asyncio.create_task(slots.take_one()) for _ in range(2))
    await asyncio.sleep(0)
    gone.cancel()
    await asyncio.sleep(0)
    slots.give_back(1)
    served_and_gone.cancel()  # it has the slot already, and does not know it yet
    await asyncio.gather(gone, served_and_gone, return_exceptions=True)
    assert slots.free == 1


@pytest.mark.parametrize(
    ("free", "sharers", "wanted", "taken"), [(8, 1, 32, 8), (8, 2, 32, 4), (1, 3, 5, 1), (8, 2, 0, 0)]
)
async def test_what_is_free_is_shared(free: int, sharers: int, wanted: int, taken: int) -> None:
    slots = Slots(free)
    slots.sharers = sharers
    assert slots.take_at_most(wanted) == taken
    assert slots.free == free - taken


@dataclass(frozen=True)
class Runner(Actor):
    """Counts what it works on, and how much of that at once."""

    seconds: float
    at_work: list[str] = field(default_factory=list[str])
    done: list[str] = field(default_factory=list[str])
    most: list[int] = field(default_factory=lambda: [0])

    @property
    def handlers(self) -> Handlers:
        return {RunRequested: self.on_run_requested}

    async def on_run_requested(self, command: RunRequested, _delivery: Delivery) -> None:
        self.at_work.append(command.run_id)
        self.most[0] = max(self.most[0], len(self.at_work))
        await asyncio.sleep(self.seconds)
        self.at_work.remove(command.run_id)
        self.done.append(command.run_id)


async def ask(bus: Bus, assistant_id: str, count: int) -> None:
    subject = subject_of(RunRequested, assistant_id=assistant_id, user_id="alice", conversation_id="conv_1")
    for number in range(count):
        command = RunRequested(
            user_id="alice", conversation_id="conv_1", run_id=f"{assistant_id}_{number}", assistant_id=assistant_id
        )
        await bus.publish_stored(subject, command.encode())


async def all_done(runner: Runner, count: int) -> None:
    async with asyncio.timeout(20):
        while len(runner.done) < count:
            await asyncio.sleep(0.02)


@pytest.mark.parametrize("slots_count", [1, 2, 3])
async def test_mailboxes_that_share_slots_never_work_on_more_and_all_are_served(
    store_bus: Bus, runner_bus: Bus, monkeypatch: pytest.MonkeyPatch, slots_count: int
) -> None:
    monkeypatch.setenv("CONVERSATION_STORE_ASSISTANTS", "busy quiet idle")
    await provision(store_bus)
    runner, slots = Runner(0.05), Slots(slots_count)
    specs = [runs_mailbox(assistant_id) for assistant_id in ("busy", "quiet", "idle")]
    async with at_work([Mailbox(runner_bus, runner, spec=spec, slots=slots) for spec in specs]):
        await ask(store_bus, "busy", 12)
        await ask(store_bus, "quiet", 2)
        await all_done(runner, 14)
    assert runner.most[0] <= slots_count
    assert (slots.free, slots.sharers) == (slots_count, 0)


async def test_mailboxes_that_stop_take_nothing_on_while_another_one_drains(
    store_bus: Bus, runner_bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CONVERSATION_STORE_ASSISTANTS", "slow quick")
    await provision(store_bus)
    runner = Runner(1.0)
    mailboxes = [
        Mailbox(runner_bus, runner, spec=runs_mailbox(assistant_id), slots=8) for assistant_id in ("quick", "slow")
    ]
    async with at_work(mailboxes):
        await ask(store_bus, "slow", 1)
        async with asyncio.timeout(5):
            while not runner.at_work:
                await asyncio.sleep(0.02)
        late = asyncio.create_task(ask_after(store_bus, 0.3))
    await late
    assert runner.done == ["slow_0"]


async def ask_after(bus: Bus, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await ask(bus, "quick", 1)
