"""A run from the accepted message to its stored end: store, runner, task tools, NATS and Postgres, all real."""

import asyncio
import contextlib
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest
from actor_kit.bus import Bus
from agent_runner.app import desk_of
from agent_runner.assistants import LoadedAssistants, serve
from agent_runner.attempt import RunAttempt
from agent_runner.crash_points import CrashPoints
from agent_runner.demo import DemoModel
from agent_runner.file_text import FileTexts
from agent_runner.frames import Frames
from agent_runner.models import Models
from agent_runner.pictures import Pictures
from agent_runner.session import StoreSession
from agent_runner.settings import Settings
from agent_runner.store import Store
from agent_runner.workshop import Workshop
from agents import Agent, RunConfig, Runner
from contracts.commands import CancelRun, ClaimRun, FinishRun, RunRequested
from contracts.errors import Code, RetryableError, TerminalError
from contracts.events import EVENT_HEADER
from contracts.identity import Principal
from contracts.replies import RunClaimed, TurnBegun
from contracts.subjects import subject_of
from file_store import open_file_store
from natterkit import Assistant

from tests.runner_stack import RunnerStack, RunningService

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_task_is_added_through_the_real_tool_and_shown(stack: RunnerStack) -> None:
    begun, seen = await stack.ask("alice", "add a task: buy milk")
    assert [event["type"] for event in seen.run_events] == ["run.started", "run.completed"]
    assert seen.viewer.texts() == seen.viewer.stored_texts() == ["Added “buy milk” to your list."]
    indicators = [
        event["update"]["task"]["status_indicator"]
        for event in seen.events
        if event.get("update", {}).get("type", "").startswith("workflow.task.")
    ]
    assert indicators == ["loading", "complete"]
    assert [(task.title, task.completed) for task in await stack.tasks("alice")] == [("buy milk", False)]
    messages = await stack.items("alice", begun.conversation_id, messages_only=True)
    assert [message.role for message in messages] == ["user", "assistant"]
    (call,) = messages[1].tool_calls
    assert (call.name, call.status, call.arguments) == ("add_task", "success", {"title": "buy milk"})
    assert messages[1].content == "Added “buy milk” to your list."
    run = await stack.run("alice", begun.run_id)
    assert (run.status, run.model, run.epoch) == ("completed", "demo", 1)
    assert run.usage is not None
    assert run.usage.requests == 2
    assert seen.viewer.titles == ["Add a task: buy milk"]


async def test_a_conversation_goes_on_with_its_context(stack: RunnerStack) -> None:
    user = "context"
    begun, _ = await stack.ask(user, "add tasks: buy milk, call mom")
    conversation_id = begun.conversation_id
    _, listed = await stack.ask(user, "list my tasks", conversation_id)
    assert listed.viewer.texts() == ["You have 2 tasks:\n1. buy milk\n2. call mom"]
    _, completed = await stack.ask(user, "complete the first one", conversation_id)
    assert completed.viewer.texts() == ["Completed “buy milk”."]
    # "the first one" was known from the list before: one call, no second look.
    assert [task["title"] for task in completed.viewer.tasks()] == ["Completed task “buy milk”"]
    assert [(task.title, task.completed) for task in await stack.tasks(user)] == [
        ("buy milk", True),
        ("call mom", False),
    ]
    messages = await stack.items(user, conversation_id, messages_only=True)
    assert [message.role for message in messages] == ["user", "assistant"] * 3
    assert len(messages[1].tool_calls) == 2


async def test_renaming_and_deleting_in_one_message(stack: RunnerStack) -> None:
    user = "several"
    _, seen = await stack.ask(user, "add task x, then rename x to y, then delete y, then list my tasks")
    assert seen.viewer.texts() == [
        "Added “x” to your list.\nRenamed it to “y”.\nDeleted “y”.\nThere is nothing on your list."
    ]
    assert await stack.tasks(user) == []
    assert len([item for item in seen.viewer.items.values() if item["type"] == "workflow"]) == 1


async def test_a_long_answer_is_stored_as_it_was_streamed(stack: RunnerStack) -> None:
    expected = " ".join(str(number) for number in range(1, 301))
    begun, seen = await stack.ask("counter", "count to 300")
    assert seen.viewer.texts() == [expected]
    stored = await stack.items("counter", begun.conversation_id)
    assert [item.content for item in stored if item.role == "assistant"] == [expected]
    shown = list(seen.viewer.items.values())
    assert [item.item for item in stored] == shown


