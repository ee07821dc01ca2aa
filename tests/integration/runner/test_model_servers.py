"""Conversations with models behind servers that were not written for Natter, over both APIs, and from one to the other.

aimock answers, LiteLLM stands in front of it once; what aimock cannot say (refusals, reasoning as it is, answers that
end early) it has from `tests.openai_server`, to which it passes on what it has no fixture for.
"""

import asyncio
import contextlib
import json
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from contracts.commands import BeginTurn, CancelRun, Retry
from contracts.identity import Principal
from contracts.replies import TurnBegun

from tests.integration.runner.model_servers.servers import ModelServer, aimock, litellm
from tests.openai_server import Answer, OpenaiServer, text
from tests.runner_stack import RunnerStack, RunningService, Watched, runner_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

APIS = ["responses", "chat_completions"]
LONG = "One word after the other, and many more of them to come. " * 12
THOUGHT, SECOND_THOUGHT = "The person wants one task.", "It is on the list now."


def fixture(said: str, answer: dict[str, Any], after_tools: dict[str, Any] | None = None) -> list[dict[str, Any]]:
    """What aimock answers to a message: before its tools are called, and after."""
    if after_tools is None:
        return [{"match": {"userMessage": said}, "response": answer}]
    return [
        {"match": {"userMessage": said, "hasToolResult": False}, "response": answer},
        {"match": {"userMessage": said, "hasToolResult": True}, "response": after_tools},
    ]


def tools(*calls: tuple[str, dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"toolCalls": [{"name": name, "arguments": arguments} for name, arguments in calls], **more}


FIXTURES = [
    *fixture("good morning", {"content": "Good morning to you."}),
    *fixture("one task", tools(("add_task", {"title": "milk"})), {"content": "Milk is on the list."}),
    *fixture(
        "three tasks",
        tools(*(("add_task", {"title": title}) for title in ("eggs", "tea", "salt"))),
        {"content": "All three are on it."},
    ),
    *fixture("no such task", tools(("complete_task", {"task_id": "task_none"})), {"content": "There is none."}),
    *fixture(
        "think first",
        tools(("add_task", {"title": "rice"}), reasoning=THOUGHT),
        {"content": "Rice, after some thought.", "reasoning": SECOND_THOUGHT},
    ),
    *fixture("a long story", {"content": LONG}),
    *fixture("go on", {"content": "And so it ended."}),
]
SCRIPTS = {
    "REFUSE": [text("I will", " not.", is_refusal=True)],
    "SILENT": [Answer(calls=(("list_tasks", {}),)), Answer()],
    "CUT": [text("Once upon", " a", finish_reason="length")],
    "RAW": [text("Yes.", thoughts=("As it ", "is."), thoughts_as="reasoning")],
}


@dataclass
class Models:
    """The stack, the model's servers, and the one runner that is there."""

    stack: RunnerStack
    server: ModelServer
    other: OpenaiServer
    gateway: ModelServer | None = None
    api: str | None = None
    runner: RunningService | None = None

    async def use(self, api: str, server: ModelServer | None = None) -> None:
        """Have a runner of this API, and no other."""
        server = server or self.server
        if self.api == f"{api} {server.port}":
            return
        await self.leave()
        self.runner = self.stack.add_runner(f"{api}-{server.port}", self.environment(api, server))
        self.runner.start()
        await self.runner.wait_until_ready()
        self.api = f"{api} {server.port}"

    async def leave(self) -> None:
        """Have no runner."""
        if self.runner is not None:
            await asyncio.to_thread(self.runner.stop)
        self.api, self.runner = None, None

    def environment(self, api: str, server: ModelServer) -> dict[str, str]:
        return {
            "OPENAI_API_KEY": server.api_key,
            "OPENAI_BASE_URL": server.base_url,
            "AGENT_RUNNER_MODEL": "scripted" if server is self.gateway else f"model-of-{api}",
            "AGENT_RUNNER_MODEL_API": api,
            "AGENT_RUNNER_TOOLS_WAIT_SECONDS_MAX": "20",
        }

    async def say(self, chat: "Chat", words: str) -> Watched:
        begun = await self.stack.begin(chat.user, words, chat.conversation_id)
        chat.conversation_id = begun.conversation_id
        return await self.stack.watch(chat.user, begun)

    async def begin_story(self, chat: "Chat") -> TurnBegun:
        """Ask for a long story, and return in the middle of it."""
        begun = await self.stack.begin(chat.user, "a long story", chat.conversation_id)
        chat.conversation_id = begun.conversation_id
        async with asyncio.timeout(20):
            while len("".join(Watched.of(await self.stack.deltas(chat.user, begun)).viewer.texts())) < 40:
                await asyncio.sleep(0.02)
        return begun

    async def sent(self, words: str) -> dict[str, Any]:
        """The last request of a turn that began with these words, as aimock wrote it down."""
        return [body for body in await self.asked() if words in json.dumps(body)][-1]

    async def asked(self) -> list[dict[str, Any]]:
        """Every request for an answer (titles are asked for without a stream)."""
        return [body for body in await self.server.requests() if body.get("stream")]


@dataclass
class Chat:
    user: str
    conversation_id: str | None = None


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def models(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str
) -> AsyncIterator[Models]:
    directory: Path = tmp_path_factory.mktemp("model_servers")
    async with contextlib.AsyncExitStack() as running:
        other = await running.enter_async_context(OpenaiServer(scripts=SCRIPTS).running())
        origin = other.base_url.removesuffix("/v1")
        server = await running.enter_async_context(aimock(directory, FIXTURES, otherwise=origin))
        stack = await running.enter_async_context(
            runner_stack(directory, module_nats_url, module_database_url, runners=0, lease_seconds=2)
        )
        models = Models(stack, server, other)
        running.push_async_callback(models.leave)
        yield models


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory, models: Models) -> AsyncIterator[ModelServer]:
    async with litellm(tmp_path_factory.mktemp("litellm"), models.server.base_url) as models.gateway:
        await models.gateway.wait_until_ready()
        yield models.gateway


