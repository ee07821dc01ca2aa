"""A process whose loop stands still tells where and for whom, and ends; one that was only suspended goes on."""

import asyncio
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from actor_kit.actor import Actor, Delivery, Handlers
from actor_kit.bus import Bus
from actor_kit.mailbox import Mailbox
from actor_kit.settings import ServiceSettings
from actor_kit.watchdog import STALLED_EXIT_CODE, OnStall, _on_stall
from contracts.commands import RunRequested
from contracts.message import Message
from contracts.services import Service
from contracts.streams import RUN_CLAIMS_MAX, RUN_DELIVERIES_MAX, RUN_STALLS_MAX, RUNS_MAILBOX
from contracts.subjects import subject_of

pytestmark = pytest.mark.slow

SECONDS_MAX = 2.0
NAMESPACE = ["unshare", "--pid", "--fork", "--kill-child"]

PROGRAM = """
import asyncio
import re
import sys
import time
import structlog
from actor_kit.lifecycle import load_settings, run_until_stopped
from actor_kit.settings import ServiceSettings
from actor_kit.watchdog import on_stall
from contracts.services import Service

log = structlog.get_logger()

def a_sleep():
    time.sleep(600)

def a_loop():
    while True:
        pass

def a_pattern():
    re.match("(a*)*b", "a" * 64)

def a_call_into_c():
    sum(range(10**15))

def nothing():
    pass

async def work(name, block):
    async def tell():
        await asyncio.sleep(0.01)
        log.warning("told", of=name)

    on_stall(tell)
    await asyncio.create_task(step(block), name=f"step of {name}")

async def step(block):
    await asyncio.sleep(0.1)
    block()
    await asyncio.sleep(600)

async def main(stop):
    works = [("innocent", nothing), ("culprit", globals()[sys.argv[1]])]
    tasks = [asyncio.create_task(work(name, block)) for name, block in works]
    await asyncio.sleep(0.2)
    log.info("going on")
    await stop.wait()
    del tasks

time.sleep(float(sys.argv[2]))  # what imports would take
run_until_stopped(Service.AGENT_RUNNER, load_settings(ServiceSettings), main)
"""


def start(
    tmp_path: Path, block: str, *, seconds_before: float = 0, command: Sequence[str] = ()
) -> subprocess.Popen[str]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    return subprocess.Popen(
        [*command, sys.executable, str(program), block, str(seconds_before)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"LOOP_STALL_SECONDS_MAX": str(SECONDS_MAX)},
    )


def events(log: str) -> dict[str, dict[str, Any]]:
    return {
        line["event"]: line for line in map(json.loads, filter(lambda text: text.startswith("{"), log.splitlines()))
    }


@pytest.mark.parametrize("block", [pytest.param("a_sleep", marks=pytest.mark.thorough), "a_loop", "a_pattern"])
def test_code_that_blocks_the_loop_is_told_of_and_the_process_ends(tmp_path: Path, block: str) -> None:
    process = start(tmp_path, block)
    began = time.monotonic()
    log = process.communicate(timeout=60)[1]
    assert process.returncode == STALLED_EXIT_CODE, log
    assert time.monotonic() - began > SECONDS_MAX
    said = events(log)
    assert f"in {block}" in said["loop.stalled"]["stack"]
    assert any("step of innocent: step (" in task for task in said["loop.stalled"]["tasks"])
    assert said["told"]["of"] == "culprit"
    assert "Current thread" in log, "faulthandler wrote the stacks of all threads"
    assert f"in {block}" in log.partition("Current thread")[2]


@pytest.mark.parametrize("as_first_process", [False, True], ids=["somewhere", "as the first process of a container"])
def test_code_that_lets_no_python_run_ends_too_and_its_stack_is_written(tmp_path: Path, as_first_process: bool) -> None:
    """`sum` keeps the interpreter's lock and never looks for signals: neither a thread nor a handler can run.

    The kernel ignores signals with their default action for the first process of a container.
    """
    if as_first_process and subprocess.run([*NAMESPACE, "true"], capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not open a process namespace")
    process = start(tmp_path, "a_call_into_c", command=NAMESPACE if as_first_process else [])
    log = process.communicate(timeout=60)[1]
    assert process.returncode == STALLED_EXIT_CODE, log
    assert "in a_call_into_c" in log


@pytest.mark.thorough
def test_a_process_that_was_suspended_and_one_that_was_slow_to_begin_go_on(tmp_path: Path) -> None:
    process = start(tmp_path, "nothing", seconds_before=1.5 * SECONDS_MAX)
    assert process.stderr is not None
    said = ""
    while "going on" not in said:
        said = process.stderr.readline()
    for seconds in (1.5 * SECONDS_MAX, 0.1, 1.2 * SECONDS_MAX):
        process.send_signal(signal.SIGSTOP)
        time.sleep(seconds)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.05)
    time.sleep(SECONDS_MAX)
    assert process.poll() is None
    process.send_signal(signal.SIGTERM)
    log = process.communicate(timeout=20)[1]
    assert process.returncode == 0, log
    assert set(events(log)) == {"service.stopped"}


def test_a_run_that_stalls_is_given_up_for_that_before_its_deliveries_are_used_up() -> None:
    assert RUN_STALLS_MAX < RUN_DELIVERIES_MAX == RUNS_MAILBOX.max_deliver < RUN_CLAIMS_MAX


@dataclass(frozen=True)
class Stalling(Actor):
    """Its first delivery does what a watchdog does when the handler blocks the loop."""

    seen: asyncio.Queue[tuple[int, float]] = field(default_factory=asyncio.Queue)
    told: list[str] = field(default_factory=list)

    @property
    def handlers(self) -> Handlers:
        return {RunRequested: self.on_run_requested}

    async def on_run_requested(self, _command: RunRequested, delivery: Delivery) -> None:
        self.seen.put_nowait((delivery.attempt, time.monotonic()))
        if delivery.attempt == 1:
            callback = await asyncio.create_task(callback_of_this_context())
            assert callback is not None
            await asyncio.to_thread(asyncio.run, called(callback))
            await asyncio.sleep(600)

    async def on_stalled(self, message: Message, bus: Bus) -> None:
        assert isinstance(message, RunRequested)
        await bus.flush()
        self.told.append(message.run_id)


async def callback_of_this_context() -> OnStall | None:
    return _on_stall.get()


async def called(callback: OnStall) -> None:
    await callback()


async def test_a_message_that_stalls_the_loop_is_told_of_and_comes_again_later(nats_url: str, store_bus: Bus) -> None:
    actor = Stalling()
    settings = ServiceSettings(nats_url=nats_url, loop_stall_seconds_max=0.4)
    async with (
        Bus.open(settings, service=Service.AGENT_RUNNER) as bus,
        Mailbox(bus, actor, spec=RUNS_MAILBOX, slots=2, drain_timeout_seconds=0.1),
    ):
        command = RunRequested(user_id="alice", conversation_id="conv_1", run_id="run_1")
        await store_bus.publish_stored(
            subject_of(RunRequested, assistant_id="todo", user_id="alice", conversation_id="conv_1"), command.encode()
        )
        first = await asyncio.wait_for(actor.seen.get(), 5)
        again = await asyncio.wait_for(actor.seen.get(), 5)
    assert actor.told == ["run_1"]
    assert (first[0], again[0]) == (1, 2)
    assert 0.6 <= again[1] - first[1] < RUNS_MAILBOX.ack_wait_seconds / 2
