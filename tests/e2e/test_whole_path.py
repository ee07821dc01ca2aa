"""One command, a message in, tool calls and a streamed answer out, stored: `natter up` as a person uses it."""

import asyncio
import contextlib
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from natter_testing.servers import temporary_directory
from natter_testing.stack import RunningNatter, natter_up

from tests.sse import Frame, frames_of, open_stream, text_of

pytestmark = pytest.mark.whole_path
FAST = {"AGENT_RUNNER_DEMO_WORD_DELAY_MS": "2"}
MIB = 1024 * 1024
TAKEOVER_SECONDS_MAX = 10.0


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    with temporary_directory() as directory:
        yield directory / "data"


@pytest.fixture(scope="module")
def natter(data_dir: Path) -> Iterator[RunningNatter]:
    with natter_up(data_dir, environment=FAST) as running:
        yield running


@dataclass
class Person:
    """A user of the HTTP interface, as `curl` with a token would be."""

    name: str
    client: httpx.AsyncClient

    async def get(self, path: str, **more: Any) -> Any:
        answer = await self.client.get(f"/api/{self.name}/{path}", **more)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def say(self, message: str, conversation_id: str | None = None) -> dict[str, str]:
        body = {"message": message} | ({"conversation_id": conversation_id} if conversation_id else {})
        answer = await self.client.post(f"/api/{self.name}/chat", json=body)
        assert answer.status_code == 202, answer.text
        return answer.json()

    async def hear(self, stream_url: str, after: str | None = None) -> list[Frame]:
        headers = {"Last-Event-ID": after} if after else None
        return [frame async for frame in open_stream(self.client, stream_url, headers)]

    async def ask(self, message: str, conversation_id: str | None = None) -> tuple[str, str]:
        """Say something and return the conversation's id and the text of the answer."""
        begun = await self.say(message, conversation_id)
        return begun["conversation_id"], text_of(await self.hear(begun["stream_url"]))


@contextlib.asynccontextmanager
async def person(natter: RunningNatter, name: str) -> AsyncIterator[Person]:
    headers = natter.headers(name)
    async with httpx.AsyncClient(base_url=natter.edge_url, headers=headers, timeout=20, trust_env=False) as client:
        yield Person(name, client)


@pytest.fixture
async def alice(natter: RunningNatter) -> AsyncIterator[Person]:
    """A user whom no other test knows."""
    async with person(natter, f"alice-{uuid.uuid4().hex[:8]}") as one:
        yield one


def new_thread(text: str) -> dict[str, Any]:
    content = [{"type": "input_text", "text": text}]
    given = {"content": content, "attachments": [], "quoted_text": "", "inference_options": {}}
    return {"type": "threads.create", "params": {"input": given}}


async def test_a_chatkit_message_is_redirected_to_its_stream_and_does_what_it_says(
    natter: RunningNatter, alice: Person
) -> None:
    answer = await alice.client.post(f"/api/{alice.name}/chatkit", json=new_thread("add a task: buy milk"))
    assert answer.status_code == 303, answer.text
    location = answer.headers["Location"]
    assert location.startswith(natter.relay_url)
    assert location.endswith("format=chatkit")
    async with alice.client.stream("GET", location) as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        assert response.headers["Cache-Control"] == "no-cache, no-transform"
        frames = [frame async for frame in frames_of(response)]
    assert {frame.event for frame in frames} == {"message"}
    assert [int(frame.id) for frame in frames] == sorted({int(frame.id) for frame in frames})

    events = [frame.data for frame in frames]
    assert events[0]["type"] == "thread.created"
    assert events[1]["type"] == "thread.item.done"
    assert events[1]["item"]["type"] == "user_message"
    assert workflow_states(events) == ["loading", "complete"]
    last = [event["item"] for event in events if event["type"] == "thread.item.done"][-1]
    assert last["type"] == "assistant_message"
    assert text_of(frames) == last["content"][0]["text"] != ""

    tasks = (await alice.get("tasks"))["data"]
    assert [(task["title"], task["completed"]) for task in tasks] == [("buy milk", False)]
    conversation_id = events[0]["thread"]["id"]
    messages = (await alice.get(f"conversations/{conversation_id}/messages"))["data"]
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert messages[0]["content"] == "add a task: buy milk"
    assert messages[1]["content"] == text_of(frames)
    assert [call["name"] for call in messages[1]["tool_calls"]] == ["add_task"]


