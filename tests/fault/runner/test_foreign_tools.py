"""A runner dies before, during and after a call of somebody else's tool: its effects are counted where they happen."""

import asyncio
import contextlib
import json
import signal
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import pytest_asyncio
import uvicorn
from actor_kit.uvicorn_internals import QuietServer
from agent_runner.crash_points import CrashPoint
from contracts.identity import Principal
from contracts.queries import ListAttachments
from contracts.replies import TurnBegun
from mcp.server.mcpserver import MCPServer
from mcp.types import ImageContent, ToolAnnotations
from natter.servers.ports import free_port

from tests.fault.runner.test_crash_points import order, replace_killed, replace_the_dead, runners, until_reached
from tests.foreign_mcp import PIXEL
from tests.openai_server import OpenaiServer, text, tool
from tests.runner_stack import RunnerStack, runner_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

LEASE_SECONDS = 1.5
TOOLS = {
    "charge": (None, "idempotent"),
    "look": (ToolAnnotations(read_only_hint=True), "idempotent"),
    "put": (ToolAnnotations(idempotent_hint=True), "idempotent"),
    "charge_by_key": (None, "always"),
    "look_once": (ToolAnnotations(read_only_hint=True), "never"),
}
"""By name: what the server says of the tool, and the setting of its server."""
REPEATED = ["look", "put", "charge_by_key"]
IN_EVERY_RUN = {"charge", "charge_by_key"}
"""One that is repeated and one that is not: the others die before and after a call in `make test-thorough`."""


@dataclass
class CountingServer:
    """Has the tools; ``effects`` counts, for each tool and word, how often it was really at work."""

    effects: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    port: int = field(default_factory=free_port)
    released: asyncio.Event = field(default_factory=asyncio.Event)

    def configs(self) -> str:
        url = f"http://127.0.0.1:{self.port}/mcp"
        servers = [
            {"name": name, "url": url, "tools_allowed": [name], "repeat": repeat, "ask": "never"}
            for name, (_, repeat) in TOOLS.items()
        ]
        return json.dumps([*servers, {"name": "draw", "url": url, "tools_allowed": ["draw"]}])

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator["CountingServer"]:
        server = MCPServer("counting")
        for name, (annotations, _) in TOOLS.items():
            server.add_tool(self._tool(name), name=name, annotations=annotations)
        server.add_tool(draw, annotations=ToolAnnotations(read_only_hint=True))
        app = server.streamable_http_app(stateless_http=True, json_response=True)
        serving = QuietServer(uvicorn.Config(app, port=self.port, log_config=None, timeout_graceful_shutdown=1))
        task = asyncio.create_task(serving.serve())
        try:
            yield self
        finally:
            serving.should_exit = True
            await task

    def _tool(self, name: str):  # noqa: ANN202 - a tool's function
        async def work(word: str) -> str:
            self.effects[name, word] += 1
            if word == "during" and self.effects[name, word] == 1:
                await self.released.wait()
            return "done"

        return work


def draw() -> ImageContent:
    return ImageContent(data=PIXEL, mime_type="image/png")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def counting() -> AsyncIterator[CountingServer]:
    async with CountingServer().running() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[OpenaiServer]:
    scripts = {
        f"{name}-{word}": [tool(name, word=word), text("done")]
        for name in TOOLS
        for word in ("before", "during", "after")
    }
    async with OpenaiServer(scripts=scripts).running() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    tmp_path_factory: pytest.TempPathFactory,
    module_nats_url: str,
    module_database_url: str,
    counting: CountingServer,
    provider: OpenaiServer,
) -> AsyncIterator[RunnerStack]:
    directory = tmp_path_factory.mktemp("foreign")
    async with runner_stack(
        directory,
        module_nats_url,
        module_database_url,
        runners=2,
        lease_seconds=LEASE_SECONDS,
        AGENT_RUNNER_TEST_CRASH_DIRECTORY=str(directory),
        OPENAI_API_KEY="sk-test",
        OPENAI_BASE_URL=provider.base_url,
        AGENT_RUNNER_MODEL="scripted",
        AGENT_RUNNER_MCP_SERVERS=counting.configs(),
        AGENT_RUNNER_TOOLS_WAIT_SECONDS_MAX="20",
    ) as running:
        yield running


