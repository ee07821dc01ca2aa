"""What is lost on the way is noticed and read again before anything later is shown: on a real bus, made lossy."""

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from actor_kit.bus import Bus
from actor_kit.settings import ServiceSettings
from contracts.events import EPOCH_HEADER
from contracts.identity import Principal
from contracts.services import Service
from stream_relay.history import Attach, Deltas, Start, Stored, StreamRequest
from stream_relay.stream import Limits, Stream
from stream_relay.translate import Filter

from tests.fault.relay.lossy import (
    Deaf,
    FollowerBehind,
    FollowerCatchingUp,
    Recorder,
    Unreadable,
    open_channel,
    put_back,
)
from tests.integration.relay.kit import EventStream, Run, make_streams, text_of

LIMITS = Limits(
    heartbeat_seconds=10,
    retry_milliseconds_max=10,
    queue_frames_max=512,
    queue_bytes_max=1_000_000,
    end_check_seconds=30,
)


@pytest.fixture
async def relay_bus(nats_url: str) -> AsyncIterator[Bus]:
    async with Bus.open(ServiceSettings(nats_url=nats_url), service=Service.STREAM_RELAY) as relay_bus:
        yield relay_bus


async def test_a_lost_delta_is_read_again_before_the_next_is_shown(relay_bus: Bus, run: Run) -> None:
    recorder = Recorder()
    _, channel = await open_channel(Deltas(relay_bus), Filter("alice", run_id=run.run_id), recorder)
    await run.count(1, 3)
    await recorder.has(3)
    async with Deaf(channel):
        await run.count(4, 6)
    await run.count(7, 9)
    await recorder.has(9)
    assert recorder.sequences == run.sequences


async def test_a_loss_under_another_subject_does_not_move_the_place_back(relay_bus: Bus, run: Run, bus: Bus) -> None:
    other = Run(bus)
    recorder = Recorder()
    _, channel = await open_channel(Deltas(relay_bus), Filter("alice"), recorder)
    await run.say("1")
    await other.say("a")
    await recorder.has(2)
    async with Deaf(channel):
        await run.say("2")  # lost, and nothing on its subject tells so until "3"
    await other.say("b")
    await recorder.has(3)
    await run.say("3")
    await recorder.has(5)
    assert sorted(recorder.sequences) == sorted(run.sequences + other.sequences)
    assert [sequence for sequence in recorder.sequences if sequence in run.sequences] == run.sequences
    late = recorder.frames[recorder.sequences.index(run.sequences[1])]
    assert not late.full.startswith(b"id:")  # the place stays at "b", which was shown before it


async def test_a_lost_end_is_found_by_the_audit(relay_bus: Bus, run: Run) -> None:
    recorder = Recorder()
    _, channel = await open_channel(Deltas(relay_bus), Filter("alice", run_id=run.run_id), recorder)
    await run.begin()
    await recorder.has(3)
    async with Deaf(channel):
        await run.end()
    await channel.audit(None)  # something was heard since the last: too early to tell
    assert len(recorder.frames) == 3
    await channel.audit(None)
    await recorder.has(5)
    assert recorder.frames[-1].is_terminal
    assert recorder.sequences == run.sequences


async def test_an_end_that_was_stored_and_not_republished_is_read_when_another_server_leads(
    relay_bus: Bus, run: Run
) -> None:
    recorder = Recorder()
    hub, channel = await open_channel(Deltas(relay_bus), Filter("alice", run_id=run.run_id), recorder)
    await run.begin()
    await recorder.has(3)
    async with Deaf(channel):
        await run.end()
    hub.on_leader_elected()
    await recorder.has(5)
    assert recorder.frames[-1].is_terminal
    assert recorder.sequences == run.sequences
    hub.close()


async def test_a_follower_that_is_behind_is_asked_until_it_is_not(relay_bus: Bus, run: Run) -> None:
    await run.count(1, 3)
    deltas = FollowerBehind(relay_bus, hidden_from=[run.sequences[1]])
    recorder = Recorder()
    await open_channel(deltas, Filter("alice", run_id=run.run_id), recorder)
    await run.say("4 ")
    await asyncio.sleep(0.03)
    assert recorder.frames == []  # nothing later before what is missing
    deltas.hidden_from.clear()
    await recorder.has(3)
    assert recorder.sequences == run.sequences[1:]


