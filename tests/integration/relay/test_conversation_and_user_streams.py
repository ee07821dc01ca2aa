"""A conversation's stream and a user's: across runs, also future ones, from history without a hole."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime

import pytest
from actor_kit.bus import Bus
from contracts.events import EVENT_HEADER, ConversationChanged, ConversationDeleted, TaskChanged, TokensRevoked
from contracts.replies import TaskView
from contracts.subjects import subject_of

from tests.integration.relay.kit import (
    Books,
    Event,
    EventStream,
    Run,
    RunningRelay,
    connect,
    names_of,
    run_path,
    text_of,
)


def conversation_path(run: Run) -> str:
    return f"/api/{run.user_id}/conversations/{run.conversation_id}/stream"


async def until(stream: EventStream, is_last: Callable[[Event], bool], seconds_max: float = 20) -> list[Event]:
    events: list[Event] = []
    async with asyncio.timeout(seconds_max):
        async for event in stream:
            events.append(event)
            if is_last(event):
                break
    return events


def is_end_of(run: Run) -> Callable[[Event], bool]:
    return lambda event: (
        event.name == "run" and event.data == {**event.data, "type": "run.completed", "run_id": run.run_id}
    )


async def test_a_conversation_without_a_place_has_its_active_run_from_the_start_and_future_ones(
    relay: RunningRelay, run: Run, bus: Bus, books: Books
) -> None:
    earlier = Run(bus, conversation_id=run.conversation_id)
    await earlier.begin()
    await earlier.say("long ago ")
    await earlier.end()
    await run.begin()
    await run.count(1, 5)
    books.add_run(run)
    books.resume_from[run.conversation_id] = run.sequences[0] - 1
    later = Run(bus, conversation_id=run.conversation_id)

    async with connect(relay, conversation_path(run)) as stream:

        async def publish() -> None:
            await run.count(6, 9)
            await run.end()
            await later.begin()
            await later.say("later ")
            await later.end()

        publishing = asyncio.create_task(publish())
        events = await until(stream, is_end_of(later))
        await publishing
    assert text_of(events) == run.text + later.text
    assert [event.data["type"] for event in events if event.name == "run"] == ["run.started", "run.completed"] * 2


async def test_page_load_and_stream_leave_no_hole(relay: RunningRelay, run: Run, bus: Bus, books: Books) -> None:
    books.add_run(run)
    await run.begin()
    await run.end()
    resume_from = run.sequences[-1]  # what the messages answer says
    between = Run(bus, conversation_id=run.conversation_id)
    await between.begin()
    await between.say("between ")
    await between.end()
    path = f"{conversation_path(run)}?last_event_id={resume_from}"
    async with connect(relay, path) as stream:
        events = await until(stream, is_end_of(between))
    assert text_of(events) == "between "
    assert names_of(events)[0] == "thread.item.done"


async def test_a_page_that_was_loaded_while_deltas_was_empty_misses_nothing(
    relay: RunningRelay, run: Run, books: Books
) -> None:
    books.add_run(run)
    await run.begin()
    await run.say("hello ")
    await run.end()
    async with connect(relay, conversation_path(run), last_event_id="0") as stream:
        events = await until(stream, is_end_of(run))
    assert text_of(events) == "hello "
    assert "reset" not in names_of(events)


async def test_a_change_of_the_conversation_outside_any_run_is_shown(
    relay: RunningRelay, run: Run, bus: Bus, books: Books
) -> None:
    books.add_run(run)
    changed = {"type": "thread.updated", "thread": {"id": run.conversation_id, "title": "New"}}
    async with connect(relay, conversation_path(run)) as stream:
        subject = subject_of(ConversationChanged, user_id="alice", conversation_id=run.conversation_id)
        await bus.publish_stored(subject, json.dumps(changed).encode())
        events = await until(stream, lambda event: event.data == changed)
    assert events[-1].name == "message"


async def test_a_deletion_ends_the_conversation_s_stream_and_is_told_on_the_user_s(
    relay: RunningRelay, run: Run, bus: Bus, books: Books
) -> None:
    books.add_run(run)
    deleted = ConversationDeleted(conversation_id=run.conversation_id)
    async with (
        connect(relay, conversation_path(run)) as stream,
        connect(relay, "/api/alice/stream") as of_user,
        asyncio.timeout(20),
    ):
        await asyncio.sleep(0.05)
        subject = subject_of(ConversationDeleted, user_id="alice", conversation_id=run.conversation_id)
        await bus.publish_stored(subject, deleted.encode(), {EVENT_HEADER: "conversation"})
        events = [event async for event in stream]  # to its end
        (told,) = await until(of_user, lambda event: event.name == "conversation")
    assert (events[-1].name, events[-1].data) == ("conversation", json.loads(deleted.encode()))
    assert told.data == events[-1].data


@pytest.mark.parametrize("place", ["1", "8007199254740991"])
async def test_a_place_of_another_time_gives_the_stored_items_then_the_live_tail(
    relay: RunningRelay, run: Run, books: Books, place: str
) -> None:
    books.add_run(run)
    for number in range(5):
        books.add_item(run, f"msg_{number}", f"text {number}")
    books.page_limit = 2
    await run.begin()
    await run.count(1, 3)
    books.resume_from[run.conversation_id] = run.sequences[0] - 1
    async with connect(relay, conversation_path(run), last_event_id=place) as stream:
        publishing = asyncio.create_task(run.end())
        events = await until(stream, is_end_of(run))
        await publishing
    assert events[0].name == "reset"
    assert [event.data["item"]["id"] for event in events[1:6]] == [f"msg_{number}" for number in range(5)]
    assert text_of(events) == run.text


async def test_a_user_sees_all_conversations_and_task_changes_in_order(relay: RunningRelay, run: Run, bus: Bus) -> None:
    other = Run(bus)
    stranger = Run(bus, user_id="mallory")
    await run.begin()  # before: a user's stream begins now
    async with connect(relay, "/api/alice/stream") as stream:
        await asyncio.sleep(0.05)
        await other.begin()
        await stranger.begin()
        task = TaskView(
            task_id="task_1", title="milk", completed=False, created_at=datetime.now(UTC), updated_at=datetime.now(UTC)
        )
        frame = TaskChanged(type="task.added", task=task).encode()
        await bus.publish_stored(subject_of(TaskChanged, user_id="alice"), frame, {EVENT_HEADER: "task"})
        await run.say("hi ")
        await run.end()
        events = await until(stream, is_end_of(run))
    assert [event.data["type"] for event in events if event.name == "run"] == ["run.started", "run.completed"]
    assert [event.data["task"]["title"] for event in events if event.name == "task"] == ["milk"]
    assert text_of(events) == "hi "
    ids = [int(event.last_event_id) for event in events]
    assert ids == sorted(ids)
    assert not set(ids) & set(stranger.sequences)


async def test_a_user_stream_resumes_after_what_was_seen(relay: RunningRelay, run: Run, bus: Bus) -> None:
    await run.begin()
    await run.count(1, 3)
    other = Run(bus)
    await other.begin()
    await other.say("other ")
    await run.end()
    async with connect(relay, "/api/alice/stream", last_event_id=str(run.sequences[-4])) as stream:
        events = await until(stream, is_end_of(run))
    assert text_of(events) == "3 other "


async def test_a_connection_that_was_lost_before_any_event_loses_nothing(
    relay: RunningRelay, run: Run, bus: Bus
) -> None:
    await Run(bus).begin()
    place = ""
    async with connect(relay, "/api/alice/stream") as stream:
        async for line in stream.response.aiter_lines():
            if line.startswith("id:"):
                place = line.removeprefix("id: ")
                break
    await run.begin()
    await run.say("meanwhile ")
    await run.end()
    async with connect(relay, "/api/alice/stream", last_event_id=place) as stream:
        assert text_of(await until(stream, is_end_of(run))) == "meanwhile "


@pytest.mark.parametrize("kind", ["user", "conversation"])
async def test_after_a_reset_the_viewer_has_a_place_at_once(
    relay: RunningRelay, run: Run, books: Books, kind: str
) -> None:
    books.add_run(run)
    books.add_item(run, "msg_1", "hello")
    await run.begin()
    books.resume_from[run.conversation_id] = run.sequences[-1]
    path = "/api/alice/stream" if kind == "user" else conversation_path(run)
    async with connect(relay, path, last_event_id="5") as stream:
        lines = [line async for line in first_lines(stream, until=f"id: {run.sequences[-1]}")]
    assert "event: reset" in lines
    assert sum(line.startswith("id: ") for line in lines) == 1


async def first_lines(stream: EventStream, *, until: str) -> AsyncIterator[str]:
    async with asyncio.timeout(20):
        async for line in stream.response.aiter_lines():
            yield line
            if line == until:
                return


async def test_a_user_stream_whose_place_is_gone_is_reset_and_goes_on_live(
    relay: RunningRelay, run: Run, bus: Bus
) -> None:
    await Run(bus).begin()
    async with connect(relay, "/api/alice/stream", last_event_id="5") as stream:
        await asyncio.sleep(0.05)
        await run.begin()
        await run.end()
        events = await until(stream, is_end_of(run))
    assert names_of(events)[:2] == ["reset", "thread.item.done"]


async def test_a_revocation_ends_every_stream_of_the_users_older_tokens_and_opens_none(
    relay: RunningRelay, run: Run, books: Books, bus: Bus
) -> None:
    books.add_run(run)
    await run.begin()
    old = relay.headers()
    paths = ["/api/alice/stream", run_path(run), f"/api/alice/conversations/{run.conversation_id}/stream"]
    async with AsyncExitStack() as stack:
        streams = [await stack.enter_async_context(connect(relay, path, **old)) for path in paths]
        others = await stack.enter_async_context(connect(relay, "/api/bob/stream", user_id="bob"))
        assert {stream.response.status_code for stream in (*streams, others)} == {200}
        event = TokensRevoked(user_id="alice", valid_from_seconds=int(time.time()) + 1)
        await bus.publish(subject_of(TokensRevoked, user_id="alice"), event.encode())
        for stream in streams:
            await asyncio.wait_for(stream.all(), 5)
        for path in paths:
            async with connect(relay, path, **old) as refused:
                assert refused.response.status_code == 401
        assert not others.response.is_closed


async def test_a_relay_that_began_after_a_token_was_issued_asks_the_store_whether_it_holds(
    relay: RunningRelay, books: Books
) -> None:
    books.revoked.add("alice")
    issued_before = relay.headers(ttl_seconds=900, issued_seconds_ago=60)
    async with connect(relay, "/api/alice/stream", **issued_before) as refused:
        assert refused.response.status_code == 401
        await refused.response.aread()
        assert refused.response.json()["reason"] == "token_revoked"
