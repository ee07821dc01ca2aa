"""The relay among the real services: what the store and the runner publish and answer, as a viewer sees it."""

import time
from collections.abc import Iterator

import httpx
import pytest
from actor_kit.bus import Bus
from contracts.services import Service
from natter.operator_bus import operator_settings
from natter_testing.servers import temporary_directory
from natter_testing.stack import RunningNatter, natter_up

from tests.integration.relay.kit import Event, EventStream, names_of, text_of

pytestmark = pytest.mark.whole_path
NUMBERS = " ".join(str(number) for number in range(1, 201))


@pytest.fixture(scope="module")
def natter() -> Iterator[RunningNatter]:
    with (
        temporary_directory() as folder,
        natter_up(folder / "data", environment={"AGENT_RUNNER_DEMO_WORD_DELAY_MS": "20"}) as natter,
    ):
        yield natter


async def say(natter: RunningNatter, message: str, user: str = "alice", **body: str) -> dict[str, str]:
    async with httpx.AsyncClient(timeout=10) as client:
        answer = await client.post(
            f"{natter.edge_url}/api/{user}/chat", json={"message": message, **body}, headers=natter.headers(user)
        )
    assert answer.status_code == 202, answer.text
    return answer.json()


async def watch(
    natter: RunningNatter, path: str, user: str = "alice", place: str = "", events_max: int = 100_000
) -> tuple[int, list[Event], str]:
    headers = natter.headers(user) | ({"Last-Event-ID": place} if place else {})
    async with (
        httpx.AsyncClient(timeout=20) as client,
        client.stream("GET", f"{natter.relay_url}{path}", headers=headers) as response,
    ):
        stream = EventStream(response, place)
        events: list[Event] = []
        async for event in stream:
            events.append(event)
            if len(events) >= events_max:
                break
        return response.status_code, events, stream.last_event_id


async def test_a_counted_run_cut_and_resumed_is_exact_and_then_over(natter: RunningNatter) -> None:
    turn = await say(natter, "count to 200")
    path = f"/api/alice/runs/{turn['run_id']}/stream"
    events: list[Event] = []
    place, connections = "", 0
    while not events or events[-1].data.get("type") != "run.completed":
        status, some, place = await watch(natter, path, place=place, events_max=9)
        assert status == 200
        events += some
        connections += 1
    assert connections > 3
    assert text_of(events).strip().endswith(NUMBERS)
    assert (await watch(natter, path, place=place))[0] == 204


async def test_a_conversation_shows_the_active_run_and_the_messages_answer_leaves_no_hole(
    natter: RunningNatter,
) -> None:
    turn = await say(natter, "count to 200")
    conversation = f"/api/alice/conversations/{turn['conversation_id']}"
    time.sleep(0.1)  # noqa: ASYNC251  some of it is said by now
    _, events, _ = await watch(natter, f"{conversation}/stream", events_max=5)
    assert names_of(events)[:2] == ["thread.created", "thread.item.done"]
    async with httpx.AsyncClient(timeout=10) as client:
        page = await client.get(f"{natter.edge_url}{conversation}/messages", headers=natter.headers("alice"))
    place = str(page.json()["resume_from"])
    status, events, _ = await _until_completed(natter, f"{conversation}/stream", place)
    assert status == 200
    assert "reset" not in names_of(events)
    assert text_of(events).strip().endswith(NUMBERS)


async def _until_completed(natter: RunningNatter, path: str, place: str) -> tuple[int, list[Event], str]:
    events: list[Event] = []
    status = 0
    while not any(event.data.get("type") == "run.completed" for event in events):
        status, some, place = await watch(natter, path, place=place, events_max=1)
        events += some
    return status, events, place


async def test_a_run_that_left_deltas_is_told_from_the_store_and_then_over(natter: RunningNatter) -> None:
    turn = await say(natter, "count to 5")
    path = f"/api/alice/runs/{turn['run_id']}/stream"
    _, live, place = await watch(natter, path)
    async with Bus.open(operator_settings(natter.data_dir, None), service=Service.OPERATOR) as operator:
        await operator.purge("DELTAS", "delta.>")
    for before in ("", place, "1"):
        status, events, end = await watch(natter, path, place=before)
        assert status == 200
        assert names_of(events)[0] == "reset"
        assert names_of(events)[-1] == "run.completed"
        items = [event.data["item"] for event in events if event.data.get("type") == "thread.item.done"]
        assert [item["type"] for item in items] == ["user_message", "assistant_message"]
        live_items = [event.data["item"] for event in live if event.data.get("type") == "thread.item.done"]
        assert items[-1]["content"] == live_items[-1]["content"]
        assert (await watch(natter, path, place=end))[0] == 204
    conversation = f"/api/alice/conversations/{turn['conversation_id']}/stream"
    _, events, _ = await watch(natter, conversation, place=place, events_max=3)
    assert names_of(events) == ["reset", "thread.item.done", "thread.item.done"]


async def test_another_user_is_refused_whether_deltas_has_it_or_not(natter: RunningNatter) -> None:
    turn = await say(natter, "count to 3")
    for path in (f"runs/{turn['run_id']}", f"conversations/{turn['conversation_id']}"):
        assert (await watch(natter, f"/api/bob/{path}/stream", user="bob"))[0] == 403
    for path in ("runs/run_nobody", "conversations/conv_nobody"):
        assert (await watch(natter, f"/api/bob/{path}/stream", user="bob"))[0] == 404


async def test_a_killed_relay_loses_nothing(natter: RunningNatter) -> None:
    turn = await say(natter, "count to 200")
    path = f"/api/alice/runs/{turn['run_id']}/stream"
    events: list[Event] = []
    _, events, place = await watch(natter, path, events_max=10)
    natter.kill("stream_relay")
    deadline = time.monotonic() + 20
    while events[-1].data.get("type") != "run.completed":
        assert time.monotonic() < deadline
        try:
            _, some, place = await watch(natter, path, place=place)
            events += some
        except httpx.TransportError:
            time.sleep(0.05)  # noqa: ASYNC251  the supervisor starts it again
    assert text_of(events).strip().endswith(NUMBERS)
