"""Slow, many, old and unlucky viewers: each is bounded, and none loses or repeats anything."""

import asyncio
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from actor_kit.bus import Bus
from prometheus_client import REGISTRY

from tests.fault.relay.raw_viewer import RawViewer
from tests.integration.relay.kit import (
    WAIT_SECONDS_MAX,
    Books,
    Event,
    Run,
    RunningRelay,
    connect,
    make_streams,
    names_of,
    relay_of,
    run_path,
    text_of,
)

LONG = "x" * 30_000


async def gauge(relay: RunningRelay, name: str, **labels: str) -> float:
    """A figure of this process (the relay runs in it)."""
    return REGISTRY.get_sample_value(name, labels) or 0.0


async def test_a_viewer_that_never_reads_is_closed_and_nobody_waits_for_it(
    nats_url: str, run: Run, tmp_path: Path
) -> None:
    async with relay_of(nats_url, tmp_path, relay_send_timeout_seconds=1, relay_queue_frames_max=8) as relay:
        await run.begin()
        closed_before = await gauge(relay, "relay_ends_total", reason="too_slow")
        stuck = await RawViewer.open(relay, run_path(run), receive_buffer_bytes=4096)
        async with connect(relay, run_path(run)) as stream:
            reading = asyncio.create_task(stream.all())
            for number in range(300):
                await run.say(f"{number} {LONG}")
            await run.end()
            assert text_of(await reading) == run.text
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while await gauge(relay, "relay_ends_total", reason="too_slow") == closed_before:
                await asyncio.sleep(0.02)
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            while stuck.is_held_open_by_the_server():  # to close it in order would wait for the viewer, for ever
                await asyncio.sleep(0.02)
        assert await stuck.is_cut()
        stuck.close()


async def test_a_viewer_that_is_slow_but_takes_bytes_is_not_closed(nats_url: str, run: Run, tmp_path: Path) -> None:
    async with relay_of(nats_url, tmp_path, relay_send_timeout_seconds=1) as relay:
        await run.begin()
        await run.event({"type": "thread.item.done", "item": {"id": "msg_large", "text": "x" * 900_000}})
        for _ in range(9):
            await run.event({"type": "thread.item.replaced", "item": {"id": "msg_large", "text": "x" * 900_000}})
        await run.end()
        viewer = await RawViewer.open(relay, run_path(run), receive_buffer_bytes=4096)
        events = await viewer.read_events(pause_seconds=0.02, bytes_at_once=65_536)
        assert names_of(events)[-1] == "run.completed"


async def test_a_viewer_that_pauses_overflows_and_still_gets_everything_once(
    nats_url: str, run: Run, tmp_path: Path
) -> None:
    async with relay_of(nats_url, tmp_path, relay_queue_frames_max=4) as relay:
        overflows_before = await gauge(relay, "relay_overflows_total")
        await run.begin()
        viewer = await RawViewer.open(relay, run_path(run), receive_buffer_bytes=4096)
        for number in range(300):
            await run.say(f"{number} {LONG}")
        await run.end()
        assert await gauge(relay, "relay_overflows_total") > overflows_before
        events = await viewer.read_events()
        assert text_of(events) == run.text
        assert names_of(events)[-1] == "run.completed"


async def test_deltas_that_expire_while_a_viewer_reads_reset_it(
    nats_url: str, tmp_path: Path, plain_bus: Bus, books: Books
) -> None:
    await make_streams(plain_bus, max_bytes=3_000_000)
    run = Run(plain_bus)
    books.add_run(run, "completed")
    books.add_item(run, "msg_answer", "all of it")
    async with relay_of(nats_url, tmp_path, relay_queue_frames_max=4) as relay:
        await run.begin()
        viewer = await RawViewer.open(relay, run_path(run), receive_buffer_bytes=4096)
        for number in range(400):
            await run.say(f"{number} {LONG}")  # four times what DELTAS keeps
        await run.end()
        events = await viewer.read_events()
    names = names_of(events)
    reset = names.index("reset")
    assert events[reset].data == {"reason": "expired"}
    items = [event.data["item"]["id"] for event in events[reset:] if event.data.get("type") == "thread.item.done"]
    assert items == ["msg_answer"]
    assert names[-1] == "run.completed"


async def test_silence_is_filled_with_comments(nats_url: str, run: Run, tmp_path: Path) -> None:
    async with relay_of(nats_url, tmp_path, relay_heartbeat_seconds=0.1) as relay:
        await run.begin()
        async with connect(relay, run_path(run)) as stream:
            ending = asyncio.create_task(end_after(run, 0.65))
            await stream.all()
            await ending
        assert stream.comments >= 3
        assert stream.retry is not None
        assert 0 <= stream.retry <= 2000


