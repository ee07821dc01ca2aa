"""`natter tail`: what happens to runs, as it happens."""

import asyncio
import json
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
from contracts.events import EVENT_HEADER, ChatKitDelta, RunEvent
from contracts.identity import user_id_of
from contracts.streams import DELTAS
from contracts.subjects import parse_subject, subject_filter
from rich.text import Text

from natter.operating.asking import DataDir, NatsUrl, console, run
from natter.operator_bus import operator_bus, operator_settings

LOOK_SECONDS = 0.25
COLOURS = {"run.completed": "green", "run.failed": "red", "run.cancelled": "yellow", "run.restarted": "magenta"}


def tail(
    user: Annotated[str | None, typer.Option(help="Of this user alone")] = None,
    count: Annotated[int | None, typer.Option("--count", "-n", min=1, help="End after so many; default: never")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line")] = False,
    data_dir: DataDir = None,
    nats_url: NatsUrl = None,
) -> None:
    """Follow the events of runs: started, restarted, completed, failed, cancelled. Ctrl-C ends it."""
    run(_follow(data_dir, nats_url, user, count, as_json=as_json))


async def _follow(
    data_dir: Path | None, nats_url: str | None, user: str | None, count: int | None, *, as_json: bool
) -> None:
    wanted = subject_filter(ChatKitDelta, user_id=user) if user else subject_filter(ChatKitDelta)
    async with operator_bus(operator_settings(data_dir, nats_url)) as bus:
        last = await bus.direct_get_last(DELTAS.name, ">")
        sequence = last.sequence + 1 if last else 1
        left = count
        typer.echo("following runs from now on", err=True)
        while left is None or left > 0:
            messages, _ = await bus.direct_get(DELTAS.name, wanted, from_sequence=sequence)
            for message in messages:
                sequence = message.sequence + 1
                if message.headers.get(EVENT_HEADER) == RunEvent.event_name and left != 0:
                    _show(message.subject, message.payload, as_json=as_json)
                    left = None if left is None else left - 1
            if not messages:
                await asyncio.sleep(LOOK_SECONDS)


def _show(subject: str, payload: bytes, *, as_json: bool) -> None:
    user = user_id_of(parse_subject(RunEvent, subject)["user_token"])
    event = RunEvent.decode(payload)
    now = datetime.now().astimezone()
    if as_json:
        line = {"time": now.isoformat(timespec="milliseconds"), "user_id": user, **event.model_dump(exclude_none=True)}
        typer.echo(json.dumps(line))
        return
    said = Text.assemble(
        (now.strftime("%H:%M:%S "), "dim"),
        (f"{event.type:<14}", COLOURS.get(event.type, "")),
        f" {event.run_id} {user}",
        f" attempt {event.epoch}" if event.epoch else "",
        (f" {event.code}" if event.code else "", "red"),
    )
    console.print(said)
