"""The whole stack under kill -9, SIGTERM and SIGSTOP of everything, NATS and Postgres included: every promise holds.

`make test-faults` has a minute of it, with SEED="3 4" SECONDS=600 any other. A failure prints its timeline.
"""

import asyncio
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import SystemRandom

import pytest
from natter.stack import nats_names
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up

from tests.fault.nemesis.checker import Violation, violations
from tests.fault.nemesis.faults import plan_faults, torment
from tests.fault.nemesis.history import History
from tests.fault.nemesis.load import DEALER, load

VICTIMS = (
    "auth_edge",
    "conversation_store",
    "agent_runner",
    "agent_runner.2",
    "stream_relay",
    "task_tools",
    "nats",
    "postgres",
)
NATS_SERVERS = int(os.environ.get("NEMESIS_CLUSTER", "1"))
"""More than one are a cluster, and each of them a victim: also two at once, when nobody decides anything."""
SECONDS = float(os.environ.get("NEMESIS_SECONDS", "60"))
SEEDS = [int(seed) for seed in os.environ.get("NEMESIS_SEED", "15").split()] or [SystemRandom().randrange(1_000_000)]
ENVIRONMENT = {"AGENT_RUNNER_DEMO_WORD_DELAY_MS": "10"}
ASSISTANTS = ("todo=natter_todo:assistant", f"{DEALER}={Path(__file__).parent / 'dealer.py'}:assistant")
ARGUMENTS = (
    *WITHOUT_WEB,
    *(f"--assistant={one}" for one in ASSISTANTS),
    "--scale",
    "agent_runner=2",
    "--nats-cluster",
    str(NATS_SERVERS),
)
HEAL_SECONDS = 90.0
"""How long after the last fault everything that was begun may take to end."""


@pytest.mark.faults
@pytest.mark.timeout(SECONDS + HEAL_SECONDS + 150)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_promise_holds_whatever_is_killed_or_paused(seed: int) -> None:
    with temporary_directory() as directory:
        deals = directory / "deals"
        deals.touch()
        environment = {**ENVIRONMENT, "DEALER_DEALS": str(deals)}
        history = History()
        with natter_up(directory / "data", *ARGUMENTS, environment=environment) as natter:
            asyncio.run(_load_and_torment(natter, history, seed))
        history.stored.deals += [(line.split()[0], line.split()[1]) for line in deals.read_text().splitlines()]
        found = violations(history)
        logs = Path(tempfile.gettempdir()) / f"natter-nemesis-{seed}"
        if found:
            shutil.copytree(directory / "data" / "logs", logs, dirs_exist_ok=True)
    sys.stdout.write(report(seed, history, found))  # pytest shows it when the test failed
    assert not found, "\n".join([*map(str, found), f"the logs are in {logs}"])


async def _load_and_torment(natter: RunningNatter, history: History, seed: int) -> None:
    faults = plan_faults(seed, SECONDS, (*VICTIMS, *nats_names(NATS_SERVERS)[1:]))
    async with asyncio.TaskGroup() as group:
        group.create_task(torment(natter, faults, history))
        group.create_task(load(natter, history, seed, SECONDS, HEAL_SECONDS, has_dealer=True))


def report(seed: int, history: History, found: Sequence[Violation]) -> str:
    """The timeline, what was seen of the runs with broken promises, and those promises."""
    lines = ["", f"timeline of seed {seed}", *history.lines()]
    for run_id in sorted({violation.run_id for violation in found if violation.run_id}):
        lines += [f"what was seen of {run_id}", *history.frames_of_run(run_id)]
    lines += [str(violation) for violation in found]
    lines += [f"seed {seed}: {len(found)} broken promises in {len(history.turns)} turns", ""]
    return "\n".join(lines)