async def test_a_connection_ends_at_its_age_and_the_next_one_goes_on(nats_url: str, run: Run, tmp_path: Path) -> None:
    async with relay_of(nats_url, tmp_path, relay_age_seconds_max=0.3) as relay:
        await run.begin()
        counting = asyncio.create_task(count_slowly(run, 100))
        events, connections = await watch_to_the_end([relay], run)
        await counting
    assert connections >= 3
    assert text_of(events) == run.text


async def test_a_connection_ends_when_its_token_does(relay: RunningRelay, run: Run) -> None:
    await run.begin()
    headers = relay.headers(ttl_seconds=2)
    started = time.monotonic()
    async with connect(relay, run_path(run), Authorization=headers["Authorization"]) as stream:
        await stream.all()
    assert time.monotonic() - started < 9  # its age would be minutes
    async with connect(relay, run_path(run), last_event_id=stream.last_event_id) as again:
        ending = asyncio.create_task(end_after(run, 0.05))
        assert names_of(await again.all())[-1] == "run.completed"
        await ending


async def test_a_user_has_at_most_so_many_streams(nats_url: str, run: Run, bus: Bus, tmp_path: Path) -> None:
    async with relay_of(nats_url, tmp_path, relay_streams_per_user_max=2) as relay:
        async with connect(relay, "/api/alice/stream"), connect(relay, "/api/alice/stream"):
            async with connect(relay, "/api/alice/stream") as third:
                await third.response.aread()
                assert third.response.status_code == 429
                assert third.response.json()["code"] == "too_many_streams"
                assert int(third.response.headers["retry-after"]) >= 1
            async with connect(relay, "/api/bob/stream", user_id="bob") as others:
                assert others.response.status_code == 200
        async with asyncio.timeout(WAIT_SECONDS_MAX):  # the places are given back
            while True:
                async with connect(relay, "/api/alice/stream") as stream:
                    if stream.response.status_code == 200:
                        return
                await asyncio.sleep(0.02)


async def test_refusals_and_ends_leave_nothing_behind(nats_url: str, run: Run, books: Books, tmp_path: Path) -> None:
    async with relay_of(nats_url, tmp_path, relay_streams_per_user_max=1) as relay:
        books.add_run(run)
        for _ in range(3):
            async with connect(relay, "/api/alice/runs/run_nobody/stream") as stream:
                assert stream.response.status_code == 404
        await run.begin()
        await run.end()
        for _ in range(3):
            async with connect(relay, run_path(run)) as stream:
                await stream.all()
            async with connect(relay, run_path(run), last_event_id=stream.last_event_id) as stream:
                assert stream.response.status_code == 204
        await until_gauge(relay, "relay_channels", 0)
        for state in ("live", "catching_up"):
            await until_gauge(relay, "relay_viewers", 0, state=state)


async def test_a_stopping_relay_tells_its_viewers_to_come_back_and_takes_no_new_ones(
    nats_url: str, run: Run, tmp_path: Path
) -> None:
    async with relay_of(nats_url, tmp_path) as relay:
        await run.begin()
        async with connect(relay, run_path(run)) as stream:
            reading = asyncio.create_task(stream.all())
            await until_gauge(relay, "relay_viewers", 1, state="live")
            started = time.monotonic()
            relay.stop.set()
            events = await reading
            assert time.monotonic() - started < 8
            assert names_of(events)[-1] == "thread.item.added"
            assert stream.retry is not None
            assert 0 <= stream.retry <= 2000
            with pytest.raises(httpx.ConnectError):
                async with connect(relay, run_path(run)):
                    pass


async def test_a_stuck_viewer_does_not_hold_up_the_stop(nats_url: str, run: Run, tmp_path: Path) -> None:
    await run.begin()
    async with relay_of(nats_url, tmp_path, drain_timeout_seconds=1) as relay:
        stuck = await RawViewer.open(relay, run_path(run), receive_buffer_bytes=4096)
        for number in range(300):
            await run.say(f"{number} {LONG}")
        started = time.monotonic()
    assert time.monotonic() - started < 10  # it would be cut after 30 s
    stuck.close()