async def test_what_nobody_has_any_more_is_given_up_and_every_place_judged_anew(
    relay_bus: Bus, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("stream_relay.channel.LAG_PAUSES_SECONDS", (0.01, 0.02))
    deltas = FollowerBehind(relay_bus)
    recorder = Recorder()
    _, channel = await open_channel(deltas, Filter("alice", run_id=run.run_id), recorder)
    await run.count(1, 2)
    await recorder.has(2)
    deltas.hidden_from.append(run.sequences[-1] + 1)
    async with Deaf(channel):
        await run.say("3 ")
    await run.say("4 ")
    await recorder.has(3)
    assert recorder.sequences == [*run.sequences[:2], run.sequences[3]]
    assert recorder.attached_again == 1


async def test_a_place_that_a_follower_does_not_have_yet_is_not_of_the_future(relay_bus: Bus, run: Run) -> None:
    await run.begin()
    await run.count(1, 3)
    behind = FollowerCatchingUp(relay_bus, hidden_from=[run.sequences[-2]])
    place = run.sequences[-1]
    asked = StreamRequest(Principal(user_id="alice"), Filter("alice", run_id=run.run_id), place, is_chatkit=False)
    start = await Attach(behind, Stored(relay_bus, 1)).start(asked)
    assert isinstance(start, Start)
    assert start.place == place
    assert start.reset is None


async def test_the_end_of_a_run_that_a_viewer_has_seen_is_not_told_again_by_a_follower_without_it(
    relay_bus: Bus, run: Run
) -> None:
    """As one that was paused while all of it happened: it has nothing of the run."""
    await run.begin()
    await run.end()
    behind = FollowerBehind(relay_bus, hidden_from=[run.sequences[0]])
    asked = StreamRequest(
        Principal(user_id="alice"), Filter("alice", run_id=run.run_id), run.sequences[-1], is_chatkit=False
    )
    starting = asyncio.create_task(Attach(behind, Stored(relay_bus, 1)).start(asked))
    await asyncio.sleep(0.05)
    assert not starting.done()
    behind.hidden_from.clear()
    assert await starting is None


async def test_deltas_published_while_the_channel_opens_are_shown_once(relay_bus: Bus, run: Run) -> None:
    for round_number in range(10):
        first, second = Recorder(), Recorder()
        before = len(run.sequences)
        publishing = asyncio.create_task(run.count(1, 20))
        _, channel = await open_channel(Deltas(relay_bus), Filter("alice", run_id=run.run_id), first, second)
        head = channel.head
        await publishing
        await first.has(sum(1 for sequence in run.sequences[before:] if sequence > head))
        assert first.sequences == second.sequences
        assert first.sequences == [s for s in run.sequences if s >= (first.sequences or [head + 1])[0]]
        assert head >= run.sequences[before - 1] if round_number else True


async def test_a_message_that_is_gone_before_it_could_be_read_does_not_stop_the_rest(relay_bus: Bus, run: Run) -> None:
    recorder = Recorder()
    _, channel = await open_channel(Deltas(relay_bus), Filter("alice", run_id=run.run_id), recorder)
    await run.count(1, 2)
    await recorder.has(2)
    async with Deaf(channel):
        await run.count(3, 4)
    await run.bus.purge("DELTAS", run.subject)
    await run.count(5, 6)
    await recorder.has(4)
    assert recorder.sequences == run.sequences[:2] + run.sequences[4:]


async def test_what_a_fenced_attempt_said_is_not_shown_even_if_the_stream_took_it(relay_bus: Bus, run: Run) -> None:
    recorder = Recorder()
    await open_channel(Deltas(relay_bus), Filter("alice", run_id=run.run_id), recorder)
    run.epoch = 2
    await run.control("run.restarted")
    fenced = await run.put(b'{"type":"x"}', {EPOCH_HEADER: "1"})
    await run.say("two")
    await recorder.has(2)
    assert fenced not in recorder.sequences


async def test_deltas_put_back_to_an_earlier_state_has_every_place_judged_anew(relay_bus: Bus, run: Run) -> None:
    recorder = Recorder()
    hub, channel = await open_channel(Deltas(relay_bus), Filter("alice", run_id=run.run_id), recorder)
    await run.count(1, 3)
    await recorder.has(3)
    await put_back(run.bus, run.sequences[0])
    await run.say("again")
    await hub.read_again()
    assert recorder.attached_again == 1
    assert channel.head < run.sequences[2]


async def test_deltas_put_back_while_a_gap_could_not_be_read_loses_nothing_after_it(relay_bus: Bus, run: Run) -> None:
    recorder, deltas = Recorder(), Unreadable(relay_bus)
    hub, channel = await open_channel(deltas, Filter("alice", run_id=run.run_id), recorder)
    await run.count(1, 3)
    await recorder.has(3)
    deltas.failing.append("no leader")
    async with Deaf(channel):
        await run.count(4, 9)
    await run.say("shows the gap")
    await put_back(run.bus, run.sequences[1])
    await run.say("again")
    deltas.failing.clear()
    await hub.read_again()
    assert recorder.attached_again == 1
    for number in range(3):
        assert await run.say(f"after {number}") < run.sequences[8]  # numbers that were there before
    await recorder.has(6)
    assert recorder.sequences[3:] == run.sequences[-3:]


async def test_what_was_published_while_the_bus_was_away_is_read_on_its_return(relay_bus: Bus, run: Run) -> None:
    recorder = Recorder()
    hub, channel = await open_channel(Deltas(relay_bus), Filter("alice", run_id=run.run_id), recorder)
    await run.begin()
    await recorder.has(3)
    async with Deaf(channel):
        await run.end()
    await hub.on_reconnected()
    await hub.on_reconnected()  # lost again at once
    await recorder.has(5)
    assert recorder.sequences == run.sequences
    hub.close()


async def test_a_viewer_that_joins_after_an_audit_does_not_wait_for_what_is_not_its_own(
    relay_bus: Bus, run: Run
) -> None:
    recorder = Recorder()
    _, channel = await open_channel(Deltas(relay_bus), Filter("bob"), recorder)
    last = await run.say("somebody else's")
    await channel.audit(last)
    await channel.audit(last)
    assert channel.known_to == last
    assert channel.head == 0


async def test_deltas_made_anew_goes_on_by_itself(relay_bus: Bus, run: Run) -> None:
    recorder = Recorder()
    await open_channel(Deltas(relay_bus), Filter("alice", run_id=run.run_id), recorder)
    await run.say("old")
    await recorder.has(1)
    await run.bus.client.request("$JS.API.STREAM.DELETE.DELTAS", b"", timeout=5)
    await make_streams(run.bus)
    await run.say("new")
    await recorder.has(2)
    assert recorder.sequences == run.sequences


async def test_a_quiet_viewer_is_given_a_fresh_place(relay_bus: Bus, run: Run, bus: Bus) -> None:
    recorder = Recorder()
    _, channel = await open_channel(Deltas(relay_bus), Filter("bob"), recorder)
    last = await run.say("somebody else's")
    await channel.audit(last)
    assert recorder.frames == []  # a follower may not have what was before it yet
    await channel.audit(last + 5)
    assert [frame.full for frame in recorder.frames] == [b"id: %d\n\n" % last]


async def test_a_channel_is_shared_and_closed_with_its_last_viewer(relay_bus: Bus, run: Run) -> None:
    first, second = Recorder(), Recorder()
    hub, channel = await open_channel(Deltas(relay_bus), Filter("alice"), first, second)
    subscriptions = len(relay_bus.client._subs)
    await hub.leave(channel, first)
    assert len(relay_bus.client._subs) == subscriptions
    await hub.leave(channel, second)
    assert len(relay_bus.client._subs) == subscriptions - 1
    await run.say("nobody hears")
    assert first.frames == second.frames == []


async def test_a_viewer_whose_past_comes_from_a_follower_behind_waits_for_it(relay_bus: Bus, run: Run) -> None:
    await run.begin()
    await run.count(1, 9)
    behind = FollowerBehind(relay_bus, hidden_from=[run.sequences[6]])
    asked = StreamRequest(Principal(user_id="alice"), Filter("alice", run_id=run.run_id), None, is_chatkit=False)
    stream = Stream(asked, Attach(behind, Stored(relay_bus, 1)), LIMITS)
    _, channel = await open_channel(Deltas(relay_bus), asked.wanted, stream)
    assert await stream.open()
    assert channel.head == run.sequences[-1]

    async def watch() -> bytes:
        return b"".join([chunk async for chunk in stream.chunks(channel)])

    watching = asyncio.create_task(watch())
    await run.say("10 ")  # live already, and not to be shown before what the follower does not have yet
    await asyncio.sleep(0.05)
    behind.hidden_from.clear()
    await run.end()
    body = await asyncio.wait_for(watching, 20)
    events = [event async for event in EventStream(httpx.Response(200, content=body))]
    assert text_of(events) == run.text
    ids = [int(event.last_event_id) for event in events]
    assert ids == sorted(ids)


async def test_a_viewer_that_cannot_read_what_it_missed_does_not_spin(relay_bus: Bus, run: Run) -> None:
    await run.begin()
    deltas = Unreadable(relay_bus)
    asked = StreamRequest(Principal(user_id="alice"), Filter("alice", run_id=run.run_id), None, is_chatkit=False)
    stream = Stream(asked, Attach(deltas, Stored(relay_bus, 1)), LIMITS)
    _, channel = await open_channel(deltas, asked.wanted, stream)
    stream._start = Start(0)
    deltas.failing.append("no leader")

    async def watch() -> bytes:
        return b"".join([chunk async for chunk in stream.chunks(channel)])

    watching = asyncio.create_task(watch())
    await run.say("1 ")  # it waits in the viewer's queue
    await asyncio.sleep(0.2)
    assert len(deltas.reads) == 1
    deltas.failing.clear()
    await run.end()
    events = [e async for e in EventStream(httpx.Response(200, content=await asyncio.wait_for(watching, 20)))]
    assert text_of(events) == run.text
