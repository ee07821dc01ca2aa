"""How these commands ask: the store over the bus as the operator, or the edge over HTTP as one of its users."""

import asyncio
import json
from collections.abc import Coroutine, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn, TypeVar
from urllib.parse import quote

import typer
from contracts.errors import NatterError
from contracts.message import Json
from contracts.queries import GetReport
from rich.console import Console

from natter.data_directory import DataDirectory
from natter.failing import fail
from natter.operator_bus import NoStackError, operator_bus, operator_settings
from natter.settings import Settings

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="The stack's data directory. Default: $NATTER_DATA_DIR, or ./.natter")
]
NatsUrl = Annotated[str | None, typer.Option(help="Another NATS, entered with NATS_USER and NATS_PASSWORD")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON document, for programs")]
ROWS_MAX = 1_000
AS_USER_SECONDS = 60
T = TypeVar("T")

console = Console(highlight=False, soft_wrap=True)


def run(work: Coroutine[Any, Any, T]) -> T:
    """Do the work; where it cannot be done, say why and end with 1."""
    try:
        return asyncio.run(work)
    except NoStackError as error:
        fail(str(error))
    except NatterError as error:
        fail(error.detail)
    except KeyboardInterrupt:
        raise typer.Exit(0) from None


async def ask(data_dir: Path | None, nats_url: str | None, query: GetReport) -> tuple[Json, ...]:
    """The rows of one report. Raises NoStackError, NatterError."""
    async with operator_bus(operator_settings(data_dir, nats_url)) as bus:
        return (await bus.request(query, timeout_seconds=5)).rows


def print_json(value: Json | Sequence[Json]) -> None:
    """For programs: on standard output, with nothing around it."""
    typer.echo(json.dumps(value, indent=2))


def short_time(value: object) -> str:
    """A time of the store to the second."""
    return str(value).replace("T", " ")[:19] if value else "-"


def path_of(user_id: str, *parts: str) -> str:
    """The path of something of a user; an id may hold any character."""
    return "/".join(("/api", quote(user_id, safe=""), *parts))


def as_user(data_dir: Path | None, user_id: str, method: str, path: str) -> Any:
    """What the edge of the stack of this data directory answers this user. Ends with 1 where it refuses."""
    import httpx  # noqa: PLC0415 - a tenth of a second, for those commands that ask over HTTP

    from natter import tokens  # noqa: PLC0415

    directory = DataDirectory.open(data_dir or Settings().data_dir)
    state = directory.read_state()
    if state is None or not state.edge_urls:
        fail(f"no stack has run in {directory.root}: give --data-dir")
    headers = {"Authorization": f"Bearer {tokens.mint(directory, user_id, AS_USER_SECONDS)}"}
    try:
        with httpx.Client(
            base_url=state.edge_urls[0], headers=headers, timeout=AS_USER_SECONDS, trust_env=False
        ) as edge:
            answer = edge.request(method, path)
    except httpx.HTTPError as error:
        fail(f"the stack of {directory.root} does not answer: {error or type(error).__name__}")
    if answer.is_error:
        _refused(answer)
    return answer.json() if answer.content else None


def _refused(answer: Any) -> NoReturn:
    try:
        problem = answer.json()
    except ValueError:
        fail(f"refused with {answer.status_code}")
    fail(f"refused with {answer.status_code} {problem.get('code', '')}: {problem.get('detail', '')}")