async def test_a_tool_acts_for_its_own_user_only(stack: RunnerStack) -> None:
    await stack.ask("mallory", "add a task: mine; list my tasks")
    _, seen = await stack.ask("eve.*.>", "list my tasks")
    assert seen.viewer.texts() == ["There is nothing on your list."]
    (task,) = await stack.tasks("mallory")
    _, seen = await stack.ask("eve.*.>", f"add task a, then delete {task.task_id}")
    assert "I found no task" in seen.viewer.texts()[0]
    assert len(await stack.tasks("mallory")) == 1


async def test_what_nothing_understands_gets_an_honest_answer(stack: RunnerStack) -> None:
    _, seen = await stack.ask("honest", "what is the meaning of life?")
    assert "demo model" in seen.viewer.texts()[0]


async def test_a_model_that_is_not_allowed_fails_with_its_code(stack: RunnerStack) -> None:
    begun = await stack.begin("picky", "hello", inference_options={"model": "gpt-imaginary"})
    seen = await stack.watch("picky", begun)
    assert seen.end is not None
    assert (seen.end["type"], seen.end["code"]) == ("run.failed", "model_not_allowed")
    (error,) = [event for event in seen.events if event["type"] == "error"]
    assert error["allow_retry"] is False  # it would not be allowed the next time either
    run = await stack.run("picky", begun.run_id)
    assert (run.status, run.error_code) == ("failed", "model_not_allowed")


async def test_a_run_that_is_requested_twice_is_executed_once(stack: RunnerStack) -> None:
    begun = await stack.begin("twice", "count to 200")
    request = RunRequested(user_id="twice", conversation_id=begun.conversation_id, run_id=begun.run_id)
    subject = subject_of(RunRequested, assistant_id="todo", user_id="twice", conversation_id=begun.conversation_id)
    await stack.bus.publish_stored(subject, request.encode())
    seen = await stack.watch("twice", begun)
    assert [event["type"] for event in seen.run_events] == ["run.started", "run.completed"]
    assert (await stack.run("twice", begun.run_id)).epoch == 1


