"""A message whose handling blocks the event loop holds up nobody for long, and no start."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from contracts.streams import RUN_STALLS_MAX
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up

STALL_SECONDS_MAX = 4.0
ANSWER_SECONDS_MAX = 60.0
"""For somebody else's answer while the message is tried: a stall, a restart of the runner on a busy machine."""
GIVEN_UP_SECONDS_MAX = 180.0
ENDED_BY_THE_WATCHDOG = "exited with code 26"
STALL_TOLD = '"event": "run.stalled"'


@pytest.fixture
def data_dir() -> Iterator[Path]:
    with temporary_directory() as directory:
        yield directory / "data"


def up(data_dir: Path):
    environment = {
        "PYTHONPATH": str(Path(__file__).parent / "blocking"),
        "NATTER_PRELOAD": "false",  # for `sitecustomize`, which Python reads when it starts
        "LOOP_STALL_SECONDS_MAX": str(STALL_SECONDS_MAX),
        "AGENT_RUNNER_DEMO_WORD_DELAY_MS": "1",
        "LOG_FORMAT": "json",
    }
    return natter_up(data_dir, *WITHOUT_WEB, environment=environment)


def until(condition: Callable[[], bool], seconds: float, natter: RunningNatter) -> float:
    began = time.monotonic()
    while not condition():
        assert time.monotonic() - began < seconds, "\n".join(natter.output[-60:])
        time.sleep(0.1)
    return time.monotonic() - began


def count(natter: RunningNatter, text: str) -> int:
    return sum(text in line for line in list(natter.output))


def ask(natter: RunningNatter, user: str, text: str) -> str:
    """Send a message; returns the id of its run."""
    answer = httpx.post(f"{natter.edge_url}/api/{user}/chat", json={"message": text}, headers=natter.headers(user))
    assert answer.status_code == 202, answer.text
    return answer.json()["run_id"]


def run_of(natter: RunningNatter, user: str, run_id: str) -> dict[str, Any]:
    answer = httpx.get(f"{natter.edge_url}/api/{user}/runs/{run_id}", headers=natter.headers(user))
    assert answer.status_code == 200, answer.text
    return answer.json()


def answered(natter: RunningNatter, user: str, run_id: str) -> bool:
    return run_of(natter, user, run_id)["status"] == "completed"


@pytest.mark.faults
@pytest.mark.timeout(400)
def test_a_poisoned_data_directory_starts_again_and_others_are_answered(data_dir: Path) -> None:
    with up(data_dir) as natter:
        poison = ask(natter, "mallory", "block with a pattern")
        until(lambda: run_of(natter, "mallory", poison)["status"] == "running", 15, natter)
        natter.stop()  # before the watchdog ends it; that it stalls may have been told by then
        assert count(natter, ENDED_BY_THE_WATCHDOG) == 0
        stalls_left = RUN_STALLS_MAX - count(natter, STALL_TOLD)
        assert stalls_left >= RUN_STALLS_MAX - 1
    with up(data_dir) as natter:
        # Beside the message, while it is tried again and again: nobody waits for longer than a stall and a restart.
        for number in range(3):
            run_id = ask(natter, f"alice{number}", "count to 3")
            until(lambda: answered(natter, f"alice{number}", run_id), ANSWER_SECONDS_MAX, natter)  # noqa: B023
        until(lambda: run_of(natter, "mallory", poison)["status"] == "failed", GIVEN_UP_SECONDS_MAX, natter)
        assert run_of(natter, "mallory", poison)["error_code"] == "run_attempts_exhausted"
        until(lambda: count(natter, '"event": "mailbox.dead_letter"') == 1, 10, natter)
        assert count(natter, ENDED_BY_THE_WATCHDOG) == stalls_left
        assert count(natter, STALL_TOLD) == stalls_left
        assert count(natter, "in blocking_answer") >= stalls_left, "the stacks are in the log"
        run_id = ask(natter, "bob", "count to 3")
        until(lambda: answered(natter, "bob", run_id), 5, natter)
