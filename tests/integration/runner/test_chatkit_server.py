"""A ChatKitServer as openai-chatkit documents it, served by one setting: shown, stored, stopped, taken over."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from contracts.commands import BeginTurn, CancelRun, ClientToolOutput, CustomAction, DecideCall
from contracts.errors import Code, TerminalError
from contracts.identity import Principal
from contracts.queries import GetItem
from contracts.replies import RunView, TurnBegun

from tests.openai_server import Answer, OpenaiServer, text, tool
from tests.runner_stack import RunnerStack, Watched, runner_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
PEOPLE = Path(__file__).parents[2] / "people"
LEASE_SECONDS = 1.5
SERVER_TEXT = "I am a server."


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[OpenaiServer]:
    async with OpenaiServer(script=[text("What?")]).running() as server:
        yield server


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str, model: OpenaiServer
) -> AsyncIterator[RunnerStack]:
    directory = tmp_path_factory.mktemp("chatkit")
    async with runner_stack(
        directory,
        module_nats_url,
        module_database_url,
        lease_seconds=LEASE_SECONDS,
        AGENT_RUNNER_ASSISTANTS=f"todo={PEOPLE / 'chatkit_server.py'}:server",
        OPENAI_API_KEY="sk-test",
        OPENAI_BASE_URL=model.base_url,
        SHOP_EFFECTS=str(directory / "effects"),
    ) as running:
        yield running


async def test_its_answers_are_shown_and_stored_and_it_reads_the_thread(
    stack: RunnerStack, model: OpenaiServer
) -> None:
    model.scripts["apple"] = [text("I ", "am ", "a server.")]
    begun, seen = await stack.ask("alice", "hello apple")
    assert seen.viewer.texts() == seen.viewer.stored_texts() == [SERVER_TEXT]
    items = await stack.items("alice", begun.conversation_id)
    assert [(item.type, item.content) for item in items] == [
        ("user_message", "hello apple"),
        ("assistant_message", SERVER_TEXT),
    ]
    assert [item.item for item in items] == list(seen.viewer.items.values())
    model.scripts["cherry"] = [text("Again.")]
    await stack.ask("alice", "and cherry", begun.conversation_id)
    asked = str(model.requests[-1]["input"])
    assert SERVER_TEXT in asked
    assert "hello apple" in asked
    assert asked.count("and cherry") == 1


async def test_stop_keeps_what_was_seen(stack: RunnerStack, model: OpenaiServer) -> None:
    model.scripts["walnut"] = [text(*(f"{number} " for number in range(400)), word_delay_seconds=0.05)]
    begun = await stack.begin("bob", "long walnut")
    async with asyncio.timeout(20):
        while "0 1 " not in "".join(Watched.of(await stack.deltas("bob", begun)).viewer.texts()):
            await asyncio.sleep(0.05)
    await stack.bus.request(CancelRun(principal=Principal(user_id="bob"), run_id=begun.run_id))
    seen = await stack.watch("bob", begun)
    assert seen.end is not None
    assert seen.end["type"] == "run.cancelled"
    items = await stack.items("bob", begun.conversation_id)
    assert items[-1].content.startswith("0 1 ")
    assert seen.viewer.texts() == [items[-1].content]


async def _waits(stack: RunnerStack, user_id: str, begun: TurnBegun) -> RunView:
    async with asyncio.timeout(20):
        while (run := await stack.run(user_id, begun.run_id)).status != "waiting":
            assert run.status in ("queued", "running"), stack.logs()
            await asyncio.sleep(0.05)
        return run


async def test_its_run_waits_for_a_tool_of_the_page_and_goes_on_in_any_process(
    stack: RunnerStack, model: OpenaiServer
) -> None:
    model.scripts["midnight"] = [tool("switch_theme", theme="dark"), text("It is dark.")]
    begun = await stack.begin("dora", "as at midnight")
    [call] = (await _waits(stack, "dora", begun)).waiting_for
    assert (call.kind, call.tool, call.arguments) == ("client_tool", "switch_theme", {"theme": "dark"})
    (pending,) = [item.item for item in await stack.items("dora", begun.conversation_id) if item.type != "user_message"]
    assert (pending["type"], pending["status"]) == ("client_tool_call", "pending")
    runner = stack.services["runner0"]
    runner.send(signal.SIGKILL)
    assert runner.process is not None
    runner.process.wait()
    output = ClientToolOutput(result={"switched": True})
    given = BeginTurn(principal=Principal(user_id="dora"), conversation_id=begun.conversation_id, input=output)
    taken = [await stack.bus.request(given) for _ in range(2)]  # of two tabs, say
    assert [(one.run_id, one.wait) for one in taken] == [(begun.run_id, 1)] * 2
    runner.start()
    seen = await stack.watch("dora", begun)
    assert seen.end is not None
    assert seen.end["type"] == "run.completed", stack.logs()
    assert seen.viewer.texts() == seen.viewer.stored_texts() == ["It is dark."]
    assert "switched" in str(model.requests[-1]["input"])
    items = await stack.items("dora", begun.conversation_id)
    assert [item.type for item in items] == ["user_message", "client_tool_call", "assistant_message"]


@pytest.mark.parametrize("is_answered", [True, False])
async def test_its_run_waits_for_the_answers_to_a_form(stack: RunnerStack, is_answered: bool) -> None:
    user = f"ruth.{is_answered}"
    begun = await stack.begin(user, "a question, please")
    [call] = (await _waits(stack, user, begun)).waiting_for
    assert call.form is not None
    assert [question.id for question in call.form.questions] == ["drink", "why"]
    said: dict[str, Any] = {"answer": {"drink": "Water"}} if is_answered else {"decision": "decline"}
    principal = Principal(user_id=user)
    await stack.bus.request(DecideCall(principal=principal, run_id=begun.run_id, call_id=call.call_id, **said))
    await stack.watch(user, begun)
    said_after = (await stack.items(user, begun.conversation_id))[-1].content
    assert said_after == ("answered: Water" if is_answered else "skipped: ")


async def test_a_widget_is_shown_and_stored(stack: RunnerStack) -> None:
    begun, seen = await stack.ask("emil", "a widget, please")
    assert seen.end is not None
    assert seen.end["type"] == "run.completed", stack.logs()
    items = await stack.items("emil", begun.conversation_id)
    assert [item.type for item in items] == ["user_message", "widget"]
    assert "A card." in str(items[1].item)
    assert [item.item for item in items] == list(seen.viewer.items.values())
    _, seen = await stack.ask("emil", "and another card", begun.conversation_id)
    changed = [one.item for one in await stack.items("emil", begun.conversation_id)]
    assert [item["type"] for item in changed] == ["user_message", "widget", "user_message"]
    assert changed[1] == seen.viewer.items[items[1].message_id] != items[1].item


async def _card(stack: RunnerStack, user_id: str) -> tuple[str, str]:
    """A conversation with a widget, and the widget's id."""
    begun, _ = await stack.ask(user_id, "a widget, please")
    return begun.conversation_id, (await stack.items(user_id, begun.conversation_id))[1].message_id


