"""Every service is told to stop, one after the other, and started again while people talk: as at a deployment."""

import asyncio
import re

import pytest
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up

from tests.fault.nemesis.checker import violations
from tests.fault.nemesis.faults import Fault, torment
from tests.fault.nemesis.history import History
from tests.fault.nemesis.load import load
from tests.fault.nemesis.test_nemesis import ENVIRONMENT, HEAL_SECONDS, report

SERVICES = ("auth_edge", "stream_relay", "conversation_store", "agent_runner", "agent_runner.2", "task_tools")
GAP_SECONDS = 3.0
SECONDS = GAP_SECONDS * (len(SERVICES) + 2)
CUT_OFF = re.compile(r": (ReadError|WriteError|RemoteProtocolError)$")
"""How the load notes a message that was sent to somebody who gave no answer."""


@pytest.mark.whole_path
@pytest.mark.thorough
@pytest.mark.timeout(SECONDS + HEAL_SECONDS + 60)
def test_a_rolling_restart_cuts_nobody_off_and_loses_and_repeats_nothing() -> None:
    history = History()
    with (
        temporary_directory() as directory,
        natter_up(directory / "data", *WITHOUT_WEB, "--scale", "agent_runner=2", environment=ENVIRONMENT) as natter,
    ):
        asyncio.run(restart_one_after_the_other(natter, history))
    assert not violations(history), report(0, history, violations(history))
    assert [line for line in history.timeline if CUT_OFF.search(line[2])] == []


async def restart_one_after_the_other(natter: RunningNatter, history: History) -> None:
    faults = [Fault(GAP_SECONDS * (number + 1), service, "SIGTERM") for number, service in enumerate(SERVICES)]
    async with asyncio.TaskGroup() as group:
        group.create_task(torment(natter, faults, history))
        group.create_task(load(natter, history, 0, SECONDS, HEAL_SECONDS))
