"""Who answers on NATS: the discovery of NATS micro services (`$SRV.PING`, NATS ADR-32)."""

import asyncio
import json

from actor_kit.bus import Bus
from contracts.services import inbox_prefix

ANSWERS_SECONDS = 0.2


async def answering_services(bus: Bus) -> set[str]:
    """The names of the services of which at least one instance answered within a fifth of a second."""
    return set(await _names(bus))


async def _names(bus: Bus) -> list[str]:
    names: list[str] = []
    inbox = f"{inbox_prefix(bus.service)}.ping"
    subscription = await bus.subscribe(inbox, lambda answer: names.append(json.loads(answer.payload)["name"]))
    try:
        await bus.client.publish("$SRV.PING", b"", reply=inbox)
        await asyncio.sleep(ANSWERS_SECONDS)
    finally:
        await subscription.unsubscribe()
    return names
