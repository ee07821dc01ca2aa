"""A runner and the queue that it works for agree on the lease of a run, or the runner does not start."""

import asyncio
import os
import sys

from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from contracts.services import Service

START_SECONDS_MAX = 60.0


async def test_a_runner_whose_lease_is_not_its_consumers_does_not_start_and_says_why(nats_url: str) -> None:
    async with Bus.open(ServiceSettings(nats_url=nats_url), service=Service.OPERATOR) as bus:
        await provision(bus)
    environment = {
        "PATH": os.environ["PATH"],
        "NATS_URL": nats_url,
        "AGENT_RUNNER_LEASE_SECONDS": "40",
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "agent_runner"), env=environment, stderr=asyncio.subprocess.PIPE
    )
    _, log = await asyncio.wait_for(process.communicate(), START_SECONDS_MAX)
    assert process.returncode == 1
    assert "consumer RUNS/agent_runner_todo: ack_wait is 8 s, should be 40 s" in log.decode()
