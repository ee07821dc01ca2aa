"""Create the streams and consumers as contracts describe them; of a stream that exists, a drift is only reported.

A consumer holds nothing that an update could lose: it is made what it should be.
``python -m actor_kit.provision`` does it with the operator's credentials.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from contracts.errors import Code, NatterError, TerminalError
from contracts.ids import AssistantId
from contracts.services import Service
from contracts.streams import (
    CONSUMER_OF_ONE_ASSISTANT,
    DAY_SECONDS,
    RUNS,
    STREAMS,
    SUBJECT_OF_ONE_ASSISTANT,
    WEBHOOKS_MAILBOX,
    ConsumerSpec,
    StreamSpec,
    runs_mailbox,
)

from actor_kit.bus import Bus
from actor_kit.bus.admin import StreamAdmin
from actor_kit.settings import AssistantSettings, LeaseSettings, ServiceSettings, StreamSettings

NANOSECONDS = 1_000_000_000
CLUSTER_SETTLES_SECONDS_MAX = 30.0
"""An election takes up to nine seconds, and begins again where nobody has won it."""
DURATIONS = frozenset({"ack_wait", "duplicate_window", "max_age"})


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
    if spec.allows_rollup:
        config["allow_rollup_hdrs"] = True
    if spec.republish:
        config["republish"] = {"src": spec.republish[0], "dest": spec.republish[1]}
    return config


def consumer_config(spec: ConsumerSpec) -> dict[str, Any]:
    """The consumer's configuration in the words of the JetStream API."""
    return {
        "durable_name": spec.name,
        "filter_subject": spec.filter_subject,
        "ack_policy": "explicit",
        "deliver_policy": "all",
        "ack_wait": int(spec.ack_wait_seconds * NANOSECONDS),
        "max_deliver": spec.max_deliver,
        "max_ack_pending": spec.max_ack_pending,
    }


def drift(wanted: dict[str, Any], found: dict[str, Any]) -> list[str]:
    """What differs, one sentence each; values that the server adds are its own business."""
    return [
        f"{name} is {_shown(name, found.get(name))}, should be {_shown(name, value)}"
        for name, value in wanted.items()
        if found.get(name) != value
    ]


def _shown(name: str, value: object) -> str:
    return f"{value / NANOSECONDS:g} s" if name in DURATIONS and isinstance(value, int) else repr(value)


async def provision(
    bus: Bus,
    *,
    assistants: Sequence[AssistantId] | None = None,
    replicas: int | None = None,
    is_dry_run: bool = False,
) -> list[str]:
    """Create what is missing, update consumers, and return what differs in streams that are there.

    A dry run changes nothing: what is missing, or differs in a consumer, is a drift as well. Each of
    the ``assistants`` (None: those of CONVERSATION_STORE_ASSISTANTS) gets its consumer of RUNS, whose ack wait is the
    runners' lease, AGENT_RUNNER_LEASE_SECONDS; each stream has ``replicas`` (None: NATS_REPLICAS) copies, and AUDIT
    keeps its events for AUDIT_RETENTION_DAYS. A cluster
    that has not yet elected who decides is waited for. Raises RetryableError (bus_unavailable).
    """
    admin = StreamAdmin(bus.client, settle_seconds_max=CLUSTER_SETTLES_SECONDS_MAX)
    settings = StreamSettings()
    replicas = settings.nats_replicas if replicas is None else replicas
    drifts: list[str] = []
    if not is_dry_run:
        await _give_each_assistant_its_queue(bus, admin)
    for stream in STREAMS:
        name = f"stream {stream.name}"
        wanted = stream_config(stream, replicas=replicas)
        by_setting = _by_setting(stream, settings)
        wanted |= by_setting
        found = await admin.stream(stream.name)
        if found is not None and by_setting and not is_dry_run and found | by_setting != found:
            found |= by_setting
            await admin.update_stream(found)
        if found is not None:
            drifts += [f"{name}: {difference}" for difference in drift(wanted, found)]
        elif is_dry_run:
            drifts.append(f"{name} is missing")
            continue
        else:
            first = {"first_seq": time.time_ns() // 1_000} if stream.first_sequence_from_clock else {}
            await admin.create_stream(wanted | first)
    lease_seconds = LeaseSettings().lease_seconds
    for assistant_id in assistants or AssistantSettings().assistants:
        consumer = replace(runs_mailbox(assistant_id), ack_wait_seconds=lease_seconds)
        drifts += await _provision_consumer(admin, consumer, is_dry_run=is_dry_run)
    drifts += await _provision_consumer(admin, WEBHOOKS_MAILBOX, is_dry_run=is_dry_run)
    return drifts


def _by_setting(stream: StreamSpec, settings: StreamSettings) -> dict[str, Any]:
    """What an operator decides: changed in a stream that is there as well."""
    if stream.is_age_a_setting:
        return {"max_age": int(settings.audit_retention_days * DAY_SECONDS * NANOSECONDS)}
    return {"max_bytes": settings.nats_files_bytes_max} if stream.is_size_a_setting else {}


async def _give_each_assistant_its_queue(bus: Bus, admin: StreamAdmin) -> None:
    """Make RUNS of the version with one assistant what it is now.

    Its consumer would take every assistant's runs. What waits on its subject is forgotten: Postgres is the record, and
    the store's sweeper requests these runs again where the runners are.
    """
    found = await admin.stream(RUNS.name)
    if found is None or found["subjects"] != [SUBJECT_OF_ONE_ASSISTANT]:
        return
    await admin.delete_consumer(RUNS.name, CONSUMER_OF_ONE_ASSISTANT)
    await admin.update_stream(found | {"subjects": list(RUNS.subjects)})
    await bus.purge(RUNS.name, SUBJECT_OF_ONE_ASSISTANT)


async def _provision_consumer(admin: StreamAdmin, consumer: ConsumerSpec, *, is_dry_run: bool) -> list[str]:
    differences = await consumer_drift(admin, consumer)
    if differences and not is_dry_run:
        await admin.create_consumer(consumer.stream, consumer_config(consumer))
        return []
    return differences


async def consumer_drift(admin: StreamAdmin, consumer: ConsumerSpec) -> list[str]:
    """What differs between a consumer and the one on the server, one sentence each; empty where they are alike.

    A service may ask this of its own consumer. Raises RetryableError (bus_unavailable).
    """
    name = f"consumer {consumer.stream}/{consumer.name}"
    found = await admin.consumer(consumer.stream, consumer.name)
    if found is None:
        return [f"{name} is missing"]
    return [f"{name}: {difference}" for difference in drift(consumer_config(consumer), found)]


async def check_consumer(bus: Bus, consumer: ConsumerSpec) -> None:
    """Raises TerminalError where the consumer on the server is not this one: messages that are being worked on would
    be delivered again, or given up too early.
    """
    if differences := await consumer_drift(StreamAdmin(bus.client), consumer):
        detail = "; ".join(differences)
        raise TerminalError(Code.INTERNAL, f"{detail}. Provision with the settings of this service (`natter migrate`).")


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