def workflow_states(events: list[dict[str, Any]]) -> list[str]:
    """The states that the workflow's task goes through, each named once."""
    states: list[str] = []
    for event in events:
        item = event.get("item", {})
        tasks = item["workflow"]["tasks"] if item.get("type") == "workflow" else []
        update = event.get("update", {})
        if update.get("type", "").startswith("workflow.task."):
            tasks = [update["task"]]
        states += [task["status_indicator"] for task in tasks]
    return [state for index, state in enumerate(states) if index == 0 or state != states[index - 1]]


@pytest.mark.parametrize("cuts", [[1], [3, 4, 5], [40, 150, 299]], ids=str)
async def test_a_stream_that_was_cut_anywhere_goes_on_without_gap_or_repetition(alice: Person, cuts: list[int]) -> None:
    begun = await alice.say("count to 300")
    frames: list[Frame] = []
    for cut in [*cuts, None]:
        headers = {"Last-Event-ID": frames[-1].id} if frames else None
        async with contextlib.aclosing(open_stream(alice.client, begun["stream_url"], headers)) as stream:
            async for frame in stream:
                frames.append(frame)
                if cut is not None and len(frames) >= cut:
                    break
    assert text_of(frames).split() == [str(number) for number in range(1, 301)]
    assert frames[-1].data["type"] == "run.completed"
    again = await alice.client.get(begun["stream_url"], headers={"Last-Event-ID": frames[-1].id})
    assert again.status_code == 204
    messages = (await alice.get(f"conversations/{begun['conversation_id']}/messages"))["data"]
    assert messages[1]["content"] == text_of(frames)


async def test_a_conversation_goes_on_with_its_context(alice: Person) -> None:
    conversation_id, _ = await alice.ask("add a task: buy milk")
    await alice.ask("add a task: call mum", conversation_id)
    _, listed = await alice.ask("list my tasks", conversation_id)
    assert "buy milk" in listed
    assert "call mum" in listed
    await alice.ask("complete the first one", conversation_id)
    tasks = {task["title"]: task["completed"] for task in (await alice.get("tasks"))["data"]}
    assert sorted(tasks.values()) == [False, True]
    first = min(("buy milk", "call mum"), key=listed.index)
    assert tasks[first] is True


async def test_nobody_gets_at_what_is_anothers(natter: RunningNatter, alice: Person) -> None:
    begun = await alice.say("count to 3")
    await alice.hear(begun["stream_url"])
    async with person(natter, "mallory") as mallory:
        conversation, run = begun["conversation_id"], begun["run_id"]
        as_mallory = [f"conversations/{conversation}", f"conversations/{conversation}/messages", f"runs/{run}"]
        for path in as_mallory:
            assert (await mallory.client.get(f"/api/mallory/{path}")).status_code == 403
        for path in ("tasks", "conversations", *as_mallory):
            assert (await mallory.client.get(f"/api/{alice.name}/{path}")).status_code == 403
        stream = f"{natter.relay_url}/api/{{}}/runs/{run}/stream"
        assert (await mallory.client.get(stream.format("mallory"))).status_code == 403
        assert (await mallory.client.get(stream.format(alice.name))).status_code == 403
        body = {"message": "hello", "conversation_id": conversation}
        assert (await mallory.client.post("/api/mallory/chat", json=body)).status_code == 403
        assert (await mallory.client.get("/api/mallory/conversations/conv_unknown")).status_code in {404, 422}


async def test_without_a_good_token_nothing_is_answered(natter: RunningNatter, alice: Person) -> None:
    for token in ("", "Bearer", "Bearer x.y.z", f"Bearer {natter.token(alice.name)}x"):
        for base in (f"/api/{alice.name}/tasks", f"{natter.relay_url}/api/{alice.name}/stream"):
            answer = await alice.client.get(base, headers={"Authorization": token})
            assert answer.status_code == 401, (token, base)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")


