"""Tool calls that run side by side, on servers that fail, hang, or are away for a while."""

import asyncio
import base64
import io
import json
import sys
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from contracts.commands import CreateAttachment
from contracts.identity import Principal
from contracts.queries import ListAttachments
from contracts.replies import AttachmentView, TurnBegun
from PIL import Image

from tests.foreign_mcp import PIXEL, stdio_arguments
from tests.openai_server import OpenaiServer, text, tool
from tests.runner_stack import RunnerStack, Watched, runner_stack

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALL_SECONDS_MAX = 4.0
AWAY_SECONDS = 2.0
WAIT_SECONDS_MAX = 6.0
DEMO: dict[str, Any] = {"inference_options": {"model": "demo"}}
SCRIPTS = {
    "PATIENT": [tool("work", seconds=3.5), tool("work", seconds=0.1), text("done")],
    "REFUSED": [tool("refuse"), text("refused")],
    "LATE": [tool("slow"), text("too late")],
    "KILLER": [tool("die"), text("it is gone")],
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def provider() -> AsyncIterator[OpenaiServer]:
    async with OpenaiServer(scripts={word: list(script) for word, script in SCRIPTS.items()}).running() as running:
        yield running


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str, provider: OpenaiServer
) -> AsyncIterator[RunnerStack]:
    directory = tmp_path_factory.mktemp("tools")
    other = {
        "name": "other",
        "command": sys.executable,
        "args": stdio_arguments(directory / "state"),
        "timeout_seconds": CALL_SECONDS_MAX,
        "ask": "never",
    }
    async with runner_stack(
        directory,
        module_nats_url,
        module_database_url,
        OPENAI_API_KEY="sk-test",
        OPENAI_BASE_URL=provider.base_url,
        AGENT_RUNNER_MODEL="scripted",
        AGENT_RUNNER_MODELS_ALLOWED="demo",
        AGENT_RUNNER_MCP_SERVERS=json.dumps([other]),
        AGENT_RUNNER_TOOLS_WAIT_SECONDS_MAX=str(WAIT_SECONDS_MAX),
        AGENT_RUNNER_TOOL_IMAGE_BYTES_MAX="262144",
    ) as running:
        await until_its_tools_are_there(running, provider)
        yield running


async def until_its_tools_are_there(stack: RunnerStack, provider: OpenaiServer) -> None:
    """A server over stdio is a process, and takes its time to start."""
    async with asyncio.timeout(60):
        while True:
            provider.scripts["FIRST"] = [tool("refuse"), text("refused")]
            await stack.ask("first", "FIRST, please")
            if outputs(provider, "FIRST") == ['{"error": "Connection closed"}']:
                return


def outputs(provider: OpenaiServer, word: str) -> list[Any]:
    """What the model of the run whose message holds a word was told of its calls."""
    last = [request for request in provider.requests if word in json.dumps(request)][-1]
    return [item["output"] for item in last["input"] if item.get("type") == "function_call_output"]


def badges(seen: Watched) -> list[tuple[str, str | None]]:
    return [(task["status_indicator"], task.get("icon")) for task in seen.viewer.tasks()]


async def titles_shown(stack: RunnerStack, user: str, begun: TurnBegun) -> list[str]:
    """Every title that the run's calls have had."""
    events = Watched.of(await stack.deltas(user, begun)).events
    return [event["update"]["task"]["title"] for event in events if "task" in event.get("update", {})]


async def last_sequence(stack: RunnerStack, user: str, begun: TurnBegun) -> int:
    return (await stack.deltas(user, begun))[-1].sequence


async def call_ended(stack: RunnerStack, user: str, begun: TurnBegun) -> int:
    """The sequence of the delta that showed the end of the run's first call."""
    for message in await stack.deltas(user, begun):
        task = json.loads(message.payload).get("update", {}).get("task", {})
        if task.get("status_indicator") == "complete":
            return message.sequence
    raise AssertionError("no call has ended")


async def until_shown(stack: RunnerStack, user: str, begun: TurnBegun, words: str) -> None:
    async with asyncio.timeout(20):
        while not any(words in title for title in await titles_shown(stack, user, begun)):
            await asyncio.sleep(0.02)


