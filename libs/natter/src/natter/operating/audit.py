"""`natter audit`: who signed in, took data along, had it erased, allowed or shared something."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

import typer
from actor_kit.bus.wire import StoredMessage
from contracts.events import AuditEvent
from contracts.streams import AUDIT
from contracts.subjects import parse_subject, subject_filter
from pydantic import ValidationError
from rich.text import Text

from natter.operating.asking import DataDir, NatsUrl, console, run
from natter.operator_bus import operator_bus, operator_settings
from natter.tokens import read_duration_seconds

LOOK_SECONDS = 0.5


def audit(
    user: Annotated[str | None, typer.Option(help="Of this user alone")] = None,
    since: Annotated[str | None, typer.Option(help="No older than so long ago: 30m, 24h, 7d; default: all")] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line")] = False,
    data_dir: DataDir = None,
    nats_url: NatsUrl = None,
) -> None:
    """Print what AUDIT keeps, oldest first: who did what, and when. It holds nothing that anybody wrote."""
    try:
        begins = None if since is None else datetime.now(UTC) - timedelta(seconds=read_duration_seconds(since))
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(str(error), param_hint="--since") from error
    run(_print(data_dir, nats_url, user, begins, follow=follow, as_json=as_json))


async def _print(
    data_dir: Path | None,
    nats_url: str | None,
    user: str | None,
    begins: datetime | None,
    *,
    follow: bool,
    as_json: bool,
) -> None:
    wanted = subject_filter(AuditEvent, user_id=user) if user else subject_filter(AuditEvent)
    async with operator_bus(operator_settings(data_dir, nats_url)) as bus:
        sequence = 1
        while True:
            messages, pending = await bus.direct_get(AUDIT.name, wanted, from_sequence=sequence)
            for message in messages:
                sequence = message.sequence + 1
                stored_at = datetime.fromisoformat(message.headers["Nats-Time-Stamp"])
                if begins is None or stored_at >= begins:
                    _show(message, stored_at, as_json=as_json)
            if messages and pending:
                continue
            if not follow:
                return
            await asyncio.sleep(LOOK_SECONDS)


def _show(message: StoredMessage, stored_at: datetime, *, as_json: bool) -> None:
    try:
        event = AuditEvent.decode(message.payload)
    except ValidationError:
        console.print(f"{message.subject}: written by another version, which this one cannot read", style="yellow")
        return
    service = parse_subject(AuditEvent, message.subject)["service"]
    if as_json:
        time = stored_at.isoformat(timespec="milliseconds")
        typer.echo(json.dumps({"time": time, "service": service, **event.model_dump(exclude_none=True)}))
        return
    when = stored_at.astimezone().strftime("%Y-%m-%d %H:%M:%S")
    details = " ".join(f"{name}={value}" for name, value in event.details.items())
    who = event.user_id or "-"
    console.print(Text.assemble((when, "dim"), f"  {event.action:<22} {who}  ", (details, "dim"), f"  {service}"))
