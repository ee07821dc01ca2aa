"""`natter dead-letters`: see what could not be handled, and have it handled again."""

import asyncio
import base64
import json
from collections.abc import Coroutine
from pathlib import Path
from typing import Annotated, TypeVar

import typer
from actor_kit import dead_letters
from actor_kit.bus import Bus
from actor_kit.dead_letters import StoredLetter
from contracts.errors import NatterError
from contracts.events import AuditAction, AuditDetail, AuditEvent
from contracts.services import Service
from rich.console import Console
from rich.table import Table

from natter.failing import fail
from natter.operator_bus import NoStackError, operator_bus, operator_settings

dead_letters_app = typer.Typer(help="Messages that could not be handled: see them, have them handled again.")
console = Console(highlight=False)
T = TypeVar("T")

DataDir = Annotated[Path | None, typer.Option("--data-dir", help="The stack's data directory")]
NatsUrl = Annotated[str | None, typer.Option(help="Another NATS, entered with NATS_USER and NATS_PASSWORD")]


@dead_letters_app.command("list", epilog="Example: natter dead-letters list")
def show(data_dir: DataDir = None, nats_url: NatsUrl = None) -> None:
    """List the dead letters, oldest first."""
    letters = _run(_list(data_dir, nats_url))
    if not letters:
        console.print("there are no dead letters")
        return
    table = Table("sequence", "for", "message", "code", "why", "deliveries")
    for stored in letters:
        letter = stored.letter
        table.add_row(
            *(str(stored.sequence), letter.service, letter.message, letter.code, letter.detail),
            str(letter.deliveries_count),
        )
    console.print(table)


@dead_letters_app.command("show", epilog="Example: natter dead-letters show 3")
def show_one(
    sequence: Annotated[int, typer.Argument(help="As `list` shows it")],
    data_dir: DataDir = None,
    nats_url: NatsUrl = None,
) -> None:
    """Show one dead letter with its headers and its message."""
    (stored,) = _run(_chosen(data_dir, nats_url, [sequence]))
    letter = stored.letter.model_dump(exclude={"payload_base64"})
    payload = base64.b64decode(stored.letter.payload_base64)
    try:
        letter["payload"] = json.loads(payload)
    except ValueError:  # what is no JSON is shown as it came
        letter["payload_base64"] = stored.letter.payload_base64
    typer.echo(json.dumps({"sequence": stored.sequence, **letter}, indent=2))


@dead_letters_app.command(epilog="Example: natter dead-letters discard 3 4")
def discard(
    sequences: Annotated[list[int] | None, typer.Argument(help="Which, by the sequences that `list` shows")] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them")] = False,
    data_dir: DataDir = None,
    nats_url: NatsUrl = None,
) -> None:
    """Forget messages that nobody has to handle any more."""
    if bool(sequences) == every:
        raise typer.BadParameter("name the sequences, or give --all")
    console.print(f"discarded {_run(_discard(data_dir, nats_url, None if every else sequences or []))}")


@dead_letters_app.command(epilog="Example: natter dead-letters replay --all")
def replay(
    sequences: Annotated[list[int] | None, typer.Argument(help="Which, by the sequences that `list` shows")] = None,
    every: Annotated[bool, typer.Option("--all", help="All of them")] = False,
    data_dir: DataDir = None,
    nats_url: NatsUrl = None,
) -> None:
    """Send messages again to whom they were for, and take them out of the dead letters."""
    if bool(sequences) == every:
        raise typer.BadParameter("name the sequences, or give --all")
    replayed = _run(_replay(data_dir, nats_url, None if every else sequences or []))
    console.print(f"replayed {replayed}")


def _run(work: Coroutine[None, None, T]) -> T:
    try:
        return asyncio.run(work)
    except NoStackError as error:
        fail(str(error))
    except NatterError as error:
        fail(error.detail)


async def _list(data_dir: Path | None, nats_url: str | None) -> list[StoredLetter]:
    async with operator_bus(operator_settings(data_dir, nats_url)) as bus:
        return await read_all(bus)


async def _chosen(data_dir: Path | None, nats_url: str | None, sequences: list[int]) -> list[StoredLetter]:
    async with operator_bus(operator_settings(data_dir, nats_url)) as bus:
        return await _choose(bus, sequences)


async def _replay(data_dir: Path | None, nats_url: str | None, sequences: list[int] | None) -> int:
    async with operator_bus(operator_settings(data_dir, nats_url)) as bus:
        letters = await _choose(bus, sequences)
        for stored in letters:
            await _note(bus, "dead_letter_replayed", stored)
            await dead_letters.replay(bus, stored)
        return len(letters)


async def _discard(data_dir: Path | None, nats_url: str | None, sequences: list[int] | None) -> int:
    async with operator_bus(operator_settings(data_dir, nats_url)) as bus:
        letters = await _choose(bus, sequences)
        for stored in letters:
            await _note(bus, "dead_letter_discarded", stored)
            await dead_letters.discard(bus, stored)
        return len(letters)


async def _note(bus: Bus, action: AuditAction, stored: StoredLetter) -> None:
    """For AUDIT, before it is done: which one, and no more of it. It is the operator's word, of no user."""
    letter = stored.letter
    details: dict[str, AuditDetail] = {
        "sequence": stored.sequence,
        "message": letter.message[:255],
        "code": letter.code[:255],
    }
    event = AuditEvent(action=action, details=details)
    await bus.publish_stored(event.subject(Service.OPERATOR), event.encode())


async def _choose(bus: Bus, sequences: list[int] | None) -> list[StoredLetter]:
    """The letters of these sequences, or all. Raises TerminalError before anything is done with any of them."""
    letters = await dead_letters.read_letters(bus)
    return letters.stored if sequences is None else [letters.one(sequence) for sequence in sequences]


async def read_all(bus: Bus) -> list[StoredLetter]:
    """The oldest dead letters; of what is none any more, it is said that it is there."""
    letters = await dead_letters.read_letters(bus)
    for sequence in letters.unreadable:
        console.print(f"{sequence} is no dead letter that this version can read", style="yellow")
    return letters.stored
