"""A run's stream: all of it once and in order, wherever a viewer comes in, and an end."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from tests.integration.relay.kit import Books, Event, Run, RunningRelay, connect, names_of, run_path, text_of


async def test_a_run_is_shown_from_its_first_delta_to_its_end(relay: RunningRelay, run: Run) -> None:
    await run.begin()
    await run.count(1, 20)

    async with connect(relay, run_path(run)) as stream:
        assert stream.response.status_code == 200
        rest = asyncio.create_task(_finish(run, 21, 60))
        events = await stream.all()
        await rest

    assert text_of(events) == run.text == "".join(f"{number} " for number in range(1, 61))
    names = names_of(events)
    assert names[:3] == ["thread.item.done", "run.started", "thread.item.added"]
    assert names[-2:] == ["thread.item.done", "run.completed"]
    ids = [int(event.last_event_id) for event in events]
    assert ids == sorted(ids)
    assert set(ids) <= set(run.sequences)
    assert ids[-1] == run.sequences[-1]


async def test_the_headers_let_nothing_hold_events_back(relay: RunningRelay, run: Run) -> None:
    await run.begin()
    async with connect(relay, run_path(run)) as stream:
        headers = stream.response.headers
        assert headers["content-type"] == "text/event-stream; charset=utf-8"
        assert headers["cache-control"] == "no-cache, no-transform"
        assert headers["x-accel-buffering"] == "no"


async def test_a_stream_cut_anywhere_resumes_without_gap_or_repetition(relay: RunningRelay, run: Run) -> None:
    await run.begin()
    rest = asyncio.create_task(_finish(run, 1, 300, pause_seconds=0.001))
    events: list[Event] = []
    last_event_id = ""
    connections = 0
    while not events or events[-1].data["type"] != "run.completed":
        connections += 1
        async with connect(relay, run_path(run), last_event_id=last_event_id) as stream:
            assert stream.response.status_code == 200
            taken = 0
            async for event in stream:
                events.append(event)
                last_event_id = event.last_event_id
                taken += 1
                if taken == 7:
                    break
    await rest
    assert connections > 5
    assert text_of(events) == run.text


async def test_every_place_of_a_finished_run_gives_exactly_the_rest(relay: RunningRelay, run: Run) -> None:
    await run.begin()
    await run.count(1, 5)
    await run.end()
    for position, sequence in enumerate(run.sequences[:-1]):
        async with connect(relay, run_path(run), last_event_id=str(sequence)) as stream:
            events = await stream.all()
        expected = "".join(f"{number} " for number in range(max(position - 1, 1), 6))
        assert text_of(events) == expected
        assert names_of(events)[-1] == "run.completed"


@pytest.mark.parametrize("beyond", [0, 1])
async def test_after_the_end_a_reconnect_is_204(relay: RunningRelay, run: Run, beyond: int) -> None:
    await run.begin()
    await run.end()
    if beyond:  # another run's deltas: ids at and after the end are both "after the end"
        other = Run(run.bus)
        await other.begin()
    async with connect(relay, run_path(run), last_event_id=str(run.sequences[-1] + beyond)) as stream:
        assert stream.response.status_code == 204
        assert await stream.all() == []


async def test_last_event_id_may_be_in_the_address(relay: RunningRelay, run: Run) -> None:
    await run.begin()
    await run.count(1, 3)
    await run.end()
    async with connect(relay, run_path(run, f"?last_event_id={run.sequences[-4]}")) as stream:
        assert text_of(await stream.all()) == "3 "


async def test_the_header_counts_more_than_the_address(relay: RunningRelay, run: Run) -> None:
    await run.begin()
    await run.count(1, 3)
    await run.end()
    path = run_path(run, f"?last_event_id={run.sequences[0]}")
    async with connect(relay, path, last_event_id=str(run.sequences[-3])) as stream:
        assert text_of(await stream.all()) == ""


async def test_the_chatkit_format_has_chatkit_events_only_and_still_moves_the_place(
    relay: RunningRelay, run: Run
) -> None:
    await run.begin()
    await run.count(1, 3)
    await run.end()
    async with connect(relay, run_path(run, "?format=chatkit")) as stream:
        events = await stream.all()
    assert {event.name for event in events} == {"message"}
    assert text_of(events) == "1 2 3 "
    assert stream.last_event_id == str(run.sequences[-1])
    async with connect(relay, run_path(run, "?format=chatkit"), last_event_id=stream.last_event_id) as again:
        assert again.response.status_code == 204


async def test_a_chatkit_stream_ends_where_the_run_waits_and_another_begins_there(
    relay: RunningRelay, run: Run, books: Books
) -> None:
    await run.begin()
    await run.count(1, 2)
    async with connect(relay, run_path(run, "?format=chatkit")) as stream:
        waits = asyncio.create_task(run.control("run.waiting", by_store=True, wait=1))
        assert text_of(await stream.all()) == "1 2 "
        await waits
    async with connect(relay, run_path(run, "?format=chatkit"), last_event_id=stream.last_event_id) as again:
        assert again.response.status_code == 204
    await run.control("run.resumed", by_store=True, wait=1)
    await run.count(3, 4)
    await run.end()
    async with connect(relay, run_path(run, "?format=chatkit&wait=1")) as stream:
        assert text_of(await stream.all()) == "3 4 "
    async with connect(relay, run_path(run)) as stream:  # everything, for who knows that runs wait
        assert text_of(await stream.all()) == "1 2 3 4 "
    async with connect(relay, run_path(run, "?format=chatkit&wait=x")) as refused:
        assert refused.response.status_code == 422


async def test_of_a_run_that_waits_for_longer_than_deltas_keeps_the_items_are_shown(
    relay: RunningRelay, run: Run, books: Books
) -> None:
    books.add_run(run, "waiting")
    async with connect(relay, run_path(run, "?format=chatkit")) as stream:
        assert await stream.all() == []  # it ends
    async with connect(relay, run_path(run)) as stream:
        await run.control("run.resumed", by_store=True, wait=1)
        await run.count(1, 2)
        await run.end()
        told = await stream.all()
    assert told[0].name == "reset"
    assert text_of(told) == "1 2 "


async def test_the_past_is_merged_into_few_frames_with_the_last_id(relay: RunningRelay, run: Run) -> None:
    await run.begin()
    await run.count(1, 600)
    async with connect(relay, run_path(run)) as stream:
        rest = asyncio.create_task(run.end())
        events = await stream.all()
        await rest
    assert text_of(events) == run.text
    assert len(events) <= 3 + 4 + 2
    assert {int(event.last_event_id) for event in events} <= set(run.sequences)


async def test_a_run_that_has_no_delta_yet_is_waited_for(relay: RunningRelay, run: Run, books: Books) -> None:
    books.add_run(run, "queued")
    async with connect(relay, run_path(run)) as stream:
        assert stream.response.status_code == 200
        rest = asyncio.create_task(_begin_and_finish(run))
        events = await stream.all()
        await rest
    assert text_of(events) == run.text
    assert names_of(events)[-1] == "run.completed"


async def test_a_run_that_begins_and_ends_while_the_store_is_asked_for_it_is_shown_live(
    relay: RunningRelay, run: Run, books: Books
) -> None:
    books.add_run(run, "completed")

    async def whole_run() -> None:
        await run.begin()
        await run.say("short ")
        await run.end()

    books.before_run = whole_run
    async with connect(relay, run_path(run)) as stream:
        events = await stream.all()
    assert "reset" not in names_of(events)
    assert text_of(events) == "short "


async def test_a_finished_run_that_left_deltas_is_told_from_the_store(
    relay: RunningRelay, run: Run, books: Books
) -> None:
    books.add_run(run, "failed")
    books.add_item(run, "msg_1", "hello", role="user")
    books.add_item(run, "msg_2", "half an ans")
    books.page_limit = 1
    async with connect(relay, run_path(run)) as stream:
        events = await stream.all()
    assert names_of(events) == ["reset", "thread.item.done", "thread.item.done", "run.failed"]
    assert events[0].data == {"reason": "expired"}
    assert [event.data["item"]["id"] for event in events[1:3]] == ["msg_1", "msg_2"]
    async with connect(relay, run_path(run), last_event_id=stream.last_event_id) as again:
        assert again.response.status_code == 204


@pytest.mark.parametrize("place", ["1", "9007199254740990", "not-a-sequence", "99999999999999999999999"])
async def test_a_place_of_another_time_resets_and_shows_the_run_anew(relay: RunningRelay, run: Run, place: str) -> None:
    await run.begin()
    await run.count(1, 5)
    await run.end()
    async with connect(relay, run_path(run), last_event_id=place) as stream:
        events = await stream.all()
    assert events[0].name == "reset"
    assert events[0].data == {"reason": "expired" if place == "1" else "unknown_id"}
    assert text_of(events) == run.text
    assert names_of(events)[-1] == "run.completed"


async def test_a_run_whose_beginning_expired_is_reset_and_goes_on(relay: RunningRelay, run: Run, books: Books) -> None:
    books.add_run(run)
    books.add_item(run, "msg_1", "the question", role="user")
    await run.count(7, 9)  # no beginning: it has left DELTAS
    async with connect(relay, run_path(run)) as stream:
        rest = asyncio.create_task(run.end())
        events = await stream.all()
        await rest
    assert names_of(events)[:2] == ["reset", "thread.item.done"]
    assert events[1].data["item"]["id"] == "msg_1"
    assert text_of(events) == "7 8 9 "
    assert names_of(events)[-1] == "run.completed"


async def test_a_takeover_is_shown_and_what_the_dead_attempt_says_after_it_is_not(
    relay: RunningRelay, run: Run
) -> None:
    await run.begin()
    async with connect(relay, run_path(run)) as stream:
        await run.say("one ")
        run.epoch = 2
        await run.control("run.restarted")
        await run.event(_text(run, "the dead attempt speaks "), epoch=1)
        await run.say("two ")
        await run.end()
        events = await stream.all()
    assert text_of(events) == "one two "
    assert "run.restarted" in names_of(events)
    async with connect(relay, run_path(run)) as late:
        assert text_of(await late.all()) == "one two "


async def test_a_failed_run_ends_its_stream(relay: RunningRelay, run: Run) -> None:
    await run.begin()
    await run.end("run.failed", "model_unavailable")
    async with connect(relay, run_path(run)) as stream:
        events = await stream.all()
    assert events[-1].name == "run"
    assert events[-1].data["code"] == "model_unavailable"


def _text(run: Run, text: str) -> dict[str, object]:
    update = {"type": "assistant_message.content_part.text_delta", "content_index": 0, "delta": text}
    return {"type": "thread.item.updated", "item_id": run.item_id, "update": update}


async def _begin_and_finish(run: Run) -> None:
    await asyncio.sleep(0.1)
    await run.begin()
    await _finish(run, 1, 10)


async def _finish(run: Run, first: int, last: int, pause_seconds: float = 0) -> None:
    for number in range(first, last + 1):
        await run.count(number, number)
        if pause_seconds:
            await asyncio.sleep(pause_seconds)
    await run.end()


async def test_a_stream_is_one_task_beside_its_request(relay: RunningRelay, run: Run) -> None:
    await run.begin()
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(connect(relay, run_path(run)))  # what the first one starts for all
        before = len(asyncio.all_tasks())
        for _ in range(10):
            await stack.enter_async_context(connect(relay, run_path(run)))
        assert len(asyncio.all_tasks()) - before == 20  # four tasks and a group each are what 49 KiB are made of