async def test_one_users_error_and_time_out_leave_another_users_call_alone(
    stack: RunnerStack, provider: OpenaiServer
) -> None:
    """One process serves everybody: a call goes on there while others' calls are refused and cancelled."""
    late = await stack.begin("late", "LATE, please")
    await until_shown(stack, "late", late, "Slow")
    await asyncio.sleep(2)
    patient = await stack.begin("patient", "PATIENT, please")
    await until_shown(stack, "patient", patient, "Work")
    _, refused = await stack.ask("refused", "REFUSED, please")
    assert refused.viewer.texts() == ["refused"]
    assert badges(refused) == [("complete", "info")]
    assert outputs(provider, "REFUSED") == ['{"error": "Connection closed"}']
    assert (await stack.watch("late", late)).viewer.texts() == ["too late"]
    seen = await stack.watch("patient", patient)
    assert await last_sequence(stack, "late", late) < await call_ended(stack, "patient", patient)
    assert badges(seen) == [("complete", "check-circle-filled")] * 2
    first, second = outputs(provider, "PATIENT")
    assert first == second, "the second call is answered by the same process"
    assert "worked in " in first


async def test_a_call_that_is_late_may_have_happened_and_all_are_told_so(
    stack: RunnerStack, provider: OpenaiServer
) -> None:
    provider.scripts["LATE"] = list(SCRIPTS["LATE"])
    _, seen = await stack.ask("late.again", "LATE, please")
    assert seen.viewer.texts() == ["too late"]
    assert badges(seen) == [("complete", "circle-question")]
    (output,) = outputs(provider, "LATE")
    assert json.loads(output)["outcome"] == "unknown"
    assert "may or may not have happened" in output


async def test_a_call_whose_server_dies_may_have_happened_and_the_next_one_starts_it_anew(
    stack: RunnerStack, provider: OpenaiServer
) -> None:
    begun, seen = await stack.ask("killer", "KILLER, please")
    assert badges(seen) == [("complete", "circle-question")]
    (output,) = outputs(provider, "KILLER")
    assert json.loads(output)["outcome"] == "unknown"
    items = await stack.items("killer", begun.conversation_id, messages_only=True)
    assert [call.status for call in items[-1].tool_calls] == ["unknown"]
    provider.scripts["REFUSED"] = list(SCRIPTS["REFUSED"])
    await stack.ask("after", "REFUSED, please")
    assert outputs(provider, "REFUSED") == ['{"error": "Connection closed"}']


async def test_the_progress_of_a_call_is_shown_now_and_then_and_not_stored(
    stack: RunnerStack, provider: OpenaiServer
) -> None:
    provider.scripts["PROGRESS"] = [tool("work", seconds=1.6), text("done")]
    begun, seen = await stack.ask("progress", "PROGRESS, please")
    shown = [title for title in await titles_shown(stack, "progress", begun) if " · " in title]
    assert 2 <= len(shown) <= 6, shown  # of 20
    assert all("step" in title and "%" in title for title in shown)
    assert badges(seen) == [("complete", "check-circle-filled")]
    assert " · " not in seen.viewer.tasks()[0]["title"]
    items = await stack.items("progress", begun.conversation_id)
    assert [item.item for item in items] == list(seen.viewer.items.values())


async def test_images_and_links_of_a_tool_reach_the_person_and_the_model(
    stack: RunnerStack, provider: OpenaiServer
) -> None:
    provider.scripts["DRAWING"] = [tool("draw", pixel=PIXEL), text("done"), text("it was a pixel")]
    begun, seen = await stack.ask("draw", "DRAWING, please")
    images = [item["image"] for item in seen.viewer.items.values() if item["type"] == "generated_image"]
    kept = await kept_pictures(stack, "draw")
    assert {one["url"] for one in images} == {f"/api/draw/attachments/{one.attachment_id}/content" for one in kept}
    assert [one.get("name") for one in images] == [None, "scan"]
    assert {(one.name, one.mime_type, one.width, one.source, one.run_id) for one in kept} == {
        (name, "image/png", 1, "tool", begun.run_id) for name in ("picture.png", "scan.png")
    }
    assert "base64" not in json.dumps(seen.events)
    items = await stack.items("draw", begun.conversation_id)
    assert [item.item for item in items] == list(seen.viewer.items.values())
    (task,) = seen.viewer.tasks()
    assert "[The \\[bill\\]](https://example.org/bill%281%29.pdf)" in task["content"]
    assert "](file:" not in task["content"]
    assert "image/svg+xml, 1 KiB: images of this type are not shown" in task["content"]
    assert "image/png, 1 KiB: it is no such image" in task["content"]
    assert "audio/wav, 1 KiB: sound cannot be played here" in task["content"]
    assert PIXEL not in json.dumps(items[-1].tool_calls[0].result)
    (parts,) = outputs(provider, "DRAWING")
    kinds = [part["type"] for part in parts]
    assert kinds == ["input_text", "input_text", "input_image", "input_text", "input_image"]
    assert f"The user is shown “scan.png” (image/png, {kept[0].size_bytes} bytes, 1 by 1 pixels)" in parts[3]["text"]
    data = base64.b64decode(parts[4]["image_url"].removeprefix("data:image/png;base64,"))
    assert Image.open(io.BytesIO(data)).size == (1, 1)
    assert "Two drawings." in parts[0]["text"]
    assert "a note" in parts[0]["text"]
    # A later turn has the pictures as well: the history refers to them, as to what people attach.
    again = await stack.begin("draw", "DRAWING again?", begun.conversation_id)
    await stack.watch("draw", again)
    (later,) = outputs(provider, "DRAWING")
    assert later == parts


