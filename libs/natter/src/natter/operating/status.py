"""`natter status`: who runs, what waits, who looks on."""

import asyncio
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import typer
from actor_kit.bus import Bus
from actor_kit.bus.admin import StreamAdmin
from contracts.errors import NatterError
from contracts.queries import GetReport
from contracts.services import Service
from contracts.streams import RUNS, runs_mailbox
from rich.console import Group
from rich.live import Live
from rich.table import Table

from natter.data_directory import DataDirectory, StackState
from natter.discovery import instances
from natter.operating.asking import AsJson, DataDir, NatsUrl, console, print_json, run
from natter.operating.figures import collect
from natter.operator_bus import operator_bus, operator_settings
from natter.settings import Settings

VIEWERS, OUTBOX_LAG, LOOP_DELAY = "relay_viewers", "natter_store_outbox_lag_seconds", "natter_loop_delay_last_seconds"
SLOTS, ACTIVE = "natter_run_slots", "natter_runs_active"
FIGURES = (VIEWERS, OUTBOX_LAG, LOOP_DELAY, SLOTS, ACTIVE)
SERVICES = [service for service in Service if service is not Service.OPERATOR]


@dataclass(frozen=True)
class Queue:
    """The runs of one assistant: not taken yet, and being worked on."""

    assistant: str
    pending: int
    ack_pending: int


@dataclass(frozen=True)
class Status:
    """A moment of a stack. None: nobody has told, as there is no stack on this machine or no store that answers."""

    services: dict[str, int]
    """Instances that answer."""
    processes: dict[str, int]
    """Processes that `natter up` keeps, by service; empty where it is not this machine's."""
    queues: list[Queue]
    runs: dict[str, Any] | None
    viewers: int | None
    slots: int | None
    slots_taken: int | None
    outbox_lag_seconds: float | None
    loop_delay_seconds: float | None

    @property
    def is_well(self) -> bool:
        """Every service answers, but runners: without them messages wait."""
        return all(self.services.get(service) for service in SERVICES if service is not Service.AGENT_RUNNER)


def status(
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Again and again, until Ctrl-C")] = False,
    every: Annotated[float, typer.Option(min=0.2, help="Seconds between two looks, with --watch")] = 1.0,
    as_json: AsJson = False,
    data_dir: DataDir = None,
    nats_url: NatsUrl = None,
) -> None:
    """Services and their replicas, the queues, runs, viewers, lag. Ends with 1 when a service does not answer."""
    if watch:
        run(_watch(data_dir, nats_url, every, as_json=as_json))
        return
    found = run(_look_once(data_dir, nats_url))
    if as_json:
        print_json(asdict(found))
    else:
        console.print(_tables(found))
    if not found.is_well:
        raise typer.Exit(1)


async def _look_once(data_dir: Path | None, nats_url: str | None) -> Status:
    async with operator_bus(operator_settings(data_dir, nats_url)) as bus:
        return await look(bus, _state(data_dir, nats_url))


async def _watch(data_dir: Path | None, nats_url: str | None, every: float, *, as_json: bool) -> None:
    async with operator_bus(operator_settings(data_dir, nats_url)) as bus:
        with Live(console=console, auto_refresh=False, screen=not as_json and console.is_terminal) as live:
            while True:
                found = await look(bus, _state(data_dir, nats_url))
                if as_json:
                    typer.echo(json.dumps(asdict(found)))
                else:
                    live.update(_tables(found), refresh=True)
                await asyncio.sleep(every)


def _state(data_dir: Path | None, nats_url: str | None) -> StackState | None:
    """What this machine's stack tells of itself; nothing of a bus elsewhere."""
    return None if nats_url else DataDirectory.open(data_dir or Settings().data_dir).read_state()


async def look(bus: Bus, state: StackState | None) -> Status:
    """Ask everybody at once. Raises RetryableError where the bus is away."""
    settings = Settings()
    token = settings.given("METRICS_TOKEN").get("METRICS_TOKEN")
    urls = state.metrics_urls if state else {}
    found, queues, runs, figures = await asyncio.gather(
        instances(bus),
        _queues(bus, state.assistants if state else settings.assistants_offered),
        _totals(bus),
        collect(urls, FIGURES, f"Bearer {token}" if token else None),
    )
    names = [name.partition(".")[0] for name, pid in (state.processes if state else {}).items() if pid is not None]
    return Status(
        services={service: found[service] for service in SERVICES},
        processes={service: names.count(service) for service in SERVICES if service in names},
        queues=queues,
        runs=runs,
        viewers=_whole(figures.total(VIEWERS)),
        slots=_whole(figures.total(SLOTS)),
        slots_taken=_whole(figures.total(ACTIVE)),
        outbox_lag_seconds=figures.largest(OUTBOX_LAG),
        loop_delay_seconds=figures.largest(LOOP_DELAY),
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else int(value)


async def _queues(bus: Bus, assistants: list[str]) -> list[Queue]:
    admin = StreamAdmin(bus.client)
    queues: list[Queue] = []
    for assistant in assistants:
        consumer = await admin.consumer_state(RUNS.name, runs_mailbox(assistant).name)
        if consumer is not None:
            queues.append(Queue(assistant, consumer["num_pending"], consumer["num_ack_pending"]))
    return queues


async def _totals(bus: Bus) -> dict[str, Any] | None:
    try:
        return dict((await bus.request(GetReport(kind="totals"), timeout_seconds=2)).rows[0])
    except NatterError:
        return None


def _tables(found: Status) -> Group:
    services = Table("service", "answering", "processes", title="services", title_justify="left")
    for service, count in found.services.items():
        style = None if count else "red"
        services.add_row(service, str(count), str(found.processes.get(service, "-")), style=style)
    queues = Table("assistant", "pending", "at work", title="queues", title_justify="left")
    for queue in found.queues:
        queues.add_row(queue.assistant, str(queue.pending), str(queue.ack_pending))
    return Group(services, queues, _figures_of(found))


def _figures_of(found: Status) -> Table:
    runs = found.runs or {}
    table = Table("what", "now", title="runs and viewers", title_justify="left")
    for name in ("queued", "enqueued", "running", "waiting", "outbox"):
        table.add_row({"outbox": "messages in the outbox"}.get(name, f"runs {name}"), str(runs.get(name, "-")))
    seconds = {
        "oldest queued run": runs.get("oldest_queued_seconds"),
        "outbox lag": found.outbox_lag_seconds,
        "event loop delay": found.loop_delay_seconds,
    }
    table.add_row("viewers", "-" if found.viewers is None else str(found.viewers))
    taken = "-" if found.slots is None else f"{found.slots_taken or 0} of {found.slots}"
    table.add_row("slots taken", taken)
    for name, value in seconds.items():
        table.add_row(name, "-" if value is None else f"{value:.3f} s")
    return table
