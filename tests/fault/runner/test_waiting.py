"""A run that waits for a person: whatever dies before, while or after it waits, it is asked and decided once."""

import asyncio
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from agent_runner.crash_points import CrashPoint
from contracts.commands import DecideCall
from contracts.identity import Principal
from contracts.replies import RunView, TurnBegun

from tests.fault.runner.test_crash_points import order, replace_killed, replace_the_dead, until_reached
from tests.openai_server import OpenaiServer, text, tool
from tests.runner_stack import RunnerStack, Watched, runner_stack

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
PEOPLE = Path(__file__).parents[2] / "people"
LEASE_SECONDS = 1.5


@dataclass
class Careful:
    stack: RunnerStack
    model: OpenaiServer
    effects_file: Path

    def effects(self, word: str) -> list[str]:
        lines = self.effects_file.read_text().splitlines() if self.effects_file.exists() else []
        return [line for line in lines if word in line]

    async def begin(self, user: str, word: str, called: str) -> TurnBegun:
        self.model.scripts[word] = [tool(called, word=word), text("Done.")]
        return await self.stack.begin(user, f"do {word}")

    async def waits(self, user: str, begun: TurnBegun) -> RunView:
        async with asyncio.timeout(30):
            while (run := await self.stack.run(user, begun.run_id)).status != "waiting":
                await asyncio.sleep(0.05)
        return run

    async def decide(self, user: str, run: RunView, **said: Any) -> None:
        [call] = run.waiting_for
        principal = Principal(user_id=user)
        await self.stack.bus.request(DecideCall(principal=principal, run_id=run.run_id, call_id=call.call_id, **said))

    async def is_done(self, user: str, begun: TurnBegun) -> Watched:
        seen = await self.stack.watch(user, begun)
        assert seen.end is not None
        assert seen.end["type"] == "run.completed", self.stack.logs()
        assert seen.viewer.texts() == seen.viewer.stored_texts() == ["Done."]
        items = await self.stack.items(user, begun.conversation_id)
        assert [item.type for item in items].count("structured_input") == 1, "it was asked once"
        return seen


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def careful(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str
) -> AsyncIterator[Careful]:
    directory = tmp_path_factory.mktemp("careful")
    async with (
        OpenaiServer(script=[text("What?")]).running() as model,
        runner_stack(
            directory,
            module_nats_url,
            module_database_url,
            runners=2,
            lease_seconds=LEASE_SECONDS,
            AGENT_RUNNER_TEST_CRASH_DIRECTORY=str(directory),
            AGENT_RUNNER_ASSISTANTS=f"todo={PEOPLE / 'careful.py'}:agent",
            OPENAI_API_KEY="sk-test",
            OPENAI_BASE_URL=model.base_url,
            CAREFUL_EFFECTS=str(directory / "effects"),
        ) as stack,
    ):
        yield Careful(stack, model, directory / "effects")


@pytest.mark.parametrize(
    ("called", "point"),
    [
        ("pay", CrashPoint.BEFORE_SUSPEND),
        ("pay", CrashPoint.AFTER_SUSPEND),
        ("maybe", CrashPoint.AFTER_ASKED),
    ],
)
async def test_a_runner_that_is_killed_while_it_asks_leaves_one_question(
    careful: Careful, called: str, point: CrashPoint
) -> None:
    user, word = f"asks.{called}.{point}", f"word{called}{list(CrashPoint).index(point)}"
    await replace_the_dead(careful.stack, ready_count=1)
    order(careful.stack, [point], signal.SIGKILL)
    begun = await careful.begin(user, word, called)
    await until_reached(careful.stack, point)
    await replace_killed(careful.stack, 1)
    run = await careful.waits(user, begun)
    assert careful.effects(word) == []
    await careful.decide(user, run, **({"decision": "approve"} if called == "pay" else {"answer": {"q1": True}}))
    await careful.is_done(user, begun)
    assert careful.effects(word) == ([f"pay {word}"] if called == "pay" else [])


@pytest.mark.parametrize(
    ("point", "effects_count"),
    [(CrashPoint.BEFORE_CLAIM, 1), (CrashPoint.AFTER_CLAIM, 1), (CrashPoint.AFTER_TOOL_FINISHED, 1),
     (CrashPoint.AFTER_TOOL_CALLED, 1), (CrashPoint.AFTER_TOOL_BEGUN, 0)],
)  # fmt: skip
async def test_after_the_decision_a_kill_leaves_its_effect_at_most_once(
    careful: Careful, point: CrashPoint, effects_count: int
) -> None:
    user, word = f"decided.{point}", f"done{list(CrashPoint).index(point)}"
    await replace_the_dead(careful.stack, ready_count=1)
    begun = await careful.begin(user, word, "pay")
    run = await careful.waits(user, begun)
    order(careful.stack, [point], signal.SIGKILL)
    await careful.decide(user, run, decision="approve")
    await until_reached(careful.stack, point)
    await replace_killed(careful.stack, 1)
    await careful.is_done(user, begun)
    assert careful.effects(word) == [f"pay {word}"] * effects_count


async def test_a_runner_that_is_paused_while_it_asks_and_wakes_after_the_decision_changes_nothing(
    careful: Careful,
) -> None:
    await replace_the_dead(careful.stack)
    order(careful.stack, [CrashPoint.BEFORE_SUSPEND], signal.SIGSTOP)
    begun = await careful.begin("paused", "slept", "pay")
    await until_reached(careful.stack, CrashPoint.BEFORE_SUSPEND)
    run = await careful.waits("paused", begun)  # by the other one, after the lease
    await careful.decide("paused", run, decision="approve")
    await careful.is_done("paused", begun)
    for name in ("runner0", "runner1"):
        careful.stack.services[name].send(signal.SIGCONT)
    await asyncio.sleep(1)
    await careful.is_done("paused", begun)
    assert careful.effects("slept") == ["pay slept"]