async def test_a_rolling_restart_of_two_relays_loses_and_repeats_nothing(
    nats_url: str, run: Run, tmp_path: Path
) -> None:
    await run.begin()
    counting = asyncio.create_task(count_slowly(run, 150))
    async with relay_of(nats_url, tmp_path) as one, relay_of(nats_url, tmp_path) as two:
        watching = [asyncio.create_task(watch_to_the_end([one, two], run, first=number % 2)) for number in range(6)]
        await asyncio.sleep(0.4)
        one.stop.set()
        await asyncio.sleep(0.3)
        async with relay_of(nats_url, tmp_path, port=int(one.url.rpartition(":")[2])):
            two.stop.set()
            await counting
            for events, connections in await asyncio.gather(*watching):
                assert text_of(events) == run.text
                assert connections >= 2


async def test_a_viewer_that_goes_away_is_forgotten_at_once(relay: RunningRelay, run: Run) -> None:
    await run.begin()
    async with connect(relay, run_path(run)):
        await until_gauge(relay, "relay_viewers", 1, state="live")
    started = time.monotonic()
    await until_gauge(relay, "relay_viewers", 0, state="live")
    await until_gauge(relay, "relay_channels", 0)
    assert time.monotonic() - started < 5  # not at the next heartbeat


async def test_the_lost_end_of_a_run_is_told_from_the_store(
    nats_url: str, run: Run, books: Books, tmp_path: Path
) -> None:
    async with relay_of(nats_url, tmp_path, relay_audit_seconds=0.2, relay_heartbeat_seconds=0.1) as relay:
        await run.begin()
        books.add_run(run, "completed", finished_at=datetime.now(UTC) - timedelta(minutes=1))
        books.add_item(run, "msg_answer", "the answer")
        async with connect(relay, run_path(run)) as stream:
            events = await stream.all()
    assert names_of(events)[-3:] == ["reset", "thread.item.done", "run.completed"]


async def test_two_tabs_see_the_same_over_one_subscription(relay: RunningRelay, run: Run) -> None:
    await run.begin()
    async with connect(relay, run_path(run)) as one, connect(relay, run_path(run)) as two:
        readers = [asyncio.create_task(stream.all()) for stream in (one, two)]
        await until_gauge(relay, "relay_viewers", 2, state="live")
        assert await gauge(relay, "relay_channels") == 1
        await run.count(1, 50)
        await run.end()
        first, second = await asyncio.gather(*readers)
    assert text_of(first) == text_of(second) == run.text


async def test_a_relay_without_a_free_place_says_so(nats_url: str, bus: Bus, tmp_path: Path) -> None:
    async with (
        relay_of(nats_url, tmp_path, relay_viewers_max=1) as relay,
        connect(relay, "/api/alice/stream") as first,
        connect(relay, "/api/bob/stream", user_id="bob") as second,
    ):
        assert first.response.status_code == 200
        await second.response.aread()
        assert (second.response.status_code, second.response.json()["code"]) == (503, "overloaded")
        assert int(second.response.headers["retry-after"]) >= 1


async def test_headers_that_never_end_are_cut_off(relay: RunningRelay) -> None:
    host, port = relay.url.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"GET / HTTP/1.1\r\nX: " + b"a" * 70_000)
    await writer.drain()
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        assert (await reader.read()).startswith(b"HTTP/1.1 400")
    writer.close()


# --- helpers --------------------------------------------------------------------------------------------------


async def watch_to_the_end(relays: list[RunningRelay], run: Run, *, first: int = 0) -> tuple[list[Event], int]:
    """Watch as a browser does behind one origin: whichever relay answers, from the last id on."""
    events: list[Event] = []
    last_event_id, attempts, connections = "", first, 0
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not events or events[-1].data.get("type") != "run.completed":
            relay = relays[attempts % len(relays)]
            attempts += 1
            try:
                async with connect(relay, run_path(run), last_event_id=last_event_id) as stream:
                    if stream.response.status_code != 200:
                        await asyncio.sleep(0.02)
                        continue
                    connections += 1
                    async for event in stream:
                        events.append(event)
                        last_event_id = event.last_event_id
            except httpx.TransportError:
                await asyncio.sleep(0.02)
    return events, connections


async def count_slowly(run: Run, last: int) -> None:
    for number in range(1, last + 1):
        await run.count(number, number)
        await asyncio.sleep(0.01)
    await run.end()


async def end_after(run: Run, seconds: float) -> None:
    await asyncio.sleep(seconds)
    await run.end()


async def until_gauge(relay: RunningRelay, name: str, value: float, **labels: str) -> None:
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while await gauge(relay, name, **labels) != value:
            await asyncio.sleep(0.01)
