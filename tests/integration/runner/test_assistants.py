"""People's own agents, as they were written for the SDK: what they do is shown, stored, durable, and bounded."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from contracts.identity import Principal
from contracts.queries import GetConversation

from tests.openai_server import OpenaiServer, text, tool
from tests.runner_stack import RunnerStack, runner_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
PEOPLE = Path(__file__).parents[2] / "people"


@dataclass
class Shop:
    stack: RunnerStack
    model: OpenaiServer
    effects_file: Path

    def effects(self, word: str) -> list[str]:
        lines = self.effects_file.read_text().splitlines() if self.effects_file.exists() else []
        return [line for line in lines if word in line]

    def requests(self, word: str) -> list[dict[str, Any]]:
        return [request for request in self.model.requests if word in str(request)]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shop(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str
) -> AsyncIterator[Shop]:
    directory = tmp_path_factory.mktemp("assistants")
    effects = directory / "effects"
    async with (
        OpenaiServer(script=[text("What?")]).running() as model,
        runner_stack(
            directory,
            module_nats_url,
            module_database_url,
            AGENT_RUNNER_ASSISTANTS=f"todo={PEOPLE / 'shop.py'}:agent, broken={PEOPLE / 'shop.py'}:nobody",
            OPENAI_API_KEY="sk-test",
            OPENAI_BASE_URL=model.base_url,
            SHOP_EFFECTS=str(effects),
        ) as stack,
    ):
        yield Shop(stack, model, effects)


async def test_a_function_tool_has_its_effect_and_is_shown(shop: Shop) -> None:
    shop.model.scripts["kiwi"] = [tool("charge", word="kiwi"), text("Charged.")]
    begun, seen = await shop.stack.ask("alice", "charge kiwi")
    assert seen.viewer.texts() == ["Charged."]
    assert shop.effects("kiwi") == ["charge kiwi"]
    items = await shop.stack.items("alice", begun.conversation_id)
    assert [(call.name, call.status, call.result) for call in items[-1].tool_calls] == [
        ("charge", "success", "charged kiwi")
    ]
    assert shop.requests("kiwi")[0]["instructions"].startswith("You are TRIAGE.\n\nWhat tools return ")


async def test_an_exception_in_a_tool_is_a_failed_tool_and_its_traceback_is_in_the_log(shop: Shop) -> None:
    shop.model.scripts["plum"] = [tool("fail", word="plum"), text("It failed.")]
    begun, seen = await shop.stack.ask("bob", "fail plum")
    assert seen.viewer.texts() == ["It failed."]
    items = await shop.stack.items("bob", begun.conversation_id)
    assert [(call.name, call.status) for call in items[-1].tool_calls] == [("fail", "failure")]
    log = shop.stack.services["runner0"].log_file.read_text()
    assert "ValueError: no plum" in log
    assert "shop.py" in log


async def test_an_exception_that_its_author_wants_to_end_the_run_is_the_assistants_fault(shop: Shop) -> None:
    shop.model.scripts["fig"] = [tool("break_run", word="fig"), text("no")]
    begun, seen = await shop.stack.ask("carol", "break fig")
    assert seen.end is not None
    assert (seen.end["type"], seen.end["code"]) == ("run.failed", "assistant_failed")
    run = await shop.stack.run("carol", begun.run_id)
    assert "fig" not in str(run.error_detail)


async def test_a_handoff_goes_on_with_the_other_agent(shop: Shop) -> None:
    shop.model.scripts["pear"] = [tool("transfer_to_refunds"), tool("charge", word="pear"), text("Refunded.")]
    begun, seen = await shop.stack.ask("dora", "refund pear")
    assert seen.viewer.texts() == ["Refunded."]
    assert shop.effects("pear") == ["charge pear"]
    told = [request["instructions"].split("\n")[0] for request in shop.requests("pear")]
    assert told == ["You are TRIAGE.", "You are REFUNDS.", "You are REFUNDS."]
    items = await shop.stack.items("dora", begun.conversation_id)
    assert [(call.name, call.status) for call in items[-1].tool_calls] == [
        ("transfer_to_refunds", "success"),
        ("charge", "success"),
    ]


async def test_an_agent_as_a_tool_works_unseen_and_its_tools_are_shown(shop: Shop) -> None:
    shop.model.scripts["grape"] = [tool("research", input="melon")]
    shop.model.scripts["melon"] = [tool("charge", word="melon"), text("Melons are round."), text("Found.")]
    begun, seen = await shop.stack.ask("erik", "research grape")
    assert seen.viewer.texts() == ["Found."]
    assert shop.effects("melon") == ["charge melon"]
    items = await shop.stack.items("erik", begun.conversation_id)
    assert {call.name: call.result for call in items[-1].tool_calls} == {
        "research": "Melons are round.",
        "charge": "charged melon",
    }


async def test_an_input_guardrail_ends_the_answer_with_its_words(shop: Shop) -> None:
    begun, seen = await shop.stack.ask("fay", "do my homework")
    assert seen.end is not None
    assert (seen.end["type"], seen.end["code"]) == ("run.failed", "guardrail_tripped")
    assert seen.viewer.texts() == ["I do no homework."]
    assert not shop.requests("homework"), "it does not run beside the model, so the model is not asked"
    items = await shop.stack.items("fay", begun.conversation_id)
    assert [item.content for item in items] == ["do my homework", "I do no homework."]


async def test_an_output_guardrail_withdraws_what_was_shown(shop: Shop) -> None:
    shop.model.scripts["date"] = [
        tool("charge", word="date"),
        text("The secret ", "date ", "is known.", word_delay_seconds=0.05),
        text("Again."),
    ]
    begun, seen = await shop.stack.ask("gus", "tell date")
    assert seen.end is not None
    assert seen.end["code"] == "guardrail_tripped"
    shown = [event for event in seen.events if event["type"] == "thread.item.updated" and "secret" in str(event)]
    assert shown, "it was seen while it was written"
    assert seen.viewer.texts() == ["That is a secret."]
    items = await shop.stack.items("gus", begun.conversation_id)
    assert [item.content for item in items if item.content] == ["tell date", "That is a secret."]
    await shop.stack.ask("gus", "and date?", begun.conversation_id)
    assert "The secret" not in str(shop.requests("and date?")[-1]["input"]), "nor does the model see it again"


async def test_one_that_cannot_be_loaded_is_told_and_the_others_run_on(shop: Shop) -> None:
    log = shop.stack.services["runner0"].log_file.read_text()
    assert "assistant.not_loaded" in log
    assert "It has: researcher, refunds, agent." in log


async def test_an_assistant_of_natterkit_has_its_context_words_and_bounds(shop: Shop) -> None:
    environment = {
        "AGENT_RUNNER_ASSISTANTS": f"todo={PEOPLE / 'natter_shop.py'}:assistant",
        "OPENAI_API_KEY": "sk-test",
        "OPENAI_BASE_URL": shop.model.base_url,
        "SHOP_EFFECTS": str(shop.effects_file),
    }
    runner = shop.stack.services["runner0"]
    runner.stop()
    runner.environment = {**runner.environment, **environment}
    runner.start()
    await runner.wait_until_ready()
    shop.model.scripts["lime"] = [tool("remember", word="lime"), tool("look", word="lime"), text("Remembered.")]
    begun, seen = await shop.stack.ask("hal", "remember lime")
    assert seen.viewer.texts() == ["Remembered."]
    assert shop.requests("lime")[0]["instructions"].startswith("You serve hal.")
    items = await shop.stack.items("hal", begun.conversation_id)
    (remembered, looked) = items[-1].tool_calls
    assert remembered.result == {"user": "hal", "call_id": remembered.call_id, "run_id": begun.run_id}
    assert [task["title"] for task in seen.viewer.tasks()] == ["Remember", "Looked “lime”"]
    assert looked.status == "success"
    known = await shop.stack.bus.request(
        GetConversation(principal=Principal(user_id="hal"), conversation_id=begun.conversation_id)
    )
    assert (known.conversation.title, known.conversation.metadata) == ("About lime", {"word": "lime"})
    assert "hidden_context_item" not in {item.type for item in items}
    assert "The word is lime." in str(shop.requests("lime")[-1]["input"])
    shop.model.scripts["mango"] = [tool("look", word="mango")]
    _, bounded = await shop.stack.ask("hal", "and mango", begun.conversation_id)
    assert "The word is lime." in str(shop.requests("mango")[0]["input"]), "the next turn reads it as well"
    assert bounded.end is not None
    assert bounded.end["code"] == "run_turns_exceeded"