@pytest.fixture(scope="module", params=APIS)
def api(request: pytest.FixtureRequest) -> str:
    return request.param


def end_of(seen: Watched) -> tuple[str, str | None]:
    assert seen.end is not None
    return seen.end["type"], seen.end.get("code")


def completed(seen: Watched) -> list[str]:
    """The texts of an answer that is whole."""
    assert end_of(seen) == ("run.completed", None), seen.events
    assert seen.viewer.texts() == seen.viewer.stored_texts()
    return seen.viewer.texts()


def thoughts(seen: Watched) -> list[str]:
    return [task["content"] for task in seen.viewer.tasks() if task["type"] == "thought"]


async def everything_said(models: Models, chat: Chat) -> None:
    """Six turns, each of another kind, in one conversation."""
    assert completed(await models.say(chat, "good morning")) == ["Good morning to you."]
    assert completed(await models.say(chat, "one task")) == ["Milk is on the list."]
    assert completed(await models.say(chat, "three tasks")) == ["All three are on it."]
    failed = await models.say(chat, "no such task")
    assert completed(failed) == ["There is none."]
    assert [task["icon"] for task in failed.viewer.tasks()] == ["info"]
    thought = await models.say(chat, "think first")
    assert completed(thought) == ["Rice, after some thought."]
    assert thoughts(thought) == [THOUGHT, SECOND_THOUGHT]
    kinds = [item["workflow"]["type"] for item in thought.viewer.items.values() if item["type"] == "workflow"]
    assert kinds == ["reasoning", "custom", "reasoning"]
    assert completed(await models.say(chat, "go on")) == ["And so it ended."]
    titles = [task.title for task in await models.stack.tasks(chat.user)]
    assert titles == ["milk", "eggs", "tea", "salt", "rice"]


async def test_a_conversation_of_many_turns_goes_on(models: Models, api: str) -> None:
    await models.use(api)
    before = len(await models.asked())
    chat = Chat(f"many-{api}")
    await everything_said(models, chat)
    assert chat.conversation_id is not None
    stored = await models.stack.items(chat.user, chat.conversation_id, messages_only=True)
    assert [len(item.tool_calls) for item in stored if item.role == "assistant"] == [0, 1, 3, 1, 1, 0]
    assert len(await models.asked()) - before == 10  # each model call once


