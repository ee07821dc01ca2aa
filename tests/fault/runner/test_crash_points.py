"""A runner is killed, or paused, at every step of a run with three tool calls; another finishes it exactly once."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from agent_runner.crash_points import CrashPoint
from contracts.replies import TurnBegun
from contracts.streams import RUNS_MAILBOX

from tests.runner_stack import RunnerStack, RunningService, Watched, runner_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEASE_SECONDS = 1.5
QUIET_SECONDS = 1.0
REQUEST = "add task one, then list my tasks, then complete one"
ANSWER = "Added “one” to your list.\nYou have 1 task:\n1. one\nCompleted “one”."
CALLS = ["add_task", "list_tasks", "complete_task"]

# Every step at its first tool call; the steps that mean something else with results behind them, at the third.
KILLS = [(point, 0) for point in CrashPoint] + [
    (CrashPoint.AFTER_CHECKPOINT, 2),
    (CrashPoint.AFTER_TOOL_CALLED, 2),
    (CrashPoint.AFTER_OUTPUTS_CHECKPOINT, 2),
]
PAUSES = [
    (CrashPoint.AFTER_FIRST_DELTA, 0),
    (CrashPoint.AFTER_CHECKPOINT, 1),
    (CrashPoint.AFTER_TOOL_CALLED, 0),
    (CrashPoint.BEFORE_FINISH, 0),
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str
) -> AsyncIterator[RunnerStack]:
    directory = tmp_path_factory.mktemp("crashes")
    async with runner_stack(
        directory,
        module_nats_url,
        module_database_url,
        runners=3,
        lease_seconds=LEASE_SECONDS,
        AGENT_RUNNER_TEST_CRASH_DIRECTORY=str(directory),
        AGENT_RUNNER_SLOTS="4",
    ) as running:
        yield running


def runners(stack: RunnerStack) -> list[RunningService]:
    return [service for name, service in stack.services.items() if name.startswith("runner")]


async def until_reached(stack: RunnerStack, point: CrashPoint) -> None:
    async with asyncio.timeout(20):
        while (stack.directory / point).exists():
            await asyncio.sleep(0.01)


async def replace_the_dead(stack: RunnerStack, *, ready_count: int = 2) -> None:
    """Start new processes for those that were killed, and wait until enough are ready for the next test."""
    for runner in runners(stack):
        if runner.has_died:
            runner.start()
    async with asyncio.timeout(60):
        while sum([await asyncio.to_thread(runner.is_ready) for runner in runners(stack)]) < ready_count:
            await asyncio.sleep(0.05)


async def check_history(stack: RunnerStack, user: str, begun: TurnBegun, seen: Watched) -> None:
    """One user row, one terminal state, one answer, each effect once, deltas seen = text stored."""
    run = await stack.run(user, begun.run_id)
    assert run.status == "completed"
    assert seen.end is not None
    assert seen.end["type"] == "run.completed"
    assert seen.viewer.texts() == seen.viewer.stored_texts() == [ANSWER]
    items = await stack.items(user, begun.conversation_id)
    assert [item.type for item in items] == ["user_message", "workflow", "assistant_message"]
    assert [item.item for item in items] == list(seen.viewer.items.values())
    assert items[2].content == ANSWER
    assert [(call.name, call.status) for call in items[2].tool_calls] == [(name, "success") for name in CALLS]
    assert [task["status_indicator"] for task in seen.viewer.tasks()] == ["complete"] * 3
    assert [(task.title, task.completed) for task in await stack.tasks(user)] == [("one", True)]


def identify(case: tuple[CrashPoint, int]) -> str:
    return f"{case[0]}-{case[1] + 1}"


@pytest.mark.parametrize("case", KILLS, ids=identify)
async def test_a_killed_run_is_answered_exactly_once(stack: RunnerStack, case: tuple[CrashPoint, int]) -> None:
    point, passes = case
    await replace_the_dead(stack)
    user = f"kill.{identify(case)}"
    (stack.directory / point).write_text(f"{signal.SIGKILL.name} {passes}")
    begun = await stack.begin(user, REQUEST)
    await until_reached(stack, point)
    seen = await stack.watch(user, begun)
    async with asyncio.timeout(10):
        while not any(runner.has_died for runner in runners(stack)):
            await asyncio.sleep(0.01)
    await check_history(stack, user, begun, seen)
    restarted = [event["epoch"] for event in seen.run_events if event["type"] == "run.restarted"]
    assert bool(restarted) == (point not in {CrashPoint.BEFORE_CLAIM, CrashPoint.AFTER_FINISH})


@pytest.mark.parametrize("case", PAUSES, ids=identify)
async def test_a_paused_runner_that_wakes_after_takeover_changes_nothing(
    stack: RunnerStack, case: tuple[CrashPoint, int]
) -> None:
    point, passes = case
    await replace_the_dead(stack)
    user = f"pause.{identify(case)}"
    (stack.directory / point).write_text(f"{signal.SIGSTOP.name} {passes}")
    begun = await stack.begin(user, REQUEST)
    await until_reached(stack, point)
    seen = await stack.watch(user, begun)
    (sleeper,) = [runner for runner in runners(stack) if runner.is_paused()]
    before = await stack.deltas(user, begun), await stack.run(user, begun.run_id)
    sleeper.send(signal.SIGCONT)
    await asyncio.sleep(QUIET_SECONDS)
    assert (await stack.deltas(user, begun), await stack.run(user, begun.run_id)) == before
    await check_history(stack, user, begun, seen)
    if point is not CrashPoint.BEFORE_FINISH:  # a second finish is answered with what was there, and changes nothing
        assert '"run.fenced"' in Path(sleeper.log_file).read_text()
    # It is of use again.
    assert not sleeper.has_died


async def test_parallel_calls_of_a_killed_run_have_their_effects_once(stack: RunnerStack) -> None:
    await replace_the_dead(stack)
    (stack.directory / CrashPoint.AFTER_TOOL_FINISHED).write_text(f"{signal.SIGKILL.name} 1")
    begun = await stack.begin("parallel", "add tasks: a, b, c")
    seen = await stack.watch("parallel", begun)
    assert seen.viewer.texts() == seen.viewer.stored_texts()
    assert [task["status_indicator"] for task in seen.viewer.tasks()] == ["complete"] * 3
    assert sorted(task.title for task in await stack.tasks("parallel")) == ["a", "b", "c"]
    assert any(event["type"] == "run.restarted" for event in seen.run_events)


async def test_a_runner_that_is_told_to_stop_gives_its_run_to_another(stack: RunnerStack) -> None:
    await replace_the_dead(stack, ready_count=3)
    begun = await stack.begin("handed", "count to 1000")
    async with asyncio.timeout(20):
        while not (texts := Watched.of(await stack.deltas("handed", begun)).viewer.texts()) or len(texts[0]) < 50:
            await asyncio.sleep(0.02)
    for runner in runners(stack)[:2]:  # one of the three is left
        runner.stop()
        assert runner.process is not None
        assert runner.process.returncode == 0
    seen = await stack.watch("handed", begun)
    assert seen.viewer.texts() == seen.viewer.stored_texts() == [" ".join(str(n) for n in range(1, 1001))]


async def test_a_run_that_kills_every_runner_is_given_up_and_its_user_told(stack: RunnerStack) -> None:
    await replace_the_dead(stack)
    order = stack.directory / CrashPoint.AFTER_FIRST_DELTA
    order.write_text(f"{signal.SIGKILL.name} 0")
    begun = await stack.begin("poison", "count to 50")
    kills = 0
    async with asyncio.timeout(100):
        while (await stack.run("poison", begun.run_id)).status in ("queued", "running"):
            if not order.exists():
                kills += 1
                order.write_text(f"{signal.SIGKILL.name} 0")
                await replace_the_dead(stack, ready_count=1)
            await asyncio.sleep(0.02)
    order.unlink(missing_ok=True)
    # A delivery may be lost to a slow machine, but never one more than there are.
    assert 1 <= kills < RUNS_MAILBOX.max_deliver
    seen = await stack.watch("poison", begun)
    assert seen.end is not None
    assert (seen.end["type"], seen.end["code"]) == ("run.failed", "run_attempts_exhausted")
    (error,) = [event for event in seen.events if event["type"] == "error"]
    assert error["allow_retry"]
    assert seen.viewer.texts() == []  # what the dead attempts had shown is withdrawn
    letter = await stack.bus.direct_get_last("DEAD_LETTERS", "dead_letter.agent_runner.>")
    assert letter is not None
    assert json.loads(letter.payload)["code"] == "run_attempts_exhausted"
