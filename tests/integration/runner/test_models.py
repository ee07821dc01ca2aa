"""Runs with a model behind an OpenAI-compatible server: tools, titles, sessions, other MCP servers, bounds, poison."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from contracts.commands import BeginTurn, CancelRun, Retry, RunRequested
from contracts.identity import Principal
from contracts.subjects import subject_of

from tests.foreign_mcp import ForeignServer, stdio_arguments
from tests.openai_server import Answer, OpenaiServer, text, tool
from tests.runner_stack import RunnerStack, Watched, runner_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")


def servers(foreign: ForeignServer, state_file: Path) -> str:
    return json.dumps([
        {
            "name": "other",
            "command": sys.executable,
            "args": stdio_arguments(state_file),
            "tools_blocked": ["dangerous"],
            "timeout_seconds": 2,
            "ask": "never",
        },
        {
            "name": "foreign",
            "url": foreign.url,
            "headers": {"X-Key": "its own"},
            "tools_allowed": ["echo"],
            "ask": "never",
        },
        {"name": "broken", "url": "http://127.0.0.1:9/mcp"},
    ])  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def foreign() -> AsyncIterator[ForeignServer]:
    async with ForeignServer().running() as running:
        yield running


@pytest.fixture(scope="module")
def state_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("other") / "state"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[OpenaiServer]:
    async with OpenaiServer().running() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    tmp_path_factory: pytest.TempPathFactory,
    module_nats_url: str,
    module_database_url: str,
    provider: OpenaiServer,
    foreign: ForeignServer,
    state_file: Path,
) -> AsyncIterator[RunnerStack]:
    async with runner_stack(
        tmp_path_factory.mktemp("models"),
        module_nats_url,
        module_database_url,
        OPENAI_API_KEY="sk-test-never-logged",
        OPENAI_BASE_URL=provider.base_url,
        AGENT_RUNNER_MODEL="scripted",
        AGENT_RUNNER_MODELS_ALLOWED="larger",
        AGENT_RUNNER_SESSION="openai",
        AGENT_RUNNER_MCP_SERVERS=servers(foreign, state_file),
        AGENT_RUNNER_RUN_TURNS_MAX="6",
        AGENT_RUNNER_RUN_TOKENS_MAX="500",
        AGENT_RUNNER_TOOLS_WAIT_SECONDS_MAX="20",
    ) as running:
        yield running


@pytest_asyncio.fixture(loop_scope="module", autouse=True)
async def fresh(provider: OpenaiServer) -> None:
    provider.requests.clear()
    provider.script = []


async def ask(stack: RunnerStack, provider: OpenaiServer, user: str, *script: Answer, **options: Any) -> Any:
    provider.script = list(script)
    begun = await stack.begin(user, f"a request of {user}", **options)
    return begun, await stack.watch(user, begun)


async def test_tools_are_called_and_the_title_is_the_models(stack: RunnerStack, provider: OpenaiServer) -> None:
    begun, seen = await ask(stack, provider, "ann", tool("add_task", title="milk"), text("Added", " it."))
    assert seen.viewer.texts() == ["Added it."]
    assert [task.title for task in await stack.tasks("ann")] == ["milk"]
    assert seen.viewer.titles == ["A fine title"]
    offered = {entry["name"] for entry in provider.requests[0]["tools"]}
    assert {"add_task", "long_answer", "slow", "other_add_task", "echo"} <= offered
    assert not {"dangerous", "hidden"} & offered
    run = await stack.run("ann", begun.run_id)
    assert run.usage is not None
    assert (run.model, run.usage.requests) == ("scripted", 2)
    # The model sees what it did: the call and its output, in order.
    kinds = [item.get("type", "message") for item in provider.requests[1]["input"]]
    assert kinds == ["message", "function_call", "function_call_output"]
    assert "sk-test-never-logged" not in stack.logs()


async def test_a_session_at_openai_keeps_the_conversation(stack: RunnerStack, provider: OpenaiServer) -> None:
    begun, _ = await ask(stack, provider, "bob", tool("list_tasks"), text("Nothing."))
    provider.script = [text("Again nothing.")]
    provider.requests.clear()
    again = await stack.begin("bob", "and now?", begun.conversation_id)
    await stack.watch("bob", again)
    sent = provider.requests[0]["input"]
    kinds = [(item.get("type", "message"), item.get("role")) for item in sent]
    assert kinds == [
        ("message", "user"),
        ("function_call", None),
        ("function_call_output", None),
        ("message", "assistant"),
        ("message", "user"),
    ]
    (kept,) = [items for items in provider.conversations.values() if "bob" in json.dumps(items)]
    assert len(kept) == 6
    (marks,) = [value for value in provider.metadata.values() if value["natter_last_run"] == again.run_id]
    assert marks["natter_after_item"] == kept[3]["id"]  # where this turn begins


async def test_another_branch_begins_anew_at_openai_with_what_it_shares(
    stack: RunnerStack, provider: OpenaiServer
) -> None:
    begun, _ = await ask(stack, provider, "eve", text("One."))
    provider.script = [text("Two.")]
    second = await stack.begin("eve", "and eve's second?", begun.conversation_id)
    await stack.watch("eve", second)
    provider.script = [text("Two again.")]
    provider.requests.clear()
    retry = BeginTurn(
        principal=Principal(user_id="eve"),
        conversation_id=begun.conversation_id,
        input=Retry(message_id=second.message_id),
    )
    await stack.watch("eve", await stack.bus.request(retry))
    assert [item.get("role") for item in provider.requests[0]["input"]] == ["user", "assistant", "user"]
    assert "Two." not in json.dumps(provider.requests[0]["input"])
    first, other = [json.dumps(kept) for kept in provider.conversations.values() if "of eve" in json.dumps(kept)]
    assert ("Two." in first, "Two again." in first) == (True, False)
    assert ("One." in other, "Two." in other, "Two again." in other) == (True, False, True)


async def test_what_a_foreign_tool_returns_is_bounded_data(stack: RunnerStack, provider: OpenaiServer) -> None:
    _, seen = await ask(stack, provider, "cut", tool("long_answer"), text("ok"))
    output = provider.requests[1]["input"][-1]["output"]
    assert len(output) < 21_000
    assert "admin" not in output
    assert len(seen.viewer.tasks()[0]["content"]) < 5_000


async def test_a_tool_that_is_too_slow_or_unknown_fails_alone(stack: RunnerStack, provider: OpenaiServer) -> None:
    _, seen = await ask(stack, provider, "slow", tool("slow"), tool("imaginary"), text("I could not."))
    assert seen.viewer.texts() == ["I could not."]
    badges = [(task["status_indicator"], task["icon"]) for task in seen.viewer.tasks()]
    assert badges == [("complete", "circle-question"), ("complete", "info")]  # of the slow one nobody knows
    assert "in time" in provider.requests[1]["input"][-1]["output"]


async def test_a_server_that_dies_fails_its_call_and_is_started_again(
    stack: RunnerStack, provider: OpenaiServer
) -> None:
    _, seen = await ask(stack, provider, "phoenix", tool("die"), tool("long_answer"), text("It is back."))
    assert seen.viewer.texts() == ["It is back."]
    assert "broke off" in provider.requests[1]["input"][-1]["output"]
    assert "xxx" in provider.requests[2]["input"][-1]["output"]


async def test_a_foreign_server_is_reached_when_a_tool_is_called_and_never_sees_the_run_token(
    stack: RunnerStack, provider: OpenaiServer, foreign: ForeignServer
) -> None:
    foreign.headers.clear()
    await ask(stack, provider, "plain", text("No tool is needed."))
    assert foreign.headers == []  # a run that calls nothing connects to nothing
    _, seen = await ask(stack, provider, "caller", tool("echo", words="hello"), text("done"))
    assert "hello" in provider.requests[2]["input"][-1]["output"]
    assert seen.viewer.texts() == ["done"]
    assert {headers.get("x-key") for headers in foreign.headers} == {"its own"}
    assert not [headers for headers in foreign.headers if "authorization" in headers]


async def test_a_model_of_the_allow_list_may_be_asked_for(stack: RunnerStack, provider: OpenaiServer) -> None:
    options = {"model": "larger", "tool_choice": {"id": "list_tasks"}}
    await ask(stack, provider, "choosy", text("hi"), inference_options=options)
    assert provider.requests[0]["model"] == "larger"
    assert provider.requests[0]["tool_choice"] == {"type": "function", "name": "list_tasks"}


@pytest.mark.parametrize(
    ("user", "script", "code"),
    [
        ("loop", [tool("list_tasks")], "run_turns_exceeded"),
        ("greedy", [text(*["word "] * 600)], "run_tokens_exceeded"),
        ("keyless", [Answer(status=401)], "model_refused_key"),
        ("forbidden", [Answer(status=403)], "model_refused_key"),
        ("unknown", [Answer(status=404, error_code="model_not_found")], "model_rejected_request"),
        ("malformed", [Answer(status=400)], "model_rejected_request"),
        ("endless", [Answer(status=400, error_code="context_length_exceeded")], "model_context_exceeded"),
        ("filtered", [text("half", finish_reason="content_filter")], "model_content_filtered"),
        ("empty", [Answer()], "model_bad_response"),
    ],
)
async def test_a_bound_or_a_fault_ends_the_run_with_its_code(
    stack: RunnerStack, provider: OpenaiServer, user: str, script: list[Answer], code: str
) -> None:
    begun, seen = await ask(stack, provider, user, *script)
    assert seen.end is not None
    assert (seen.end["type"], seen.end["code"]) == ("run.failed", code)
    (error,) = [event for event in seen.events if event["type"] == "error"]
    can_help = code in ("run_turns_exceeded", "run_tokens_exceeded", "model_bad_response")
    assert error["allow_retry"] is can_help
    assert "KEY" not in error["message"]
    items = await stack.items(user, begun.conversation_id)
    assert [item.item for item in items] == list(seen.viewer.items.values())


async def test_an_answer_that_breaks_off_keeps_what_was_seen(stack: RunnerStack, provider: OpenaiServer) -> None:
    fault = text("half", " an", " answer", cut_after_words=2, word_delay_seconds=0.02)
    begun, seen = await ask(stack, provider, "broken", fault)
    assert seen.end is not None
    assert seen.end["code"] == "model_unavailable"
    assert seen.viewer.texts() == seen.viewer.stored_texts() == ["half an"]
    stored = await stack.items("broken", begun.conversation_id, messages_only=True)
    assert stored[-1].content == "half an"


async def test_what_cannot_be_read_becomes_a_dead_letter_and_the_queue_goes_on(
    stack: RunnerStack, provider: OpenaiServer
) -> None:
    provider.script = [text("fine")]
    subject = subject_of(RunRequested, assistant_id="todo", user_id="u", conversation_id="conv_x")
    await stack.bus.publish_stored(subject, b"{not json")
    async with asyncio.timeout(20):
        while (letter := await stack.bus.direct_get_last("DEAD_LETTERS", "dead_letter.agent_runner.>")) is None:
            await asyncio.sleep(0.05)
    assert json.loads(letter.payload)["code"] == "invalid_request"
    _, seen = await ask(stack, provider, "after", text("fine"))
    assert seen.viewer.texts() == ["fine"]


async def test_a_stop_interrupts_a_running_tool_and_one_that_waits(
    stack: RunnerStack, provider: OpenaiServer, state_file: Path
) -> None:
    provider.script = [Answer(calls=(("slow", {}), ("slow", {}))), text("never")]
    state_file.unlink(missing_ok=True)
    begun = await stack.begin("hasty", "be slow")
    async with asyncio.timeout(15):
        while not state_file.exists() or len(Watched.of(await stack.deltas("hasty", begun)).viewer.tasks()) < 2:
            await asyncio.sleep(0.02)
    await stack.bus.request(CancelRun(principal=Principal(user_id="hasty"), run_id=begun.run_id))
    seen = await stack.watch("hasty", begun)
    assert seen.end is not None
    assert seen.end["type"] == "run.cancelled"
    badges = [(task["status_indicator"], task["icon"]) for task in seen.viewer.tasks()]
    assert badges == [("none", "circle-question")] * 2
    assert [event["type"] for event in seen.run_events] == ["run.started", "run.cancelled"]
    stored = await stack.items("hasty", begun.conversation_id, messages_only=True)
    assert [call.status for call in stored[-1].tool_calls] == ["interrupted"] * 2
    async with asyncio.timeout(5):  # the tool itself is told
        while state_file.read_text() != "stopped":
            await asyncio.sleep(0.02)
    assert len(provider.requests) == 1
    # The next turn sees a call with an output, not an orphan.
    provider.script = [text("fine")]
    again = await stack.begin("hasty", "go on", begun.conversation_id)
    assert (await stack.watch("hasty", again)).viewer.texts() == ["fine"]
