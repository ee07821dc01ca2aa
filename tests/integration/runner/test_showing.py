"""What an assistant's code shows: events that openai-chatkit knows, stored as they were seen, once after a takeover."""

import asyncio
import runpy
import signal
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from chatkit.agents import AgentContext
from chatkit.server import stream_widget
from chatkit.types import CustomSummary, Task, ThreadMetadata, ThreadStreamEvent
from contracts.commands import BeginTurn, CreateSchedule, CustomAction, UserMessage
from contracts.errors import Code, TerminalError
from contracts.identity import Principal
from contracts.queries import GetAttachment, GetConversation, ListSchedules
from pydantic import TypeAdapter

from tests.integration.runner.test_like_stock_chatkit import MemoryStore
from tests.openai_server import OpenaiServer, text, tool
from tests.runner_stack import RunnerStack, Watched, runner_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
PEOPLE = Path(__file__).parents[2] / "people"
EVENTS: TypeAdapter[Any] = TypeAdapter(ThreadStreamEvent)
TASKS: TypeAdapter[Any] = TypeAdapter(Task)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[OpenaiServer]:
    async with OpenaiServer(script=[text("What?")]).running() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str, model: OpenaiServer
) -> AsyncIterator[RunnerStack]:
    directory = tmp_path_factory.mktemp("showing")
    async with runner_stack(
        directory,
        module_nats_url,
        module_database_url,
        lease_seconds=1.5,
        AGENT_RUNNER_ASSISTANTS=f"todo={PEOPLE / 'presenter.py'}:assistant",
        OPENAI_API_KEY="sk-test",
        OPENAI_BASE_URL=model.base_url,
        SHOP_EFFECTS=str(directory / "effects"),
    ) as running:
        yield running


def act(
    user_id: str, conversation_id: str, action: str, message_id: str | None = None, payload: Any = None
) -> BeginTurn:
    sent = CustomAction(action=action, payload=payload, message_id=message_id)
    return BeginTurn(principal=Principal(user_id=user_id), conversation_id=conversation_id, input=sent)


def names(seen: Watched) -> list[str]:
    return [event.get("update", event)["type"] for event in seen.events]


async def test_everything_is_shown_in_chatkits_events_and_stored_as_it_was_seen(
    stack: RunnerStack, model: OpenaiServer
) -> None:
    model.scripts["everything"] = [tool("present"), text("It is made of leaves and water.")]
    begun, seen = await stack.ask("alice", "everything")
    assert seen.end is not None
    assert seen.end["type"] == "run.completed", stack.logs()
    for event in seen.events:
        EVENTS.validate_python(event)
    assert {
        "progress_update", "notice", "client_effect", "workflow.task.added", "workflow.task.updated",
        "widget.streaming_text.value_delta", "widget.root.updated", "generated_image.updated", "thread.updated",
        "assistant_message.content_part.annotation_added",
    } <= set(names(seen))  # fmt: skip
    stored = await stack.items("alice", begun.conversation_id)
    assert [item.item for item in stored] == list(seen.viewer.items.values())
    assert [item.type for item in stored] == [
        "user_message", "workflow", "workflow", "widget", "widget", "generated_image", "assistant_message",
    ]  # fmt: skip
    own: Any = stored[2].item["workflow"]
    assert [task["type"] for task in own["tasks"]] == ["web_search", "file", "image", "thought", "custom"]
    assert {task["status_indicator"] for task in own["tasks"]} == {"complete"}
    assert own["summary"] == {"title": "Prepared it all", "icon": "check"}
    message: Any = stored[-1].item["content"]
    assert [(one["source"]["type"], one.get("index")) for one in message[0]["annotations"]] == [
        ("url", len("It is made of leaves")),
        ("entity", None),
    ]
    image: Any = stored[5].item["image"]
    kept = (
        await stack.bus.request(GetAttachment(principal=Principal(user_id="alice"), attachment_id=image["id"]))
    ).attachment
    assert (kept.name, kept.width, kept.height, image["name"]) == ("Leaves.png", 12, 4, "Leaves")
    widget: Any = stored[3].item
    assert (widget["widget"]["children"][0]["value"], widget["copy_text"]) == ("one two three", "one two three")
    assert "Ada" in str(stored[4].item)