def _action(user_id: str, conversation_id: str, **action: Any) -> BeginTurn:
    return BeginTurn(
        principal=Principal(user_id=user_id), conversation_id=conversation_id, input=CustomAction(**action)
    )


async def test_an_action_of_a_widget_changes_the_widget_and_is_answered(stack: RunnerStack) -> None:
    conversation_id, card = await _card(stack, "hal")
    chosen = _action("hal", conversation_id, action="choose", payload="blue", message_id=card)
    seen = await stack.watch("hal", await stack.bus.request(chosen))
    assert seen.end is not None
    assert seen.end["type"] == "run.completed", stack.logs()
    items = await stack.items("hal", conversation_id)
    assert [item.type for item in items] == ["user_message", "widget", "assistant_message"]
    assert "Done: blue" in str(items[1].item)
    assert items[2].content == "You chose blue."
    assert [item.item for item in items[1:]] == list(seen.viewer.items.values())
    gone = await stack.watch(
        "hal", await stack.bus.request(_action("hal", conversation_id, action="remove", message_id=card))
    )
    assert gone.events[-1] == {"type": "thread.item.removed", "item_id": card}
    assert [item.type for item in await stack.items("hal", conversation_id)] == ["user_message", "assistant_message"]
    with pytest.raises(TerminalError) as refused:
        await stack.bus.request(_action("hal", conversation_id, action="choose", payload="red", message_id=card))
    assert refused.value.code == Code.ITEM_GONE


async def test_an_action_that_fails_ends_with_a_code_and_without_an_offer_to_try_again(stack: RunnerStack) -> None:
    conversation_id, _ = await _card(stack, "ida")
    seen = await stack.watch("ida", await stack.bus.request(_action("ida", conversation_id, action="page")))
    assert seen.end is not None
    assert seen.end["code"] == "assistant_failed"
    assert seen.events[-1]["allow_retry"] is False, "it would send the user's last message again"