async def test_a_refusal_silence_and_a_cut_are_answers_and_the_conversation_goes_on(models: Models, api: str) -> None:
    models.other.scripts["SILENT"][:] = [Answer(calls=(("list_tasks", {}),)), Answer()]
    await models.use(api)
    chat = Chat(f"odd-{api}")
    assert completed(await models.say(chat, "REFUSE this")) == ["I will not."]
    assert completed(await models.say(chat, "be SILENT")) == []
    cut = await models.say(chat, "CUT it short")
    assert end_of(cut) == ("run.failed", "model_answer_cut_off")
    assert cut.viewer.texts() == cut.viewer.stored_texts() == ["Once upon a"]
    raw = await models.say(chat, "RAW thoughts")
    assert (completed(raw), thoughts(raw)) == (["Yes."], ["As it is."])
    assert completed(await models.say(chat, "go on")) == ["And so it ended."]
    seen_by_model = json.dumps(await models.sent("CUT it short"))
    assert [words in seen_by_model for words in ("I will not.", "Once upon a", "Yes.")] == [True] * 3
    assert "As it is." not in seen_by_model


async def test_a_stopped_and_a_repeated_answer_leave_a_conversation_that_goes_on(models: Models, api: str) -> None:
    await models.use(api)
    chat = Chat(f"stopped-{api}")
    assert completed(await models.say(chat, "one task")) == ["Milk is on the list."]
    begun = await models.begin_story(chat)
    await models.stack.bus.request(CancelRun(principal=Principal(user_id=chat.user), run_id=begun.run_id))
    stopped = await models.stack.watch(chat.user, begun)
    assert end_of(stopped)[0] == "run.cancelled"
    (kept,) = stopped.viewer.stored_texts()
    assert LONG.startswith(kept)
    assert completed(await models.say(chat, "go on")) == ["And so it ended."]
    assert json.dumps(kept)[1:-1] in json.dumps(await models.sent("go on"))
    again = BeginTurn(
        principal=Principal(user_id=chat.user),
        conversation_id=chat.conversation_id,
        input=Retry(message_id=begun.message_id),
    )
    repeated = await models.stack.bus.request(again)
    assert completed(await models.stack.watch(chat.user, repeated)) == [LONG]
    assert completed(await models.say(chat, "three tasks")) == ["All three are on it."]


async def test_a_runner_of_another_api_and_model_takes_over_and_goes_on(models: Models, api: str) -> None:
    other_api = next(name for name in APIS if name != api)
    chat = Chat(f"moved-{api}")
    await models.leave()
    dying = models.stack.add_runner(f"dying-{api}", models.environment(api, models.server))
    dying.start()
    await dying.wait_until_ready()
    assert completed(await models.say(chat, "good morning")) == ["Good morning to you."]
    assert completed(await models.say(chat, "three tasks")) == ["All three are on it."]
    assert completed(await models.say(chat, "REFUSE this")) == ["I will not."]
    assert thoughts(await models.say(chat, "think first")) == [THOUGHT, SECOND_THOUGHT]
    begun = await models.begin_story(chat)
    dying.send(signal.SIGKILL)
    await models.use(other_api)
    seen = await models.stack.watch(chat.user, begun)
    assert [event["type"] for event in seen.run_events] == ["run.started", "run.restarted", "run.completed"]
    assert seen.viewer.texts() == seen.viewer.stored_texts() == [LONG]
    assert (await models.stack.run(chat.user, begun.run_id)).model == f"model-of-{other_api}"
    # What the first model said is all there, and nothing that only it could read.
    assert completed(await models.say(chat, "one task")) == ["Milk is on the list."]
    request = json.dumps(await models.sent("one task"))
    assert [words in request for words in ("All three are on it.", "I will not.", LONG)] == [True] * 3
    assert THOUGHT not in request
    assert completed(await models.say(chat, "go on")) == ["And so it ended."]


@pytest.mark.thorough
async def test_both_apis_of_litellm_hold_a_conversation(models: Models, gateway: ModelServer, api: str) -> None:
    await models.use(api, gateway)
    chat = Chat(f"gateway-{api}")
    await everything_said(models, chat)
