"""Create the streams and consumers as contracts describe them; report a drift, change nothing that exists.

``python -m actor_kit.provision`` does it with the operator's credentials.
"""

import asyncio
import sys
import time
from typing import Any

from contracts.errors import NatterError
from contracts.services import Service
from contracts.streams import STREAMS, ConsumerSpec, StreamSpec

from actor_kit.bus import Bus
from actor_kit.bus.admin import StreamAdmin
from actor_kit.settings import ServiceSettings

NANOSECONDS = 1_000_000_000


def stream_config(spec: StreamSpec, *, replicas: int) -> dict[str, Any]:
    """The stream's configuration in the words of the JetStream API (io.nats.jetstream.api.v1)."""
    config: dict[str, Any] = {
        "name": spec.name,
        "description": spec.description,
        "subjects": list(spec.subjects),
        "retention": spec.retention,
        "storage": "file",
        "discard": spec.discard,
        "max_age": int(spec.max_age_seconds * NANOSECONDS),
        "max_bytes": spec.max_bytes,
        "duplicate_window": int(spec.duplicate_window_seconds * NANOSECONDS),
        "allow_direct": spec.allow_direct,
        "num_replicas": replicas,
    }
    if spec.republish:
        config["republish"] = {"src": spec.republish[0], "dest": spec.republish[1]}
    return config


def consumer_config(spec: ConsumerSpec) -> dict[str, Any]:
    """The consumer's configuration in the words of the JetStream API."""
    return {
        "durable_name": spec.name,
        "ack_policy": "explicit",
        "deliver_policy": "all",
        "ack_wait": int(spec.ack_wait_seconds * NANOSECONDS),
        "max_deliver": spec.max_deliver,
        "max_ack_pending": spec.max_ack_pending,
    }


def drift(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What differs, one sentence each; values that the server adds are its own business."""
    return [
        f"{name} is {found.get(name)!r}, should be {value!r}"
        for name, value in wanted.items()
        if found.get(name) != value
    ]


async def provision(bus: Bus, *, replicas: int = 1, is_dry_run: bool = False) -> list[str]:
    """Create what is missing; return the drifts of what is there. A dry run creates nothing, and what is missing is a
    drift as well. Raises RetryableError (bus_unavailable).
    """
    admin = StreamAdmin(bus.client)
    drifts: list[str] = []
    for stream in STREAMS:
        name = f"stream {stream.name}"
        wanted = stream_config(stream, replicas=replicas)
        found = await admin.stream(stream.name)
        if found is not None:
            drifts += [f"{name}: {difference}" for difference in drift(wanted, found)]
        elif is_dry_run:
            drifts.append(f"{name} is missing")
            continue
        else:
            first = {"first_seq": time.time_ns() // 1_000} if stream.first_sequence_from_clock else {}
            await admin.create_stream(wanted | first)
        for consumer in stream.consumers:
            drifts += await _provision_consumer(admin, stream, consumer, is_dry_run=is_dry_run)
    return drifts


async def _provision_consumer(
    admin: StreamAdmin, stream: StreamSpec, consumer: ConsumerSpec, *, is_dry_run: bool
) -> list[str]:
    name = f"consumer {stream.name}/{consumer.name}"
    wanted = consumer_config(consumer)
    found = await admin.consumer(stream.name, consumer.name)
    if found is not None:
        return [f"{name}: {difference}" for difference in drift(wanted, found)]
    if is_dry_run:
        return [f"{name} is missing"]
    await admin.create_consumer(stream.name, wanted)
    return []


async def _main() -> int:
    async with Bus.open(ServiceSettings(), service=Service.OPERATOR) as bus:
        drifts = await provision(bus)
    for line in drifts:
        sys.stderr.write(f"drift: {line}\n")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(asyncio.run(_main()))
    except NatterError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(1)
