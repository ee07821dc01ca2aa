"""A process whose loop stands still tells where and for whom, and ends; one that was only suspended goes on."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from actor_kit.watchdog import STALLED_EXIT_CODE

pytestmark = pytest.mark.slow

SECONDS_MAX = 2.0

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


def start(tmp_path: Path, block: str, *, seconds_before: float = 0) -> subprocess.Popen[str]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    return subprocess.Popen(
        [sys.executable, str(program), block, str(seconds_before)],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"LOOP_STALL_SECONDS_MAX": str(SECONDS_MAX)},
    )


def events(log: str) -> dict[str, dict[str, Any]]:
    return {
        line["event"]: line for line in map(json.loads, filter(lambda text: text.startswith("{"), log.splitlines()))
    }


@pytest.mark.parametrize("block", ["a_sleep", "a_loop", "a_pattern"])
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


def test_code_that_lets_no_python_run_ends_too_and_its_stack_is_written(tmp_path: Path) -> None:
    """`sum` keeps the interpreter's lock and never looks for signals: neither a thread nor a handler can run."""
    process = start(tmp_path, "a_call_into_c")
    log = process.communicate(timeout=60)[1]
    assert process.returncode == STALLED_EXIT_CODE, log
    assert "in a_call_into_c" in log


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