class SlowBus:
    """The real bus, on which every publish takes its time."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def publish_then(self, *args: Any, **kwargs: Any) -> None:
        asyncio.get_running_loop().call_later(0.03, partial(self._bus.publish_then, *args, **kwargs))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._bus, name)


@contextmanager
def paused(runner: RunningService) -> Iterator[None]:
    runner.send(signal.SIGSTOP)
    try:
        yield
    finally:
        runner.send(signal.SIGCONT)


async def claim(stack: RunnerStack, user: str, begun: TurnBegun, lease_seconds: float) -> RunClaimed:
    return await stack.bus.request(
        ClaimRun(principal=Principal(user_id=user), run_id=begun.run_id, runner_id="here", lease_seconds=lease_seconds)
    )


class FailingBus:
    """The real bus, at which the store fails for some commands, for a reason that it does not know."""

    def __init__(self, bus: Bus, failures: dict[type[Any], int]) -> None:
        self._bus = bus
        self._failures = failures

    async def request(self, command: Any, **options: Any) -> Any:
        if self._failures.get(type(command), 0) > 0:
            self._failures[type(command)] -= 1
            raise TerminalError(Code.INTERNAL, "Something went wrong in the service.")
        return await self._bus.request(command, **options)


def workshop_of(stack: RunnerStack, bus: Any, store_bus: Any) -> Workshop:
    """What an attempt in this process needs, with the demo model and no tools."""
    settings = Settings.model_validate({"AGENT_RUNNER_DEMO_WORD_DELAY_MS": 1})
    served = serve("todo", Assistant(agent=Agent(name="Natter")), [], settings)
    assistants = LoadedAssistants({"todo": served}, asyncio.Event())
    frames, desk = Frames(lambda: 0.0), desk_of(settings)
    files = open_file_store(settings, stack.bus)
    texts, made = FileTexts(), Pictures.of(files, settings.tool_image_bytes_max)
    return Workshop(
        bus, Store(store_bus), Models(settings), assistants, settings, CrashPoints(), frames, desk, files, texts, made
    )


async def test_a_store_that_fails_is_asked_again_and_then_left_to_the_next_attempt(stack: RunnerStack) -> None:
    failures: dict[type[Any], int] = {FinishRun: 3}
    workshop = workshop_of(stack, stack.bus, FailingBus(stack.bus, failures))
    with paused(stack.services["runner0"]):
        begun = await stack.begin("patient", "count to 5")
        attempt = RunAttempt(workshop, await claim(stack, "patient", begun, 30), "patient", last_sequence=0)
        assert await attempt.run() == "completed"
    assert (await stack.watch("patient", begun)).viewer.texts() == ["1 2 3 4 5"]
    failures[FinishRun] = 4
    with paused(stack.services["runner0"]):
        begun = await stack.begin("handed on", "count to 5")
        attempt = RunAttempt(workshop, await claim(stack, "handed on", begun, 30), "handed on", last_sequence=0)
        with pytest.raises(RetryableError) as left:
            await attempt.run()
        assert left.value.code == Code.INTERNAL
        # Its lease is given back, so that the next attempt need not wait for 30 s.
        async with asyncio.timeout(5):
            again = await claim_when_free(stack, "handed on", begun)
        last_sequence = (await stack.deltas("handed on", begun))[-1].sequence
        assert await RunAttempt(workshop, again, "handed on", last_sequence).run() == "completed"
    seen = await stack.watch("handed on", begun)
    assert seen.viewer.texts() == seen.viewer.stored_texts() == ["1 2 3 4 5"]
    assert [event["type"] for event in seen.run_events] == ["run.started", "run.restarted", "run.completed"]


async def claim_when_free(stack: RunnerStack, user: str, begun: TurnBegun) -> RunClaimed:
    while True:
        with contextlib.suppress(RetryableError):
            return await claim(stack, user, begun, lease_seconds=30)
        await asyncio.sleep(0.05)


async def test_everything_is_acknowledged_before_the_run_ends_however_slow_the_bus(stack: RunnerStack) -> None:
    """An attempt in this process, while the runner of the stack is paused."""
    workshop = workshop_of(stack, SlowBus(stack.bus), stack.bus)
    with paused(stack.services["runner0"]):
        begun = await stack.begin("slow", "count to 30")
        claimed = await claim(stack, "slow", begun, lease_seconds=30)
        await RunAttempt(workshop, claimed, "slow", last_sequence=0).run()
    seen = await stack.watch("slow", begun)
    expected = " ".join(str(number) for number in range(1, 31))
    assert seen.viewer.texts() == seen.viewer.stored_texts() == [expected]
    assert [event["type"] for event in seen.run_events] == ["run.started", "run.completed"]
    last = (await stack.deltas("slow", begun))[-1]
    assert last.headers.get(EVENT_HEADER) == "run"


async def test_the_session_is_one_that_the_agents_sdk_can_use(stack: RunnerStack) -> None:
    principal, store = Principal(user_id="session"), Store(stack.bus)
    call = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "seen"}

    async def stored() -> list[Any]:
        """What the next attempt would be given."""
        claimed = await claim(stack, "session", begun, 30)
        store.keep_token(claimed)
        return [*claimed.history, *claimed.input, *claimed.checkpoint]

    with paused(stack.services["runner0"]):
        begun = await stack.begin("session", "hello")
        claimed = await claim(stack, "session", begun, 30)
        store.keep_token(claimed)
        session = StoreSession(store, principal, claimed, tokens_max=1_000)
        (said,) = await session.get_items()
        agent = Agent(name="a", model=DemoModel(0))
        await Runner.run(agent, "count to 2", session=session, run_config=RunConfig(tracing_disabled=True))
        counted = (await session.get_items())[-1]
        assert counted["content"][0]["text"] == "1 2"
        assert await session.pop_item() == counted
        await session.add_items([call, output])
        items = await session.get_items()
        assert [item.get("call_id") or item["role"] for item in items] == ["user", "user", "c1", "c1"]
        assert items[0] == said
        assert await stored() == items
        assert await session.get_items(limit=1) == []  # never half a tool call
        await session.clear_session()
        assert await session.get_items() == await stored() == []
        await stack.bus.request(CancelRun(principal=principal, run_id=begun.run_id))
