"""Who answers on NATS: the discovery of NATS micro services (`$SRV.PING`, NATS ADR-32)."""

import asyncio
import contextlib
import json
from collections import Counter
from collections.abc import Collection

from actor_kit.bus import Bus, Received
from contracts.services import inbox_prefix

ANSWERS_SECONDS_MAX = 0.2


async def silent_services(bus: Bus, wanted: Collection[str]) -> set[str]:
    """Ask everybody on the bus; return the wanted services of which no instance answered within a fifth of a second.

    Returns at once when all of them have answered.
    """
    silent = set(wanted)
    all_answered = asyncio.Event()

    def note(answer: Received) -> None:
        silent.discard(json.loads(answer.payload)["name"])
        if not silent:
            all_answered.set()

    inbox = f"{inbox_prefix(bus.service)}.ping"
    subscription = await bus.subscribe(inbox, note)
    try:
        await bus.client.publish("$SRV.PING", b"", reply=inbox)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(all_answered.wait(), ANSWERS_SECONDS_MAX)
    finally:
        await subscription.unsubscribe()
    return silent


async def instances(bus: Bus) -> Counter[str]:
    """How many instances of each service answer within a fifth of a second."""
    found: Counter[str] = Counter()

    def note(answer: Received) -> None:
        found[json.loads(answer.payload)["name"]] += 1

    inbox = f"{inbox_prefix(bus.service)}.instances"
    subscription = await bus.subscribe(inbox, note)
    try:
        await bus.client.publish("$SRV.PING", b"", reply=inbox)
        await asyncio.sleep(ANSWERS_SECONDS_MAX)
    finally:
        await subscription.unsubscribe()
    return found