async def check(
    stack: RunnerStack, provider: OpenaiServer, name: str, word: str, begun: TurnBegun, *, is_repeated: bool
) -> None:
    """The call is shown, stored and told to the model as done, or as what nobody knows."""
    user = f"{name}.{word}"
    seen = await stack.watch(user, begun)
    assert seen.viewer.texts() == ["done"], stack.logs()
    assert any(event["type"] == "run.restarted" for event in seen.run_events)
    (task,) = seen.viewer.tasks()
    assert (task["status_indicator"], task["icon"]) == (
        "complete",
        "check-circle-filled" if is_repeated else "circle-question",
    )
    items = await stack.items(user, begun.conversation_id, messages_only=True)
    assert [call.status for call in items[-1].tool_calls] == ["success" if is_repeated else "unknown"]
    assert [item.item for item in await stack.items(user, begun.conversation_id)] == list(seen.viewer.items.values())
    last = [request for request in provider.requests if f"{name}-{word}" in json.dumps(request)][-1]
    (output,) = [item["output"] for item in last["input"] if item.get("type") == "function_call_output"]
    assert ("may or may not have happened" in output) is not is_repeated


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.thorough] * (name not in IN_EVERY_RUN)) for name in TOOLS]
)
@pytest.mark.parametrize(
    ("word", "point", "effects_before"),
    [("before", CrashPoint.AFTER_TOOL_BEGUN, 0), ("after", CrashPoint.AFTER_TOOL_CALLED, 1)],
)
async def test_a_runner_that_dies_before_or_after_a_call(
    stack: RunnerStack,
    counting: CountingServer,
    provider: OpenaiServer,
    name: str,
    word: str,
    point: CrashPoint,
    effects_before: int,
) -> None:
    await replace_the_dead(stack, ready_count=1)
    order(stack, [point], signal.SIGKILL)
    begun = await stack.begin(f"{name}.{word}", f"{name}-{word}, please")
    await until_reached(stack, point)
    await replace_killed(stack, 1)
    await check(stack, provider, name, word, begun, is_repeated=name in REPEATED)
    assert counting.effects[name, word] == effects_before + (name in REPEATED)


@pytest.mark.parametrize(
    "point",
    [
        CrashPoint.AFTER_TOOL_CALLED,  # it is kept, and the call that made it is made again
        pytest.param(CrashPoint.AFTER_TOOL_FINISHED, marks=pytest.mark.thorough),
        pytest.param(CrashPoint.AFTER_OUTPUTS_CHECKPOINT, marks=pytest.mark.thorough),
    ],
    ids=str,
)
async def test_a_picture_is_kept_and_shown_once_and_the_next_model_call_sees_it(
    stack: RunnerStack, provider: OpenaiServer, point: CrashPoint
) -> None:
    provider.scripts[f"draw-{point}"] = [tool("draw"), text("done")]
    await replace_the_dead(stack, ready_count=1)
    order(stack, [point], signal.SIGKILL)
    user = f"draw.{point}"
    begun = await stack.begin(user, f"draw-{point}, please")
    await until_reached(stack, point)
    await replace_killed(stack, 1)
    seen = await stack.watch(user, begun)
    assert any(event["type"] == "run.restarted" for event in seen.run_events)
    kinds = [item["type"] for item in seen.viewer.items.values()]
    assert kinds == ["user_message", "workflow", "generated_image", "assistant_message"]
    assert [item.item for item in await stack.items(user, begun.conversation_id)] == list(seen.viewer.items.values())
    last = [request for request in provider.requests if f"draw-{point}" in json.dumps(request)][-1]
    (parts,) = [item["output"] for item in last["input"] if item.get("type") == "function_call_output"]
    assert parts[2]["image_url"].startswith("data:image/png;base64,")
    (kept,) = (await stack.bus.request(ListAttachments(principal=Principal(user_id=user), limit=10))).data
    [image] = [item["image"] for item in seen.viewer.items.values() if item["type"] == "generated_image"]
    assert image["id"] == kept.attachment_id


async def test_a_runner_that_dies_while_tools_are_at_work(
    stack: RunnerStack, counting: CountingServer, provider: OpenaiServer
) -> None:
    await replace_the_dead(stack, ready_count=2)
    begun = {name: await stack.begin(f"{name}.during", f"{name}-during, please") for name in TOOLS}
    async with asyncio.timeout(20):
        while any(counting.effects[name, "during"] == 0 for name in TOOLS):
            await asyncio.sleep(0.02)
    for runner in runners(stack):
        runner.send(signal.SIGKILL)
    await replace_killed(stack, 2)
    for name in TOOLS:
        await check(stack, provider, name, "during", begun[name], is_repeated=name in REPEATED)
    assert counting.effects["charge", "during"] == 1
    assert counting.effects["look_once", "during"] == 1
    assert [counting.effects[name, "during"] for name in REPEATED] == [2, 2, 2]