async def test_a_sync_action_changes_the_widget(stack: RunnerStack) -> None:
    conversation_id, card = await _card(stack, "jon")
    sent = _action("jon", conversation_id, action="choose", payload="now", message_id=card, is_sync=True)
    seen = await stack.watch("jon", await stack.bus.request(sent))
    assert [event["type"] for event in seen.events] == ["stream_options", "thread.item.replaced"]
    query = GetItem(principal=Principal(user_id="jon"), conversation_id=conversation_id, message_id=card)
    assert "At once: now" in str((await stack.bus.request(query)).item.item)


async def test_a_failure_of_its_provider_has_the_providers_code(stack: RunnerStack, model: OpenaiServer) -> None:
    model.scripts["quince"] = [Answer(status=401)]
    _, seen = await stack.ask("fay", "quince")
    assert seen.end is not None
    assert seen.end["code"] == "model_refused_key"


async def test_an_agent_of_its_own_with_a_model_that_nobody_has_is_told_so(
    stack: RunnerStack, model: OpenaiServer
) -> None:
    providers = [{"name": "one", "base_url": model.base_url, "models": ["m"]}]
    runner = stack.services["runner0"]
    runner.stop()
    runner.environment = {**runner.environment, "AGENT_RUNNER_MODEL_PROVIDERS": json.dumps(providers)}
    runner.start()
    await runner.wait_until_ready()
    _, seen = await stack.ask("gil", "nobody's model")
    assert seen.end is not None
    assert seen.end["code"] == "model_not_allowed"


async def test_a_server_may_lock_the_thread(stack: RunnerStack) -> None:
    conversation_id, card = await _card(stack, "lea")
    sent = _action("lea", conversation_id, action="lock", payload="it", message_id=card)
    await stack.watch("lea", await stack.bus.request(sent))
    with pytest.raises(TerminalError) as refused:
        await stack.begin("lea", "more", conversation_id)
    assert (refused.value.code, refused.value.detail) == (Code.CONVERSATION_LOCKED, "Enough.")


@pytest.mark.slow
async def test_when_its_runner_is_killed_in_an_action_the_action_begins_anew(stack: RunnerStack) -> None:
    conversation_id, card = await _card(stack, "kim")
    sent = _action("kim", conversation_id, action="choose", payload="slowly", message_id=card)
    begun = await stack.bus.request(sent)
    effects = stack.directory / "effects"
    async with asyncio.timeout(20):
        while not (effects.exists() and "action" in effects.read_text()):
            await asyncio.sleep(0.02)
    runner = stack.services["runner0"]
    runner.send(signal.SIGKILL)
    async with asyncio.timeout(10):
        while not runner.has_died:
            await asyncio.sleep(0.02)
    runner.start()
    await runner.wait_until_ready()
    seen = await stack.watch("kim", begun)
    assert [event["type"] for event in seen.run_events] == ["run.started", "run.restarted", "run.completed"]
    replaced = [str(event["item"]["widget"]) for event in seen.events if event["type"] == "thread.item.replaced"]
    assert ["Working" in one for one in replaced] == [True, False, True, False], "what was not stored is withdrawn"
    assert "A card." in replaced[1]
    assert effects.read_text().count("action") == 2
    items = await stack.items("kim", conversation_id)
    assert [item.content for item in items if item.type == "assistant_message"] == ["You chose slowly."]
    assert items[1].item == seen.viewer.items[card]


@pytest.mark.slow
async def test_when_its_runner_is_killed_in_a_tool_it_begins_anew_and_answers_once(
    stack: RunnerStack, model: OpenaiServer, tmp_path: Path
) -> None:
    model.scripts["potato"] = [tool("dig", word="potato"), tool("dig", word="potato"), text("Dug.")]
    begun = await stack.begin("carol", "dig potato")
    effects = stack.directory / "effects"
    async with asyncio.timeout(20):
        while not (effects.exists() and "dig potato" in effects.read_text()):
            await asyncio.sleep(0.02)
    runner = stack.services["runner0"]
    runner.send(signal.SIGKILL)
    async with asyncio.timeout(10):
        while not runner.has_died:
            await asyncio.sleep(0.02)
    runner.start()
    await runner.wait_until_ready()
    seen = await stack.watch("carol", begun)
    assert seen.end is not None
    assert seen.end["type"] == "run.completed"
    assert seen.viewer.texts() == seen.viewer.stored_texts() == ["Dug."]
    assert [event["type"] for event in seen.run_events] == ["run.started", "run.restarted", "run.completed"]
    assert effects.read_text().count("dig potato") == 2, "what a server's code does is not in the ledger"