BAD_CHAT: dict[str, bytes] = {
    "no JSON": b"{",
    "not an object": b"[]",
    "missing field": b"{}",
    "wrong type": b'{"message": 7}',
    "too many characters": b'{"message": "' + b"x" * 32_001 + b'"}',
    "a NUL": rb'{"message": "a\u0000b"}',
    "invalid UTF-8": b'{"message": "\xff\xfe"}',
    "a lone surrogate": rb'{"message": "\ud800"}',
    "an id with a star": b'{"message": "hi", "conversation_id": "conv_*"}',
    "an id with an arrow": b'{"message": "hi", "conversation_id": "conv_>"}',
    "an id with a blank": b'{"message": "hi", "conversation_id": "conv a"}',
    "more than 1 MiB": b'{"message": "' + b"x" * MIB + b'"}',
    "nested too deep": b"[" * 100_000,
}
BAD_CHATKIT: dict[str, bytes] = {
    "unknown op": b'{"type": "threads.explode", "params": {}}',
    "no type": b'{"params": {}}',
    "missing params": b'{"type": "threads.get_by_id"}',
    "wrong type": b'{"type": "threads.get_by_id", "params": {"thread_id": 1}}',
    "an id with a star": b'{"type": "threads.get_by_id", "params": {"thread_id": "conv_*"}}',
    "a NUL": rb'{"type": "threads.get_by_id", "params": {"thread_id": "conv_\u0000"}}',
    "more than 1 MiB": b" " * (MIB + 1),
}
BAD_PATHS = ["conversations/conv_*", "conversations/conv_%3E", "conversations/a%20b", "runs/%00", "tasks/%ff"]


@pytest.mark.parametrize(("path", "body"), [
    *((pytest.param("chat", body, id=f"chat: {name}")) for name, body in BAD_CHAT.items()),
    *((pytest.param("chatkit", body, id=f"chatkit: {name}")) for name, body in BAD_CHATKIT.items()),
])  # fmt: skip
async def test_bad_input_is_refused_with_a_stable_code(alice: Person, path: str, body: bytes) -> None:
    answer = await alice.client.post(
        f"/api/{alice.name}/{path}", content=body, headers={"Content-Type": "application/json"}
    )
    check_refused(answer)


async def test_bad_ids_in_paths_are_refused_with_a_stable_code(natter: RunningNatter, alice: Person) -> None:
    for path in BAD_PATHS:
        check_refused(await alice.client.get(f"/api/{alice.name}/{path}"))
    for run_id in ("run_*", "%3E", "a%20b", "%00"):
        check_refused(await alice.client.get(f"{natter.relay_url}/api/{alice.name}/runs/{run_id}/stream"))


def check_refused(answer: httpx.Response) -> None:
    assert 400 <= answer.status_code < 500, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["code"].replace("_", "").isalpha()


async def test_a_dead_runners_run_goes_on_within_ten_seconds(natter: RunningNatter, alice: Person) -> None:
    """With the lease and the ack wait that people run: another process takes the run over."""
    begun = await alice.say("count to 300")
    async with contextlib.aclosing(open_stream(alice.client, begun["stream_url"])) as stream:
        async for frame in stream:
            if text_of([frame]):
                break
    natter.kill("agent_runner")
    killed_at = time.monotonic()
    frames, seconds = [], 0.0
    async with asyncio.timeout(30), contextlib.aclosing(open_stream(alice.client, begun["stream_url"])) as stream:
        async for frame in stream:
            frames.append(frame)
            if frame.data["type"] == "run.restarted":
                seconds = time.monotonic() - killed_at
    assert 0 < seconds < TAKEOVER_SECONDS_MAX
    assert frames[-1].data["type"] == "run.completed"
    messages = (await alice.get(f"conversations/{begun['conversation_id']}/messages"))["data"]
    assert [message["role"] for message in messages] == ["user", "assistant"]
    assert messages[1]["content"].split() == [str(number) for number in range(1, 301)]


async def test_after_a_stop_and_a_new_start_everything_is_still_there() -> None:
    with temporary_directory() as directory:
        with natter_up(directory, environment=FAST) as natter:
            async with person(natter, "alice") as alice:
                conversation_id, text = await alice.ask("add a task: buy milk")
            assert natter.stop() < 10
            assert natter.processes_left() == []
        with natter_up(directory, environment=FAST) as natter:
            async with person(natter, "alice") as alice:
                listed = (await alice.get("conversations"))["data"]
                assert [one["id"] for one in listed] == [conversation_id]
                messages = (await alice.get(f"conversations/{conversation_id}/messages"))["data"]
                assert [message["content"] for message in messages] == ["add a task: buy milk", text]
                _, answer = await alice.ask("list my tasks", conversation_id)
                assert "buy milk" in answer
