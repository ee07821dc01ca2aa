"""Two providers that know nothing of each other, each with its API, key and settings; a person chooses among models."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from contracts.assistants import AssistantCard, Requester
from contracts.commands import BeginTurn, UserMessage
from contracts.identity import Principal
from contracts.queries import ListAssistants

from tests.integration.runner.model_servers.servers import LITELLM_EXTRA, ModelServer, aimock
from tests.openai_server import Answer, OpenaiServer, text, tool
from tests.runner_stack import RunnerStack, Watched, runner_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
PEOPLE = Path(__file__).parents[2] / "people"
FIXTURES = [{"match": {"userMessage": "hello"}, "response": {"content": "I am a mock."}}]


def providers(scripted: OpenaiServer, mock: ModelServer) -> list[dict[str, Any]]:
    return [
        {
            "name": "scripted",
            "base_url": scripted.base_url,
            "key_variable": "SCRIPTED_KEY",
            "settings": {"store": False, "service_tier": "flex"},
            "models": [
                {
                    "name": "thinker-2026",
                    "id": "thinker",
                    "label": "Thinks long",
                    "description": "For hard questions.",
                    "settings": {"reasoning": {"effort": "high", "summary": "auto"}, "temperature": 0.5},
                },
                "small",
            ],
        },
        {
            "name": "mock",
            "base_url": mock.base_url,
            "key_variable": "MOCK_KEY",
            "api": "chat_completions",
            "models": ["mock"],
            "settings": {"temperature": 0.1},
        },
    ]


@dataclass
class Choice:
    stack: RunnerStack
    scripted: OpenaiServer
    mock: ModelServer

    async def ask(self, user: str, model: str | None, **about: Any) -> tuple[str, Watched]:
        options: dict[str, Any] = {"model": model} if model else {}
        said = UserMessage(text="hello", content=({"type": "input_text", "text": "hello"},), inference_options=options)
        turn = BeginTurn(principal=Principal(user_id=user), input=said, requester=Requester(**about))
        begun = await self.stack.bus.request(turn)
        return begun.run_id, await self.stack.watch(user, begun)

    async def card(self) -> AssistantCard:
        (card,) = (await self.stack.bus.request(ListAssistants(principal=Principal(user_id="anyone")))).data
        return card


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def choice(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str
) -> AsyncIterator[Choice]:
    directory = tmp_path_factory.mktemp("providers")
    async with AsyncExitStack() as running:
        scripted = await running.enter_async_context(OpenaiServer(script=[text("I am scripted.")]).running())
        mock = await running.enter_async_context(aimock(directory, FIXTURES))
        file = directory / "providers.json"
        file.write_text(json.dumps(providers(scripted, mock)))
        people = PEOPLE / "choosy.py"
        stack = await running.enter_async_context(
            runner_stack(
                directory,
                module_nats_url,
                module_database_url,
                AGENT_RUNNER_ASSISTANTS=f"todo={people}:assistant,lost={people}:lost,stray={people}:stray",
                AGENT_RUNNER_MODEL_PROVIDERS=str(file),
                SCRIPTED_KEY="sk-scripted",
                MOCK_KEY="sk-mock",
            )
        )
        yield Choice(stack, scripted, mock)


async def test_the_default_is_asked_with_its_key_and_settings(choice: Choice) -> None:
    run_id, seen = await choice.ask("ann", None)
    assert seen.viewer.texts() == ["I am scripted."]
    (asked,) = choice.scripted.requests
    assert (asked["model"], asked["temperature"], asked["store"]) == ("thinker-2026", 0.5, False)
    assert (asked["reasoning"], asked["service_tier"]) == ({"effort": "high", "summary": "auto"}, "flex")
    assert asked["include"] == ["reasoning.encrypted_content"]
    assert choice.scripted.keys == {"sk-scripted"}
    assert (await choice.stack.run("ann", run_id)).model == "thinker"


async def test_a_provider_that_stores_nothing_is_given_its_thoughts_again(choice: Choice) -> None:
    choice.scripted.requests.clear()
    thinks = Answer(thoughts=("Hm.",), calls=(("look", {"word": "tea"}),))
    choice.scripted.script = [thinks, text("I looked.")]
    _, seen = await choice.ask("ada", None)
    choice.scripted.script = [text("I am scripted.")]
    assert seen.viewer.texts() == ["I looked."]
    given = {item.get("type", "message"): item for item in choice.scripted.requests[1]["input"]}
    assert given["reasoning"]["encrypted_content"].startswith("sealed rs_")
    assert list(given) == ["message", "reasoning", "function_call", "function_call_output"]


async def test_another_model_is_another_server_another_api_and_other_settings(choice: Choice) -> None:
    before = len(choice.scripted.requests)
    run_id, seen = await choice.ask("bob", "mock")
    assert seen.viewer.texts() == ["I am a mock."]
    assert len(choice.scripted.requests) == before
    (asked,) = [body for body in await choice.mock.requests() if body.get("stream")]
    assert (asked["model"], asked["temperature"]) == ("mock", 0.1)
    assert "messages" in asked
    assert not {"reasoning_effort", "store", "service_tier"} & asked.keys()
    assert (await choice.stack.run("bob", run_id)).model == "mock"


async def test_the_title_is_written_by_the_helper_with_the_settings_of_its_provider(choice: Choice) -> None:
    choice.scripted.titles.clear()
    _, seen = await choice.ask("cleo", "mock")
    assert seen.viewer.titles == ["A fine title"]
    (asked,) = choice.scripted.titles
    assert (asked["model"], asked["store"]) == ("small", False)
    assert "reasoning" not in asked


async def test_a_model_that_the_assistant_does_not_name_is_refused(choice: Choice) -> None:
    _, seen = await choice.ask("dan", "small")
    assert seen.end is not None
    assert seen.end["code"] == "model_not_allowed"


async def test_the_composer_offers_what_the_assistant_names(choice: Choice) -> None:
    models = [one.model_dump(exclude_none=True) for one in (await choice.card()).models]
    assert [{"image/png", "application/pdf"} <= set(one.pop("attachment_types")) for one in models] == [True, True]
    assert models == [
        {"id": "thinker", "label": "Thinks long", "description": "For hard questions.", "is_default": True},
        {"id": "mock", "label": "mock", "is_default": False},
    ]


async def test_the_date_the_language_and_the_time_zone_reach_the_instructions(choice: Choice) -> None:
    choice.scripted.requests.clear()
    await choice.ask("eve", None, locale="de-CH", time_zone="Europe/Zurich")
    instructions = choice.scripted.requests[0]["instructions"]
    assert instructions.startswith("You are CHOOSY.\n\n")
    assert "\n\nToday is " in instructions
    assert instructions.endswith("(in the user's time zone, Europe/Zurich). The user's language is de-CH.")


async def test_a_model_that_nobody_has_is_told_at_the_start_with_file_and_line(choice: Choice) -> None:
    log = choice.stack.services["runner0"].log_file.read_text()
    told = [line for line in log.splitlines() if "assistant.not_loaded" in line]
    assert ["nowhere" in line and "choosy.py" in line for line in told] == [True, False]
    assert "gpt-of-nobody" in told[1]
    assert [("line=18" in line) or ('"line": 18' in line) for line in told] == [True, False]
    assert [("line=19" in line) or ('"line": 19' in line) for line in told] == [False, True]


@pytest.mark.thorough
async def test_a_provider_over_litellm_answers_calls_tools_and_is_cut_off(choice: Choice) -> None:
    provider = {
        "name": "gateway",
        "api": "litellm",
        "base_url": choice.scripted.base_url,
        "key_variable": "SCRIPTED_KEY",
        "models": [{"name": "openai/over-litellm", "id": "over-litellm", "settings": {"temperature": 0.3}}],
    }
    runner = choice.stack.services["runner0"]
    runner.stop()
    changed = {
        "AGENT_RUNNER_MODEL_PROVIDERS": json.dumps([provider]),
        "AGENT_RUNNER_ASSISTANTS": "todo=natter_todo:assistant",
        "PYTHONPATH": str(LITELLM_EXTRA),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
    }
    runner.environment = {**runner.environment, **changed}
    runner.start()
    await runner.wait_until_ready()
    choice.scripted.requests.clear()
    choice.scripted.script = [tool("add_task", title="milk"), text("Milk ", "is on it.")]
    run_id, seen = await choice.ask("lia", None)
    assert seen.viewer.texts() == ["Milk is on it."]
    assert [task.title for task in await choice.stack.tasks("lia")] == ["milk"]
    assert [(body["model"], body["temperature"]) for body in choice.scripted.requests] == [("over-litellm", 0.3)] * 2
    run = await choice.stack.run("lia", run_id)
    assert run.model == "over-litellm"
    assert run.usage is not None
    assert run.usage.requests == 2
    for user, answer, code in (
        ("cut", text("half", finish_reason="length"), "model_answer_cut_off"),
        ("keyless", Answer(status=401), "model_refused_key"),
        ("malformed", Answer(status=400), "model_rejected_request"),
    ):
        choice.scripted.script = [answer]
        _, seen = await choice.ask(user, None)
        assert seen.end is not None
        assert (user, seen.end["code"]) == (user, code)
    choice.scripted.script = [Answer(status=503), text("Back again.")]
    _, seen = await choice.ask("patient", None)
    assert seen.viewer.texts() == ["Back again."]