def of_item(seen: Watched, item_id: str) -> list[Any]:
    """The events of one item, without what differs by nature: ids and times."""
    own = [event for event in seen.events if item_id in (event.get("item_id"), event.get("item", {}).get("id"))]
    return [without_names(event) for event in own]


def without_names(value: Any) -> Any:
    if isinstance(value, dict):
        left_out = ("id", "item_id", "thread_id", "created_at")
        return {key: without_names(one) for key, one in value.items() if key not in left_out}
    return [without_names(one) for one in value] if isinstance(value, list) else value


async def test_a_widget_is_told_as_the_stock_server_tells_it(stack: RunnerStack, model: OpenaiServer) -> None:
    model.scripts["just as"] = [tool("present"), text("There.")]
    begun, seen = await stack.ask("gina", "just as the stock server does")
    widget = (await stack.items("gina", begun.conversation_id))[3].message_id
    growing = runpy.run_path(str(PEOPLE / "presenter.py"))["growing"]
    thread = ThreadMetadata(id="thr_1", created_at=datetime.now(UTC))
    stock = [event async for event in stream_widget(thread, growing("one", "two", "three"), "one two three")]
    told = [without_names(event.model_dump(mode="json", by_alias=True, exclude_none=True)) for event in stock]
    assert of_item(seen, widget) == told


async def test_entries_are_told_as_the_stock_server_tells_them(stack: RunnerStack, model: OpenaiServer) -> None:
    model.scripts["entries"] = [tool("present"), text("There.")]
    begun, seen = await stack.ask("hugo", "entries")
    own: Any = (await stack.items("hugo", begun.conversation_id))[2]
    tasks = [TASKS.validate_python(task) for task in own.item["workflow"]["tasks"]]
    thread = ThreadMetadata(id="thr_1", created_at=datetime.now(UTC))
    context = AgentContext[None](thread=thread, store=MemoryStore(), request_context=None)
    await context.add_workflow_task(tasks[0])
    for _ in range(2):  # its sources, and its end
        await context.update_workflow_task(tasks[0], 0)
    for task in tasks[1:]:
        await context.add_workflow_task(task)
    await context.end_workflow(CustomSummary(title="Prepared it all", icon="check"))
    stock: list[Any] = [context._events.get_nowait() for _ in range(context._events.qsize())]
    assert [event.get("update", event)["type"] for event in of_item(seen, own.message_id)] == [
        getattr(event, "update", event).type for event in stock
    ]
    ended = stock[-1].model_dump(mode="json", by_alias=True, exclude_none=True)
    assert of_item(seen, own.message_id)[-1] == without_names(ended)


async def test_what_cannot_be_shown_is_refused_to_the_code_that_shows_it(
    stack: RunnerStack, model: OpenaiServer
) -> None:
    model.scripts["mistakes"] = [tool("mistake"), text("Oh.")]
    begun, seen = await stack.ask("bob", "mistakes")
    assert seen.viewer.texts() == ["Oh."], stack.logs()
    call = (await stack.items("bob", begun.conversation_id))[-1].tool_calls[0]
    assert call.result == "ValidationError, ValueError, ValueError, LookupError, LookupError, TypeError"


