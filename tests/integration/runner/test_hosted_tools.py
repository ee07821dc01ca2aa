"""Tools that a model's provider executes: their calls are shown and stored like any other's."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import pytest_asyncio
from contracts.commands import CancelRun
from contracts.identity import Principal

from tests.foreign_mcp import PIXEL
from tests.integration.runner.model_servers.servers import ModelServer, aimock
from tests.openai_server import Answer, OpenaiServer
from tests.runner_stack import RunnerStack, Watched, runner_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")
RESEARCHER = Path(__file__).parents[2] / "people/researcher.py"
FIXTURES = [
    {"match": {"userMessage": "the weather"}, "response": {"content": "It rains.", "webSearches": ["weather in Bern"]}}
]
PNG = PIXEL
SEARCH = {
    "type": "web_search_call",
    "status": "completed",
    "action": {
        "type": "search",
        "query": "tea",
        "sources": [{"type": "url", "url": "https://tea.invalid/a"}, {"type": "url", "url": "javascript:alert(1)"}],
    },
}
FILES = {
    "type": "file_search_call",
    "status": "completed",
    "queries": ["tea", "cups"],
    "results": [{"file_id": "f1", "filename": "tea.md", "text": "Tea is hot.", "score": 0.9}],
}
CODE = {
    "type": "code_interpreter_call",
    "status": "completed",
    "container_id": "c1",
    "code": "print(6 * 7)",
    "outputs": [{"type": "logs", "logs": "42"}],
}
MCP = {
    "type": "mcp_call",
    "name": "read_page",
    "server_label": "wiki",
    "arguments": '{"page": "Tea"}',
    "output": "Tea, the page.",
}
BROKEN_MCP = {**MCP, "output": None, "error": {"type": "http_error", "code": 404, "message": "no such page"}}
IMAGE = {
    "type": "image_generation_call",
    "status": "completed",
    "revised_prompt": "A red fox in the snow",
    "result": PNG,
}


@dataclass
class Research:
    stack: RunnerStack
    model: OpenaiServer
    mock: ModelServer

    async def ask(self, user: str, *script: Answer) -> tuple[Any, Watched]:
        self.model.requests.clear()
        self.model.script = list(script)
        return await self.stack.ask(user, "find out")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def research(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str
) -> AsyncIterator[Research]:
    directory = tmp_path_factory.mktemp("hosted")
    async with AsyncExitStack() as running:
        model = await running.enter_async_context(OpenaiServer().running())
        mock = await running.enter_async_context(aimock(directory, FIXTURES))
        models = [
            {"name": "scripted", "base_url": model.base_url, "models": ["m"]},
            {"name": "mock", "base_url": mock.base_url, "models": ["mock"]},
            {"name": "chat", "base_url": model.base_url, "models": ["c"], "api": "chat_completions"},
        ]
        stack = await running.enter_async_context(
            runner_stack(
                directory,
                module_nats_url,
                module_database_url,
                lease_seconds=1.5,
                AGENT_RUNNER_ASSISTANTS=f"todo={RESEARCHER}:make,fixed={RESEARCHER}:agent",
                AGENT_RUNNER_MODEL_PROVIDERS=json.dumps(models),
                AGENT_RUNNER_FIRST_TOKEN_SECONDS_MAX="6",
                AGENT_RUNNER_NEXT_TOKEN_SECONDS_MAX="1",
            )
        )
        yield Research(stack, model, mock)


async def test_each_call_has_its_entry_with_what_was_asked_and_answered(research: Research) -> None:
    hosted = (SEARCH, FILES, CODE, MCP, BROKEN_MCP)
    begun, seen = await research.ask("ann", Answer(hosted=hosted, words=("It is ", "hot.")))
    assert seen.viewer.texts() == seen.viewer.stored_texts() == ["It is hot."]
    titles = [task["title"] for task in seen.viewer.tasks()]
    assert titles == ["Searched the web “tea”", "Searched files “tea, cups”", "Ran code", "Read page", "Read page"]
    assert {task["status_indicator"] for task in seen.viewer.tasks()} == {"complete"}
    items = await research.stack.items("ann", begun.conversation_id)
    assert [(call.name, call.status, call.arguments, call.result) for call in items[-1].tool_calls] == [
        ("web_search", "success", {"query": "tea"}, None),
        ("file_search", "success", {"queries": ["tea", "cups"]}, "tea.md\nTea is hot."),
        ("code_interpreter", "success", {"code": "print(6 * 7)"}, "42"),
        ("read_page", "success", {"page": "Tea"}, "Tea, the page."),
        ("read_page", "failure", {"page": "Tea"}, "no such page"),
    ]
    assert [link.url for link in items[-1].tool_calls[0].links] == ["https://tea.invalid/a"]
    assert [item.item for item in items] == list(seen.viewer.items.values())


async def test_they_stand_beside_a_function_tool_and_the_model_goes_on_with_both(research: Research) -> None:
    both = Answer(hosted=(SEARCH,), calls=(("note", {"word": "tea"}),))
    begun, seen = await research.ask("bob", both, Answer(words=("Noted.",)))
    assert seen.viewer.texts() == ["Noted."]
    kinds = [item.get("type", "message") for item in research.model.requests[1]["input"]]
    assert kinds == ["message", "web_search_call", "function_call", "function_call_output"]
    items = await research.stack.items("bob", begun.conversation_id)
    assert [call.name for call in items[-1].tool_calls] == ["web_search", "note"]
    research.model.script = [Answer(words=("Once more.",))]
    again = await research.stack.begin("bob", "and now?", begun.conversation_id)
    assert (await research.stack.watch("bob", again)).viewer.texts() == ["Once more."]
    kinds = [item.get("type", "message") for item in research.model.requests[-1]["input"]]
    assert "web_search_call" not in kinds, "a next turn may be another provider's"


async def test_an_image_is_an_item_and_an_answer_without_a_word(research: Research) -> None:
    begun, seen = await research.ask("cleo", Answer(hosted=(IMAGE,)), Answer())
    assert seen.end is not None
    assert (seen.end["type"], seen.end.get("code")) == ("run.completed", None), research.stack.logs()
    items = await research.stack.items("cleo", begun.conversation_id)
    (image,) = [cast("dict[str, Any]", item.item["image"]) for item in items if item.type == "generated_image"]
    assert (image["url"], image["name"]) == (f"/api/cleo/attachments/{image['id']}/content", "A red fox in the snow")
    previews = [event["update"] for event in seen.events if event.get("update", {}).get("image")]
    assert [preview["type"] for preview in previews] == ["generated_image.updated"]
    assert [task["title"] for task in seen.viewer.tasks()] == ["Drew an image"]
    # The next turn's model is given what was drawn, as it is given what people attach.
    research.model.script = [Answer(words=("In white.",))]
    again = await research.stack.begin("cleo", "darker, please", begun.conversation_id)
    assert (await research.stack.watch("cleo", again)).viewer.texts() == ["In white."]
    drawn = research.model.requests[-1]["input"][1]
    assert drawn["role"] == "user"
    told, shown = drawn["content"]
    assert told["text"].startswith("[You have drawn, and the user is shown, “A red fox in the snow.png” (image/png,")
    assert shown["image_url"].startswith("data:image/png;base64,")


async def test_of_a_picture_that_was_cut_short_the_last_preview_is_kept(research: Research) -> None:
    research.model.requests.clear()
    research.model.stalled.clear()
    research.model.script = [Answer(hosted=(IMAGE,), stall_in_hosted=True)]
    begun = await research.stack.begin("emil", "draw")
    async with asyncio.timeout(10):
        while not any("update" in e for e in Watched.of(await research.stack.deltas("emil", begun)).events):
            await asyncio.sleep(0.02)
    await research.stack.bus.request(CancelRun(principal=Principal(user_id="emil"), run_id=begun.run_id))
    seen = await research.stack.watch("emil", begun)
    items = await research.stack.items("emil", begun.conversation_id)
    (image,) = [cast("dict[str, Any]", item.item["image"]) for item in items if item.type == "generated_image"]
    assert image["url"] == f"/api/emil/attachments/{image['id']}/content"
    assert [item.item for item in items] == list(seen.viewer.items.values())


async def test_a_call_may_take_longer_than_a_word_is_not_repeated_and_can_be_stopped(research: Research) -> None:
    research.model.requests.clear()
    research.model.stalled.clear()
    research.model.script = [Answer(hosted=(CODE,), stall_in_hosted=True)]
    begun = await research.stack.begin("dan", "find out")
    await asyncio.sleep(2)  # a word would have to come within one second
    shown = Watched.of(await research.stack.deltas("dan", begun))
    assert [task["status_indicator"] for task in shown.viewer.tasks()] == ["loading"]
    await research.stack.bus.request(CancelRun(principal=Principal(user_id="dan"), run_id=begun.run_id))
    seen = await research.stack.watch("dan", begun)
    assert seen.end is not None
    assert seen.end["type"] == "run.cancelled"
    items = await research.stack.items("dan", begun.conversation_id)
    assert [call.status for item in items for call in item.tool_calls] == ["interrupted"]
    assert len(research.model.requests) == 1


async def test_a_server_that_was_not_written_for_natter_searches(research: Research) -> None:
    said = await research.stack.begin("eve", "the weather", inference_options={"model": "mock"})
    seen = await research.stack.watch("eve", said)
    assert seen.viewer.texts() == ["It rains."]
    assert [task["title"] for task in seen.viewer.tasks()] == ["Searched the web “weather in Bern”"]


async def test_chat_completions_is_refused_at_the_start_and_at_the_call(research: Research) -> None:
    log = research.stack.services["runner0"].log_file
    lines = [json.loads(line) for line in log.read_text().splitlines() if "assistant.not_loaded" in line]
    (told,) = [f"{line['file']}:{line['line']}: {line['reason']}" for line in lines]
    assert "researcher.py:20: agent “Researcher” has the hosted tool “web_search”" in told
    assert "the model “c” is asked by chat_completions" in told
    research.model.requests.clear()
    begun = await research.stack.begin("fay", "find out", inference_options={"model": "c"})
    seen = await research.stack.watch("fay", begun)
    assert seen.end is not None
    assert seen.end["code"] == "assistant_failed"
    assert research.model.requests == []
    assert log.read_text().count("which only the Responses API executes, and the model") >= 2


@pytest.mark.slow
async def test_after_a_kill_the_model_call_is_made_again_and_shown_once(research: Research) -> None:
    research.model.requests.clear()
    research.model.stalled.clear()
    research.model.script = [Answer(hosted=(CODE,), stall_in_hosted=True), Answer(hosted=(CODE,), words=("42.",))]
    begun = await research.stack.begin("gus", "find out")
    async with asyncio.timeout(20):
        while not Watched.of(await research.stack.deltas("gus", begun)).viewer.tasks():
            await asyncio.sleep(0.05)
    runner = research.stack.services["runner0"]
    runner.send(signal.SIGKILL)
    async with asyncio.timeout(10):
        while not runner.has_died:
            await asyncio.sleep(0.02)
    runner.start()
    seen = await research.stack.watch("gus", begun)
    assert seen.viewer.texts() == seen.viewer.stored_texts() == ["42."]
    assert [task["title"] for task in seen.viewer.tasks()] == ["Ran code"]
    assert len(research.model.requests) == 2
