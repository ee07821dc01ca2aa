"""A runner dies in a function tool, in a handoff, in a nested agent: another goes on, and no effect happens twice."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from agent_runner.crash_points import CrashPoint
from contracts.identity import Principal
from contracts.queries import GetConversation
from contracts.replies import TurnBegun

from tests.fault.runner.test_crash_points import order, replace_killed, replace_the_dead, until_reached
from tests.openai_server import OpenaiServer, text, tool
from tests.runner_stack import RunnerStack, Watched, runner_stack

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.slow]
IN_EVERY_RUN = {CrashPoint.AFTER_TOOL_CALLED, CrashPoint.IN_HANDOFF, CrashPoint.IN_NESTED_AGENT}
"""A runner dies where each promise is hardest to keep; everywhere else in `make test-thorough`."""
PEOPLE = Path(__file__).parents[2] / "people"
LEASE_SECONDS = 1.5


@dataclass
class Shop:
    stack: RunnerStack
    model: OpenaiServer
    effects_file: Path

    def effects(self, word: str) -> list[str]:
        lines = self.effects_file.read_text().splitlines() if self.effects_file.exists() else []
        return [line for line in lines if line.endswith(word)]

    def told(self, word: str) -> list[str]:
        """The instructions of each request that holds the word."""
        return [
            str(request["instructions"]).split("\n")[0]
            for request in self.model.requests
            if word in str(request["input"])
        ]

    async def ask_and_kill(self, user: str, word: str, point: CrashPoint, passes: int = 0) -> tuple[TurnBegun, Watched]:
        """A turn whose runner is killed at a point."""
        await replace_the_dead(self.stack, ready_count=1)
        order(self.stack, [point], signal.SIGKILL, passes)
        begun = await self.stack.begin(user, f"go {word}")
        await until_reached(self.stack, point)
        await replace_killed(self.stack, 1)
        seen = await self.stack.watch(user, begun)
        assert seen.end is not None
        assert seen.end["type"] == "run.completed", self.stack.logs()
        assert any(event["type"] == "run.restarted" for event in seen.run_events)
        return begun, seen

    async def calls(self, user: str, begun: TurnBegun) -> dict[str, tuple[str, Any]]:
        items = await self.stack.items(user, begun.conversation_id)
        assert [item.type for item in items].count("assistant_message") == 1
        return {call.name: (call.status, call.result) for call in items[-1].tool_calls}


async def a_shop(
    directory: Path, nats_url: str, database_url: str, target: str, model: OpenaiServer
) -> AsyncIterator[Shop]:
    async with runner_stack(
        directory,
        nats_url,
        database_url,
        runners=2,
        lease_seconds=LEASE_SECONDS,
        AGENT_RUNNER_TEST_CRASH_DIRECTORY=str(directory),
        AGENT_RUNNER_ASSISTANTS=f"todo={PEOPLE / target}",
        OPENAI_API_KEY="sk-test",
        OPENAI_BASE_URL=model.base_url,
        SHOP_EFFECTS=str(directory / "effects"),
    ) as stack:
        yield Shop(stack, model, directory / "effects")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str
) -> AsyncIterator[Shop]:
    directory = tmp_path_factory.mktemp("shop")
    async with OpenaiServer(script=[text("What?")]).running() as model:
        async for shop in a_shop(directory, module_nats_url, module_database_url, "shop.py:agent", model):
            yield shop


FUNCTION_TOOL = {
    CrashPoint.AFTER_CHECKPOINT: (1, "success"),
    CrashPoint.AFTER_TOOL_BEGUN: (0, "unknown"),
    CrashPoint.AFTER_TOOL_CALLED: (1, "unknown"),
    CrashPoint.AFTER_TOOL_FINISHED: (1, "success"),
    CrashPoint.BEFORE_OUTPUTS_CHECKPOINT: (1, "success"),
    CrashPoint.AFTER_OUTPUTS_CHECKPOINT: (1, "success"),
}
"""Where its runner dies: how often a function tool that may not be repeated had its effect, and what is told of it."""


def thorough(points: Iterable[CrashPoint]) -> list[Any]:
    return [pytest.param(point, marks=[pytest.mark.thorough] * (point not in IN_EVERY_RUN)) for point in points]


@pytest.mark.parametrize("point", thorough(FUNCTION_TOOL), ids=str)
async def test_a_function_tool_has_its_effect_at_most_once_and_its_outcome_is_told(
    shop: Shop, point: CrashPoint
) -> None:
    word = f"card{list(FUNCTION_TOOL).index(point)}"
    shop.model.scripts[word] = [tool("charge", word=word), text("Done.")]
    begun, seen = await shop.ask_and_kill(f"tool.{point}", word, point)
    effects, status = FUNCTION_TOOL[point]
    assert shop.effects(word) == [f"charge {word}"] * effects
    assert (await shop.calls(f"tool.{point}", begun))["charge"][0] == status
    assert seen.viewer.texts() == seen.viewer.stored_texts() == ["Done."]
    assert len(shop.told(word)) == 2, "the model is not asked again for what it has said"


async def test_a_runner_that_is_killed_in_the_middle_of_a_tool_leaves_its_outcome_unknown(shop: Shop) -> None:
    shop.model.scripts["snail"] = [tool("slow", word="snail"), text("Nobody knows.")]
    await replace_the_dead(shop.stack, ready_count=2)
    begun = await shop.stack.begin("slow", "go snail")
    async with asyncio.timeout(20):
        while not shop.effects("snail"):
            await asyncio.sleep(0.02)
    for name in ("runner0", "runner1"):
        shop.stack.services[name].send(signal.SIGKILL)
    await replace_killed(shop.stack, 2)
    seen = await shop.stack.watch("slow", begun)
    assert seen.viewer.texts() == ["Nobody knows."]
    assert shop.effects("snail") == ["slow begins snail"]
    assert (await shop.calls("slow", begun))["slow"][0] == "unknown"


HANDOFF = [
    CrashPoint.AFTER_CHECKPOINT,
    CrashPoint.IN_HANDOFF,
    CrashPoint.BEFORE_OUTPUTS_CHECKPOINT,
    CrashPoint.AFTER_OUTPUTS_CHECKPOINT,
]


@pytest.mark.parametrize("point", thorough(HANDOFF), ids=str)
async def test_a_takeover_goes_on_with_the_agent_that_was_handed_over_to(shop: Shop, point: CrashPoint) -> None:
    word = f"back{HANDOFF.index(point)}"
    shop.model.scripts[word] = [tool("transfer_to_refunds"), tool("charge", word=word), text("Refunded.")]
    before = len(shop.effects("handed over"))
    begun, seen = await shop.ask_and_kill(f"handoff.{point}", word, point)
    assert seen.viewer.texts() == ["Refunded."]
    assert shop.told(word) == ["You are TRIAGE.", "You are REFUNDS.", "You are REFUNDS."]
    assert shop.effects(f"charge {word}") == [f"charge {word}"]
    assert len(shop.effects("handed over")) == before + 1
    calls = await shop.calls(f"handoff.{point}", begun)
    assert {name: status for name, (status, _) in calls.items()} == {
        "transfer_to_refunds": "success",
        "charge": "success",
    }


NESTED = {
    (CrashPoint.AFTER_TOOL_BEGUN, 0): 1,  # of the call that begins the nested agent
    (CrashPoint.IN_NESTED_AGENT, 0): 1,
    (CrashPoint.AFTER_TOOL_BEGUN, 1): 0,  # of the tool inside
    (CrashPoint.AFTER_TOOL_CALLED, 0): 1,
    (CrashPoint.AFTER_TOOL_FINISHED, 0): 1,
    (CrashPoint.IN_NESTED_AGENT, 1): 1,
    (CrashPoint.AFTER_TOOL_FINISHED, 1): 1,
}
"""Where its runner dies, and at which passing: how often the tool of a nested agent had its effect."""


@pytest.mark.parametrize(
    ("point", "passes"),
    [pytest.param(*at, marks=[pytest.mark.thorough] * (at != (CrashPoint.IN_NESTED_AGENT, 0))) for at in NESTED],
    ids=str,
)
async def test_a_nested_agent_goes_on_where_it_was(shop: Shop, point: CrashPoint, passes: int) -> None:
    number = list(NESTED).index((point, passes))
    outer, inner = f"book{number}", f"page{number}"
    shop.model.scripts[outer] = [tool("research", input=inner)]
    # An answer that was not recorded is asked for again, so each is given once more.
    asked_again = point == CrashPoint.IN_NESTED_AGENT
    steps = [tool("charge", word=inner), text("It says so.")]
    if asked_again:
        steps.insert(passes, steps[passes])
    shop.model.scripts[inner] = [*steps, text("Found.")]
    begun, seen = await shop.ask_and_kill(f"nested.{number}", outer, point, passes)
    assert seen.viewer.texts() == ["Found."]
    assert shop.effects(inner) == [f"charge {inner}"] * NESTED[point, passes]
    calls = await shop.calls(f"nested.{number}", begun)
    assert calls["research"] == ("success", "It says so.")


@pytest.mark.thorough
async def test_a_tool_that_says_so_is_repeated_with_the_same_call_id(shop: Shop) -> None:
    for name in ("runner0", "runner1"):
        runner = shop.stack.services[name]
        runner.stop()
        target = f"todo={PEOPLE / 'natter_shop.py'}:assistant"
        runner.environment = {**runner.environment, "AGENT_RUNNER_ASSISTANTS": target}
    shop.model.scripts["glass"] = [tool("look", word="glass"), text("Looked.")]
    begun, _ = await shop.ask_and_kill("look", "glass", CrashPoint.AFTER_TOOL_CALLED)
    assert shop.effects("glass") == ["look glass"] * 2
    assert (await shop.calls("look", begun))["look"] == ("success", "looked glass")
    shop.model.scripts["stone"] = [tool("remember", word="stone"), text("Remembered.")]
    begun, _ = await shop.ask_and_kill("remember", "stone", CrashPoint.AFTER_TOOL_FINISHED)
    (status, result) = (await shop.calls("remember", begun))["remember"]
    assert (status, result["run_id"]) == ("success", begun.run_id)
    known = await shop.stack.bus.request(
        GetConversation(principal=Principal(user_id="remember"), conversation_id=begun.conversation_id)
    )
    assert (known.conversation.title, known.conversation.metadata) == ("About stone", {"word": "stone"})
    told = [request for request in shop.model.requests if "stone" in str(request["input"])][-1]
    assert str(told["input"]).count("The word is stone.") == 1
