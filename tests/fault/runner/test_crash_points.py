"""A runner is killed, or paused, at every step of a run with three tool calls; another finishes it exactly once."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Iterable

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

WAITING = {CrashPoint.AFTER_ASKED, CrashPoint.BEFORE_SUSPEND, CrashPoint.AFTER_SUSPEND}
ELSEWHERE = {CrashPoint.IN_NESTED_AGENT, CrashPoint.IN_HANDOFF, *WAITING}
"""The todo assistant never comes there: test_assistants.py, test_waiting.py."""
POINTS = [point for point in CrashPoint if point not in ELSEWHERE]
# Every step, two at a time, one early and one late in a run: there are three runners, so one is left.
PAIRS = list(zip(POINTS[: len(POINTS) // 2], POINTS[len(POINTS) // 2 :], strict=True))
# In `make test` each step once, killed in one half of the pairs, paused in the other; the rest in `make test-thorough`.
KILLED = [pytest.param(pair, marks=[pytest.mark.thorough] * (number % 2)) for number, pair in enumerate(PAIRS)]
PAUSED = [pytest.param(pair, marks=[pytest.mark.thorough] * (1 - number % 2)) for number, pair in enumerate(PAIRS)]
# Steps that mean something else with results behind them, at the third tool call.
THIRD = [
    pytest.param(CrashPoint.AFTER_CHECKPOINT, marks=pytest.mark.thorough),
    CrashPoint.AFTER_TOOL_CALLED,
    pytest.param(CrashPoint.AFTER_OUTPUTS_CHECKPOINT, marks=pytest.mark.thorough),
]
WITHOUT_A_CLAIM = {CrashPoint.BEFORE_CLAIM, CrashPoint.AFTER_FINISH}
"""Who dies there leaves no run that has to be claimed once more."""
UNNOTICED = {*WITHOUT_A_CLAIM, CrashPoint.BEFORE_FINISH}
"""Who wakes there asks for what is so already (a run that is finished), and hears just that."""


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


async def replace_killed(stack: RunnerStack, count: int) -> None:
    """See that so many have died, and start others: they come up while the living finish what there is."""
    async with asyncio.timeout(10):
        while sum(runner.has_died for runner in runners(stack)) < count:
            await asyncio.sleep(0.01)
    await replace_the_dead(stack, ready_count=0)


async def check_history(stack: RunnerStack, user: str, begun: TurnBegun, seen: Watched) -> None:
    """One user row, one terminal state, one answer, each effect once, deltas seen = text stored."""
    run = await stack.run(user, begun.run_id)
    assert run.status == "completed", f"{run}\n{stack.logs()}"
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


async def begin_two(stack: RunnerStack, name: str) -> dict[str, TurnBegun]:
    return {user: await stack.begin(user, REQUEST) for user in (f"{name}.1", f"{name}.2")}


def order(stack: RunnerStack, points: Iterable[CrashPoint], number: signal.Signals, passes: int = 0) -> None:
    for point in points:
        (stack.directory / point).write_text(f"{number.name} {passes}")


@pytest.mark.parametrize("points", KILLED, ids="-".join)
async def test_killed_runs_are_answered_exactly_once(stack: RunnerStack, points: tuple[CrashPoint, CrashPoint]) -> None:
    await replace_the_dead(stack)
    order(stack, points, signal.SIGKILL)
    runs = await begin_two(stack, f"kill.{points[0]}")
    for point in points:
        await until_reached(stack, point)
    await replace_killed(stack, len(points))
    claims_again = 0
    for user, begun in runs.items():
        await check_history(stack, user, begun, await stack.watch(user, begun))
        claims_again += (await stack.run(user, begun.run_id)).epoch - 1
    assert claims_again >= len(set(points) - WITHOUT_A_CLAIM)


@pytest.mark.parametrize("point", THIRD, ids=str)
async def test_a_run_that_is_killed_at_its_third_call_is_answered_exactly_once(
    stack: RunnerStack, point: CrashPoint
) -> None:
    await replace_the_dead(stack)
    order(stack, [point], signal.SIGKILL, passes=2)
    user = f"third.{point}"
    begun = await stack.begin(user, REQUEST)
    await until_reached(stack, point)
    await replace_killed(stack, 1)
    seen = await stack.watch(user, begun)
    await check_history(stack, user, begun, seen)
    assert any(event["type"] == "run.restarted" for event in seen.run_events)


@pytest.mark.parametrize("points", PAUSED, ids="-".join)
async def test_paused_runners_that_wake_after_takeover_change_nothing(
    stack: RunnerStack, points: tuple[CrashPoint, CrashPoint]
) -> None:
    await replace_the_dead(stack, ready_count=3)
    order(stack, points, signal.SIGSTOP)
    runs = await begin_two(stack, f"pause.{points[0]}")
    for point in points:
        await until_reached(stack, point)
    seen = {user: await stack.watch(user, begun) for user, begun in runs.items()}
    before = [(await stack.deltas(user, begun), await stack.run(user, begun.run_id)) for user, begun in runs.items()]
    sleepers = [runner for runner in runners(stack) if runner.is_paused()]
    assert len(sleepers) == len(points)
    for sleeper in sleepers:
        sleeper.send(signal.SIGCONT)
    await asyncio.sleep(QUIET_SECONDS)
    after = [(await stack.deltas(user, begun), await stack.run(user, begun.run_id)) for user, begun in runs.items()]
    assert after == before
    for user, begun in runs.items():
        await check_history(stack, user, begun, seen[user])
    for sleeper in sleepers:
        assert not sleeper.has_died  # it is of use again
        last_order = sleeper.log_file.read_text().rpartition('"crash_point.reached"')
        point = next(point for point in points if f'"point": "{point}"' in line_around(last_order))
        assert point in UNNOTICED or '"run.fenced"' in last_order[2], point


def line_around(cut: tuple[str, str, str]) -> str:
    """The line that was cut in three."""
    return cut[0].rpartition("\n")[2] + cut[1] + cut[2].partition("\n")[0]


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


@pytest.mark.thorough
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
    async with asyncio.timeout(10):  # it follows the end that its user is told
        while (letter := await stack.bus.direct_get_last("DEAD_LETTERS", "dead_letter.agent_runner.>")) is None:
            await asyncio.sleep(0.05)
    assert json.loads(letter.payload)["code"] == "run_attempts_exhausted"
