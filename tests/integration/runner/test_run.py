"""A run from the accepted message to its stored end: store, runner, task tools, NATS and Postgres, all real."""

import pytest

from tests.runner_stack import RunnerStack

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
