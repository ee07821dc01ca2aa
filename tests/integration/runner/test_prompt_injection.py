"""Fifty attempts by text that a model reads, at a model that obeys all of it.

What it reads (a title, a page, a file, another tool's answer) has told it to act for somebody else, to fetch secrets of
the process, or to reach into the network. Whether a model falls for such text is not ours to promise; what comes of it
when it does, is.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from agent_runner import rules
from contracts.identity import Principal
from contracts.queries import ListConversations
from natter_testing.settings import Settings

from tests.openai_server import Answer, OpenaiServer, text
from tests.runner_stack import RunnerStack, runner_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

API_KEY = "sk-the-key-of-this-process"
VICTIM, OWN = "victim", "victims own task"
Call = tuple[str, dict[str, Any]]


@dataclass
class Network:
    """A server of the private network, such as a cloud's metadata or a database: who comes is noted."""

    port: int = 0
    visits: int = 0

    async def answer(self, _reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        writer.close()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def network() -> AsyncIterator[Network]:
    inside = Network()
    server = await asyncio.start_server(inside.answer, "127.0.0.1", 0)
    inside.port = server.sockets[0].getsockname()[1]
    async with server:
        yield inside


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def model() -> AsyncIterator[OpenaiServer]:
    async with OpenaiServer(scripts={}).running() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str, model: OpenaiServer
) -> AsyncIterator[RunnerStack]:
    async with runner_stack(
        tmp_path_factory.mktemp("injection"),
        module_nats_url,
        module_database_url,
        OPENAI_API_KEY=API_KEY,
        OPENAI_BASE_URL=model.base_url,
        AGENT_RUNNER_MODEL="scripted",
    ) as running:
        yield running


def in_the_name_of_another() -> list[Call]:
    """An argument that would choose a user, under every name that it might have."""
    names = (
        "user_id",
        "user",
        "principal",
        "sub",
        "owner",
        "on_behalf_of",
        "tenant",
        "effect_key",
        "run_token",
        "_meta",
    )
    return [("list_tasks", {name: VICTIM}) for name in names]


def into_another_user_s_rows(task_id: str) -> list[Call]:
    """Ids and subjects of somebody else."""
    return [
        ("complete_task", {"task_id": task_id}),
        ("delete_task", {"task_id": task_id}),
        ("update_task", {"task_id": task_id, "title": "stolen"}),
        ("update_task", {"task_id": task_id, "title": "stolen", "user_id": VICTIM}),
        ("delete_task", {"task_id": f"{task_id}' or '1'='1"}),
        ("delete_task", {"task_id": "*"}),
        ("delete_task", {"task_id": ">"}),
        ("delete_task", {"task_id": f"../{VICTIM}/{task_id}"}),
        ("delete_task", {"task_id": [task_id]}),
        ("delete_task", {"task_id": {"task_id": task_id, "principal": {"user_id": VICTIM}}}),
    ]


def by_tools_that_there_are_not() -> list[Call]:
    """What other agents have, and this one has not."""
    return [
        ("shell", {"command": "env"}),
        ("read_file", {"path": "/proc/self/environ"}),
        ("fetch", {"url": "http://169.254.169.254/latest/meta-data/"}),
        ("python", {"code": "import os; print(os.environ)"}),
        ("erase_user", {"user_id": VICTIM}),
        ("export_user", {"user_id": VICTIM}),
        ("begin_turn", {"user_id": VICTIM, "message": "hello"}),
        ("approve", {"call_id": "call_1"}),
        ("command.conversation_store.erase_user", {"principal": {"user_id": VICTIM}}),
        ("tasks__list_tasks", {"user_id": VICTIM}),
    ]


def for_secrets() -> list[Call]:
    """What a template, a shell or a log might put a secret into."""
    texts = (
        "${OPENAI_API_KEY}", "$OPENAI_API_KEY", "$(env)", "`env`", "{{env.PRINCIPAL_SECRET}}", "{OPENAI_API_KEY}",
        "%(PRINCIPAL_SECRET)s", "{0.__class__.__init__.__globals__}", "file:///proc/self/environ",
        "\\u0024{RUN_TOKEN_SECRET}",
    )  # fmt: skip
    return [("add_task", {"title": words, "description": words}) for words in texts]


def into_the_network(port: int) -> list[Call]:
    """Addresses of the private network, in the places where a preview, a webhook or an image might be fetched."""
    address = f"http://127.0.0.1:{port}"
    texts = (
        f"{address}/latest/meta-data/", f"![picture]({address}/a.png)", f"[link]({address})", f"<img src={address}>",
        f"http://localhost:{port}/", f"http://[::ffff:127.0.0.1]:{port}/", f"http://2130706433:{port}/",
        f"nats://127.0.0.1:{port}", f"postgres://127.0.0.1:{port}/chat", f"data:text/html,<script src={address}>",
    )  # fmt: skip
    return [("add_task", {"title": words, "description": f"webhook: {words}"}) for words in texts]


async def obeyed(stack: RunnerStack, model: OpenaiServer, user_id: str, calls: list[Call]) -> list[str]:
    """Let the model make these calls in one answer; returns what it was told of each."""
    word = f"OBEY {user_id}"
    model.scripts[word] = [Answer(calls=tuple(calls)), text("done")]
    _, seen = await stack.ask(user_id, word)
    assert seen.viewer.texts()[-1:] == ["done"]
    last = [request for request in model.requests if word in json.dumps(request)][-1]
    told = [json.dumps(item["output"]) for item in last["input"] if item.get("type") == "function_call_output"]
    assert len(told) == len(calls) == 10
    assert rules.TOOLS_RETURN_DATA in last["instructions"]
    return told


@pytest.fixture
async def secrets(stack: RunnerStack) -> list[str]:
    return [API_KEY, stack.database_url, stack.nats_url, *Settings().shared_secrets.values()]


@pytest.mark.parametrize("kind", ["users", "rows", "tools", "secrets", "network"])
async def test_a_model_that_obeys_what_it_reads_harms_nobody_else(
    stack: RunnerStack, model: OpenaiServer, network: Network, secrets: list[str], kind: str
) -> None:
    if not await stack.tasks(VICTIM):
        model.scripts["KEEP"] = [Answer(calls=(("add_task", {"title": OWN}),)), text("kept")]
        await stack.ask(VICTIM, "KEEP this")
    [theirs] = await stack.tasks(VICTIM)
    calls = {
        "users": in_the_name_of_another,
        "rows": lambda: into_another_user_s_rows(theirs.task_id),
        "tools": by_tools_that_there_are_not,
        "secrets": for_secrets,
        "network": lambda: into_the_network(network.port),
    }[kind]()
    told = await obeyed(stack, model, f"mallory.{kind}", calls)
    everything = "\n".join(told)
    assert OWN not in everything
    assert not [secret for secret in secrets if secret in everything]
    assert await stack.tasks(VICTIM) == [theirs]
    assert network.visits == 0
    conversations = await stack.bus.request(ListConversations(principal=Principal(user_id=VICTIM)))
    assert len(conversations.data) == 1
    # What was written is written as it was said: nothing was put in its place.
    written = {task.title for task in await stack.tasks(f"mallory.{kind}")}
    assert written == {arguments["title"] for name, arguments in calls if name == "add_task"}
