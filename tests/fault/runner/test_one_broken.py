"""Of two assistants, each with its own runner, one is broken: the other answers on, and no message to it is lost."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio
from contracts.replies import TurnBegun

from tests.runner_stack import RunnerStack, RunningService, Watched, runner_stack

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
LEASE_SECONDS = 1.5
SOUND = "from agents import Agent\nagent = Agent(name='Sound')\n"


@dataclass
class Two:
    stack: RunnerStack
    file: Path
    """The code of the assistant that breaks."""
    good: RunningService
    bad: RunningService

    async def good_answers(self, user: str) -> None:
        begun = await self.stack.begin(user, "count to 3", assistant_id="good")
        seen = await self.stack.watch(user, begun, seconds_max=10)
        assert seen.viewer.texts() == ["1 2 3"]

    async def waits(self, user: str, begun: TurnBegun) -> None:
        assert (await self.stack.run(user, begun.run_id)).status == "queued"
        assert Watched.of(await self.stack.deltas(user, begun)).run_events == []

    async def is_answered(self, user: str, begun: TurnBegun, until: int) -> list[str]:
        """What its viewers were told of a run that counts."""
        seen = await self.stack.watch(user, begun)
        counted = " ".join(str(number) for number in range(1, until + 1))
        assert seen.viewer.texts() == seen.viewer.stored_texts() == [counted]
        return [event["type"] for event in seen.run_events]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def two(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str
) -> AsyncIterator[Two]:
    directory = tmp_path_factory.mktemp("two")
    good, bad = directory / "good.py", directory / "bad.py"
    good.write_text(SOUND)
    bad.write_text("import no_such_thing\n" + SOUND)
    assistants = {"AGENT_RUNNER_ASSISTANTS": f"good={good}:agent,bad={bad}:agent"}
    async with runner_stack(
        directory,
        module_nats_url,
        module_database_url,
        runners=0,
        lease_seconds=LEASE_SECONDS,
        assistants=("good", "bad"),
    ) as stack:
        runners = [stack.add_runner(name, {**assistants, "AGENT_RUNNER_SERVES": name}) for name in ("good", "bad")]
        for runner in runners:
            runner.start()
        await runners[0].wait_until_ready()
        yield Two(stack, bad, *runners)


async def test_one_that_cannot_be_imported_keeps_its_messages_until_it_can(two: Two) -> None:
    begun = await two.stack.begin("ann", "count to 5", assistant_id="bad")
    await two.good_answers("bob")
    async with asyncio.timeout(20):
        while "assistant.not_loaded" not in two.bad.log_file.read_text():
            await asyncio.sleep(0.05)
    assert "no_such_thing" in two.bad.log_file.read_text()
    assert not two.bad.is_ready(), "nobody takes it for a runner"
    await two.waits("ann", begun)
    two.file.write_text(SOUND)
    two.bad.stop()
    two.bad.start()
    assert await two.is_answered("ann", begun, until=5) == ["run.started", "run.completed"]


async def test_one_whose_runner_is_gone_goes_on_when_it_is_back(two: Two) -> None:
    await two.bad.wait_until_ready()
    cut = await two.stack.begin("carol", "count to 300", assistant_id="bad")
    async with asyncio.timeout(20):
        while len("".join(Watched.of(await two.stack.deltas("carol", cut)).viewer.texts())) < 20:
            await asyncio.sleep(0.02)
    two.bad.send(signal.SIGKILL)
    async with asyncio.timeout(10):
        while not two.bad.has_died:
            await asyncio.sleep(0.02)
    waiting = await two.stack.begin("dave", "count to 4", assistant_id="bad")
    await asyncio.sleep(2 * LEASE_SECONDS)  # in this time another runner would have gone on with it
    await two.good_answers("erin")
    await two.waits("dave", waiting)
    assert [event["type"] for event in Watched.of(await two.stack.deltas("carol", cut)).run_events] == ["run.started"]
    two.bad.start()
    assert await two.is_answered("dave", waiting, until=4) == ["run.started", "run.completed"]
    assert await two.is_answered("carol", cut, until=300) == ["run.started", "run.restarted", "run.completed"]