async def kept_pictures(stack: RunnerStack, user: str) -> tuple[AttachmentView, ...]:
    return (await stack.bus.request(ListAttachments(principal=Principal(user_id=user), limit=10))).data


async def test_who_has_no_room_for_files_is_told_so_and_the_model_too(
    stack: RunnerStack, provider: OpenaiServer
) -> None:
    full = CreateAttachment(
        principal=Principal(user_id="full"), name="film.mp4", mime_type="video/mp4", size_bytes=1024**3
    )
    await stack.bus.request(full)
    provider.scripts["NO ROOM"] = [tool("draw", pixel=PIXEL), text("done")]
    _, seen = await stack.ask("full", "NO ROOM, please")
    assert [item["type"] for item in seen.viewer.items.values()] == ["user_message", "workflow", "assistant_message"]
    assert outputs(provider, "NO ROOM")[0].count("it was not kept, for the user has no room for more files") == 2
    assert [one.name for one in await kept_pictures(stack, "full")] == ["film.mp4"]


async def test_an_image_that_is_too_large_is_told_in_words(stack: RunnerStack, provider: OpenaiServer) -> None:
    provider.scripts["LARGE"] = [tool("draw", pixel=PIXEL, large=True), text("done")]
    _, seen = await stack.ask("large", "LARGE, please")
    assert [item["type"] for item in seen.viewer.items.values()] == ["user_message", "workflow", "assistant_message"]
    words = "[image/png, 292 KiB: an image of more than 256 KiB is not shown]"
    assert outputs(provider, "LARGE") == [words]
    assert words in seen.viewer.tasks()[0]["content"]


async def test_a_task_server_that_is_restarted_is_waited_for(stack: RunnerStack) -> None:
    tools = stack.services["tools"]
    tools.stop()
    begun = await stack.begin("waiting", "add a task: buy milk", **DEMO)
    await until_shown(stack, "waiting", begun, "waiting for its server")
    await asyncio.sleep(AWAY_SECONDS)
    tools.start()
    seen = await stack.watch("waiting", begun)
    assert seen.viewer.texts() == ["Added “buy milk” to your list."]
    assert badges(seen) == [("complete", "check-circle-filled")]
    assert [task.title for task in await stack.tasks("waiting")] == ["buy milk"]


async def test_a_runner_that_starts_before_the_task_server_waits_for_its_tools(stack: RunnerStack) -> None:
    tools, runner = stack.services["tools"], stack.services["runner0"]
    tools.stop()
    runner.stop()
    runner.start()
    begun = await stack.begin("early", "add a task: be early", **DEMO)
    async with asyncio.timeout(20):
        while (await stack.run("early", begun.run_id)).status != "running":
            await asyncio.sleep(0.05)
    await asyncio.sleep(1)
    tools.start()
    seen = await stack.watch("early", begun)
    assert seen.viewer.texts() == ["Added “be early” to your list."]


async def test_after_a_bounded_time_people_are_told_that_the_task_server_is_away(stack: RunnerStack) -> None:
    await stack.services["runner0"].wait_until_ready()
    stack.services["tools"].stop()
    clock = asyncio.get_running_loop().time
    started = clock()
    begun = await stack.begin("away", "add a task: buy milk", **DEMO)
    seen = await stack.watch("away", begun)
    assert WAIT_SECONDS_MAX - 1.5 < clock() - started < WAIT_SECONDS_MAX + 5
    assert badges(seen) == [("complete", "info")]  # it was never sent, so it has not happened
    stack.services["tools"].start()
    await stack.services["tools"].wait_until_ready()
    assert await stack.tasks("away") == []
    log = (stack.directory / "runner0.log").read_text()
    line = next(line for line in log.splitlines() if '"mcp.listing_failed"' in line and "ConnectError" in line)
    assert json.loads(line)["url"] == f"http://127.0.0.1:{stack.tools_port}/mcp"
    assert "ExceptionGroup" not in line
