"""Two of each service behind one address: one of each is killed while people talk, and nobody notices more than a
reconnect.
"""

import asyncio
import itertools

import pytest
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up

from tests.fault.nemesis.checker import violations
from tests.fault.nemesis.faults import Fault, torment
from tests.fault.nemesis.history import History
from tests.fault.nemesis.load import load
from tests.fault.nemesis.test_nemesis import ENVIRONMENT, HEAL_SECONDS, report

SERVICES = ("auth_edge", "stream_relay", "conversation_store")
VICTIMS = ("auth_edge", "stream_relay.2", "conversation_store", "auth_edge.2", "stream_relay")
GAP_SECONDS = 2.0
SECONDS = GAP_SECONDS * (len(VICTIMS) + 1)


@pytest.mark.whole_path
@pytest.mark.thorough
@pytest.mark.timeout(SECONDS + HEAL_SECONDS + 60)
def test_one_of_two_is_killed_and_the_other_serves_at_the_same_address() -> None:
    history = History()
    scale = itertools.chain.from_iterable(("--scale", f"{service}=2") for service in SERVICES)
    with (
        temporary_directory() as directory,
        natter_up(directory / "data", *WITHOUT_WEB, *scale, environment=ENVIRONMENT) as natter,
    ):
        assert len(natter.state.edge_urls) == len(natter.state.relay_urls) == 1
        asyncio.run(kill_one_after_the_other(natter, history))
    assert not violations(history), report(0, history, violations(history))
    refused = [line for line in history.timeline if "ConnectError" in line[2]]
    assert refused == []  # there was always one who listened


async def kill_one_after_the_other(natter: RunningNatter, history: History) -> None:
    faults = [Fault(GAP_SECONDS * (number + 1), victim, "kill -9") for number, victim in enumerate(VICTIMS)]
    async with asyncio.TaskGroup() as group:
        group.create_task(torment(natter, faults, history))
        group.create_task(load(natter, history, 0, SECONDS, HEAL_SECONDS))