async def test_an_action_changes_the_widget_of_an_earlier_turn_and_speaks(
    stack: RunnerStack, model: OpenaiServer
) -> None:
    model.scripts["for carol"] = [tool("present"), text("There.")]
    begun, _ = await stack.ask("carol", "a show for carol")
    before = await stack.items("carol", begun.conversation_id)
    card = before[3].message_id
    seen = await stack.watch(
        "carol", await stack.bus.request(act("carol", begun.conversation_id, "choose", card, "tea"))
    )
    assert seen.end is not None
    assert seen.end["type"] == "run.completed", stack.logs()
    for event in seen.events:
        EVENTS.validate_python(event)
    after = await stack.items("carol", begun.conversation_id)
    assert [item.message_id for item in after[:-1]] == [item.message_id for item in before]
    assert after[3].item == seen.viewer.items[card]
    assert "four five" in str(after[3].item)
    assert after[-1].content == "You chose tea."
    await stack.watch("carol", await stack.bus.request(act("carol", begun.conversation_id, "remove", card)))
    assert card not in [item.message_id for item in await stack.items("carol", begun.conversation_id)]
    model.scripts["afterwards"] = [text("Yes.")]
    await stack.ask("carol", "afterwards", begun.conversation_id)
    assert "You chose tea." in str(model.requests[-1]["input"])


async def test_a_locked_conversation_takes_actions_and_a_closed_one_nothing(
    stack: RunnerStack, model: OpenaiServer
) -> None:
    model.scripts["lock it"] = [tool("lock", status="locked"), text("Bye.")]
    begun, seen = await stack.ask("dora", "lock it")
    told = [event["thread"]["status"] for event in seen.events if event["type"] == "thread.updated"]
    assert told[-1] == {"type": "locked", "reason": "We are closed."}
    with pytest.raises(TerminalError) as refused:
        await stack.begin("dora", "hello?", begun.conversation_id)
    assert (refused.value.code, refused.value.detail) == (Code.CONVERSATION_LOCKED, "We are closed.")
    await stack.watch("dora", await stack.bus.request(act("dora", begun.conversation_id, "open")))
    model.scripts["close it"] = [tool("lock", status="closed"), text("Bye.")]
    await stack.ask("dora", "close it", begun.conversation_id)
    with pytest.raises(TerminalError) as refused:
        await stack.bus.request(act("dora", begun.conversation_id, "open"))
    assert refused.value.code == Code.CONVERSATION_LOCKED
    query = GetConversation(principal=Principal(user_id="dora"), conversation_id=begun.conversation_id)
    assert (await stack.bus.request(query)).conversation.status.type == "closed"


async def test_what_is_mentioned_reaches_the_model_as_the_assistant_knows_it(
    stack: RunnerStack, model: OpenaiServer
) -> None:
    model.scripts["whereabouts"] = [text("On its way.")]
    tag: dict[str, Any] = {"type": "input_tag", "id": "o_7", "text": "@Tea pot", "data": {"state": "sent"}}
    said: dict[str, Any] = {"type": "input_text", "text": "whereabouts "}
    message = UserMessage(text="whereabouts @Tea pot", content=(said, tag))
    begun = await stack.bus.request(BeginTurn(principal=Principal(user_id="fay"), input=message))
    await stack.watch("fay", begun)
    assert "@Tea pot is order o_7 of fay, sent." in str(model.requests[-1]["input"])
    assert str(model.requests[-1]["input"]).count("is order o_7") == 1
    model.scripts["whatever"] = [text("Yes.")]
    await stack.ask("fay", "whatever", begun.conversation_id)
    assert "is order o_7 of fay" in str(model.requests[-1]["input"]), "it stays in the conversation"


@pytest.mark.slow
async def test_a_call_that_is_executed_again_shows_its_things_in_their_place(
    stack: RunnerStack, model: OpenaiServer
) -> None:
    model.scripts["slowly"] = [tool("show_slowly"), text("Shown.")]
    begun = await stack.begin("emil", "slowly")
    effects = stack.directory / "effects"
    async with asyncio.timeout(20):
        while not (effects.exists() and "shown" in effects.read_text()):
            await asyncio.sleep(0.02)
    runner = stack.services["runner0"]
    runner.send(signal.SIGKILL)
    async with asyncio.timeout(10):
        while not runner.has_died:
            await asyncio.sleep(0.02)
    runner.start()
    await runner.wait_until_ready()
    seen = await stack.watch("emil", begun)
    del model.scripts["slowly"]  # the word is in the name of a tool, and so in every request
    assert seen.end is not None
    assert seen.end["type"] == "run.completed", stack.logs()
    assert names(seen).count("notice") == 1
    stored = await stack.items("emil", begun.conversation_id)
    assert [item.item for item in stored] == list(seen.viewer.items.values())
    assert [item.type for item in stored] == [
        "user_message",
        "workflow",
        "workflow",
        "widget",
        "widget",
        "assistant_message",
    ]
    assert "Another card." in str(stored[3].item)
    assert len(set(effects.read_text().splitlines())) == 1, "the same widget, by its id"


