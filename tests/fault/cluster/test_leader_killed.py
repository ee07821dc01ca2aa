"""A cluster of three NATS servers loses the leader of a stream, again and again, while people talk: promises hold.

What is new against one server: what is acknowledged is on two of three, who leads is elected, and a follower answers.
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

import httpx
import nats.errors
import pytest
from actor_kit.bus import Bus
from natter.operator_bus import operator_bus, operator_settings
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up

from tests.fault.nemesis.checker import violations
from tests.fault.nemesis.faults import Fault, How, torment
from tests.fault.nemesis.history import History
from tests.fault.nemesis.load import load
from tests.fault.nemesis.test_nemesis import ENVIRONMENT, HEAL_SECONDS, report
from tests.sse import open_stream

SECONDS = 42.0
RECOVERY_SECONDS_MAX = 25.0
"""An election takes up to nine seconds; what was asked for meanwhile is then asked for again. A pause lasts longer."""
ASKING = 8
PROBE_SECONDS = 0.25


@dataclass(frozen=True)
class Loss:
    """The leader of a stream is lost, ``at`` so many seconds after the beginning."""

    at: float
    stream: str
    how: How
    pause_seconds: float = 0.0


LOSSES = (Loss(4, "DELTAS", "kill -9"), Loss(16, "RUNS", "kill -9"), Loss(28, "DELTAS", "SIGSTOP", 12))
"""One that is only paused comes back as somebody who still believes that it leads."""


@pytest.mark.whole_path
@pytest.mark.thorough
@pytest.mark.timeout(SECONDS + HEAL_SECONDS + 150)
def test_every_promise_holds_while_leaders_of_a_cluster_are_lost() -> None:
    history = History()
    arguments = (*WITHOUT_WEB, "--nats-cluster", "3", "--scale", "agent_runner=2", "--scale", "stream_relay=2")
    with (
        temporary_directory() as directory,
        natter_up(directory / "data", *arguments, environment=ENVIRONMENT) as natter,
    ):
        answered, lost = asyncio.run(lose_leaders(natter, history))
    found = violations(history)
    sys.stdout.write(report(0, history, found))
    longest = [max(seconds for at, seconds in answered if at - 1 <= lost_at < at + seconds + 1) for lost_at in lost]
    told = ", ".join(
        f"{loss.stream} {loss.how}: {seconds:.1f} s" for loss, seconds in zip(LOSSES, longest, strict=True)
    )
    sys.stdout.write(f"the longest that a short answer took around each loss: {told}\n")
    assert not found, "\n".join(map(str, found))
    assert max(longest) < RECOVERY_SECONDS_MAX, told


async def lose_leaders(natter: RunningNatter, history: History) -> tuple[list[tuple[float, float]], list[float]]:
    """Returns when short questions were asked while all this went on, and how long each waited for its answer; and when
    leaders were lost. All in seconds of the history.
    """
    answered: list[tuple[float, float]] = []
    ended = asyncio.Event()
    async with operator_bus(operator_settings(natter.data_dir, None)) as bus, asyncio.TaskGroup() as group:
        losing = [group.create_task(lose(natter, bus, loss, history)) for loss in LOSSES]
        for number in range(ASKING):
            group.create_task(ask_until(ended, natter, history, answered, number))
        await load(natter, history, 0, SECONDS, HEAL_SECONDS)
        ended.set()
    return answered, [task.result() for task in losing]


async def lose(natter: RunningNatter, bus: Bus, loss: Loss, history: History) -> float:
    await asyncio.sleep(loss.at)
    victim = await leader_of(bus, loss.stream)
    began = time.monotonic()
    torn = asyncio.create_task(torment(natter, [Fault(0, victim, loss.how, loss.pause_seconds)], history))
    while (leader := await leader_of(bus, loss.stream)) == victim:
        await asyncio.sleep(0.1)
    history.note("cluster", f"{leader} leads {loss.stream} {time.monotonic() - began:.1f} s after {victim} was lost")
    await torn
    return began - history.began_at


async def leader_of(bus: Bus, stream: str) -> str:
    """Who leads a stream, as a program of the stack; waits while nobody does."""
    while True:
        with suppress(nats.errors.Error, TimeoutError):
            answer = await bus.client.request(f"$JS.API.STREAM.INFO.{stream}", b"", timeout=1)
            if leader := json.loads(answer.data).get("cluster", {}).get("leader"):
                return leader
        await asyncio.sleep(0.1)


async def ask_until(
    ended: asyncio.Event,
    natter: RunningNatter,
    history: History,
    answered: list[tuple[float, float]],
    number: int,
) -> None:
    """Ask short questions as a user of their own, whom the checker does not know, and note how long each took."""
    headers = natter.headers(f"canary{number}")
    async with httpx.AsyncClient(timeout=httpx.Timeout(5, read=15), trust_env=False) as client:
        count = 0
        while not ended.is_set():
            count += 1
            began = time.monotonic()
            await answer_to(natter, client, headers, f"{number}-{count}")
            answered.append((began - history.began_at, time.monotonic() - began))
            await asyncio.sleep(PROBE_SECONDS)


async def answer_to(natter: RunningNatter, client: httpx.AsyncClient, headers: dict[str, str], key: str) -> None:
    """Say "count to 3" until it is accepted, and watch until the answer's end was seen."""
    user, _, _ = key.partition("-")
    while True:
        with suppress(httpx.TransportError):
            answer = await client.post(
                f"{natter.edge_url}/api/canary{user}/chat",
                json={"message": "count to 3"},
                headers={**headers, "Idempotency-Key": key},
            )
            if answer.status_code == 202:
                break
            assert answer.status_code == 503, answer.text
        await asyncio.sleep(0.1)
    while not await has_ended(client, answer.json()["stream_url"], headers):
        await asyncio.sleep(0.1)


async def has_ended(client: httpx.AsyncClient, url: str, headers: dict[str, str]) -> bool:
    kinds: Sequence[object] = []
    with suppress(httpx.HTTPError):
        kinds = [frame.data.get("type") async for frame in open_stream(client, url, headers)]
    return "run.completed" in kinds