async def test_an_assistants_tool_schedules_once_and_what_is_due_is_answered(
    stack: RunnerStack, model: OpenaiServer
) -> None:
    soon = (datetime.now(UTC) + timedelta(seconds=2)).replace(tzinfo=None).isoformat()
    model.scripts["about plums"] = [
        tool("remind_me", text="the plums", at=soon),
        tool("remind_me", text="the plums", at="at nine"),
        text("I will."),
    ]
    model.scripts["[reminder due"] = [text("Do not forget the plums.")]
    begun, seen = await stack.ask("bob", "remind me about plums")
    assert seen.viewer.texts() == ["I will."]
    refused = [item for item in model.requests[-1]["input"] if item.get("type") == "function_call_output"]
    assert [item["output"].split(":")[0] for item in refused] == ["Scheduled", "Invalid isoformat string"]
    listed = ListSchedules(principal=Principal(user_id="bob"))
    async with asyncio.timeout(20):
        while (schedule := (await stack.bus.request(listed)).data[0]).status != "done":
            await asyncio.sleep(0.1)
    assert (schedule.kind, schedule.conversation_id) == ("reminder", begun.conversation_id)
    assert schedule.last_run_id is not None
    again = begun.model_copy(update={"run_id": schedule.last_run_id})
    assert (await stack.watch("bob", again)).viewer.texts() == ["Do not forget the plums."]
    said = await stack.items("bob", begun.conversation_id, messages_only=True)
    assert [item.content for item in said] == ["remind me about plums", "I will.", "Do not forget the plums."]
    assert (await stack.run("bob", schedule.last_run_id)).status == "completed"


async def test_an_assistants_tools_list_pause_and_cancel_what_their_user_has_scheduled(
    stack: RunnerStack, model: OpenaiServer
) -> None:
    mine, others = Principal(user_id="cleo"), Principal(user_id="dave")
    kept = (await stack.bus.request(CreateSchedule(principal=mine, text="call mum", cron="0 9 * * FRI"))).schedule
    gone = (await stack.bus.request(CreateSchedule(principal=mine, text="old", cron="0 9 * * MON"))).schedule
    daves = (await stack.bus.request(CreateSchedule(principal=others, text="his", cron="0 9 * * *"))).schedule
    model.scripts["my reminders"] = [
        tool("list_schedules"),
        tool("pause_schedule", schedule_id=kept.schedule_id),
        tool("cancel_schedule", schedule_id=gone.schedule_id),
        tool("cancel_schedule", schedule_id=daves.schedule_id),
        tool("cancel_schedule", schedule_id="no id / at all"),
        text("Done."),
    ]
    await stack.ask("cleo", "what are my reminders")
    told = [item["output"] for item in model.requests[-1]["input"] if item.get("type") == "function_call_output"]
    assert [line.partition(":")[0] for line in told[0].splitlines()] == [gone.schedule_id, kept.schedule_id]
    assert "“call mum”" in told[0]
    assert told[1:] == ["Paused.", "Cancelled.", *["There is no such schedule (any more)."] * 2]
    (left,) = (await stack.bus.request(ListSchedules(principal=mine))).data
    assert (left.schedule_id, left.status) == (kept.schedule_id, "paused")
    assert len((await stack.bus.request(ListSchedules(principal=others))).data) == 1
