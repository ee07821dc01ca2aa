"""The composition root: opens what the store needs, wires it, closes it in reverse."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated

import typer
from actor_kit.bus import Bus
from actor_kit.health import Health, health_server
from actor_kit.lifecycle import load_settings, run_until_stopped
from actor_kit.requests import RequestServer
from contracts.services import Service
from file_store import open_file_store

from conversation_store.actor import ConversationStore
from conversation_store.database import Database
from conversation_store.file_sweeper import FileSweeper
from conversation_store.outbox.publisher import OutboxPublisher
from conversation_store.revision import is_at_head
from conversation_store.roles import make_roles
from conversation_store.runs.renewals import Renewals
from conversation_store.runs.sweeper import Sweeper
from conversation_store.settings import MigrationSettings, RolesSettings, Settings

SERVICE = Service.CONVERSATION_STORE

cli = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@dataclass(frozen=True)
class RunningStore:
    """A store that answers requests, with the parts that operators and tests look at."""

    actor: ConversationStore
    bus: Bus
    database: Database
    outbox: OutboxPublisher
    sweeper: Sweeper


@asynccontextmanager
async def open_store(settings: Settings) -> AsyncGenerator[RunningStore]:
    """Open a whole store. Raises NatterError where the bus or Postgres cannot be reached."""
    async with Bus.open(settings, service=SERVICE) as bus, Database.open(settings) as database:
        files = FileSweeper(open_file_store(settings, bus), database, settings)
        sweeper = Sweeper(bus, database, files, settings)
        renewals = Renewals(database)
        actor = ConversationStore(bus=bus, database=database, sweeper=sweeper, renewals=renewals, settings=settings)
        requests = RequestServer(
            bus, actor, service=SERVICE, proofs=settings.proofs, concurrency_max=settings.requests_concurrent_max
        )
        async with OutboxPublisher(bus, database, settings) as outbox, sweeper, requests:
            yield RunningStore(actor, bus, database, outbox, sweeper)


async def serve_until(stop: asyncio.Event, settings: Settings) -> None:
    """Serve until ``stop`` is set, with the operators' port."""
    health = Health()
    async with open_store(settings) as store, health_server(settings, health):

        async def bus_is_connected() -> bool:
            return store.bus.is_connected

        health.check("bus", bus_is_connected)
        health.check("database", store.database.is_well)
        await stop.wait()
        health.is_stopping = True


@cli.callback(invoke_without_command=True)
def serve(context: typer.Context) -> None:
    """The store of conversations, runs and todos. Without a command it serves, until SIGTERM."""
    if context.invoked_subcommand is None:
        settings = load_settings(Settings)
        run_until_stopped(SERVICE, settings, lambda stop: serve_until(stop, settings))


@cli.command()
def migrate(revision: Annotated[str, typer.Argument(help="head, base, or a revision such as 0003.")] = "head") -> None:
    """Upgrade or downgrade the tables, over DATABASE_DIRECT_URL where it is set."""
    settings = load_settings(MigrationSettings)

    async def run(_stop: asyncio.Event) -> None:
        database, seconds_max = settings.direct_database, settings.database_start_seconds_max
        if revision == "head" and await is_at_head(database, start_seconds_max=seconds_max):
            return
        # Alembic and SQLAlchemy take as long to import as all the rest, and nothing but a migration needs them.
        from conversation_store.migrate import migrate as migrate_to  # noqa: PLC0415

        await migrate_to(database, revision, start_seconds_max=seconds_max)

    # Whoever started it waits for its end; while it imports and migrates, its loop has nobody to answer.
    run_until_stopped(SERVICE, settings.model_copy(update={"loop_stall_seconds_max": 0}), run)


@cli.command()
def roles() -> None:
    """Give owner, store and web app their roles in Postgres, over DATABASE_DIRECT_URL where it is set."""
    settings = load_settings(RolesSettings)

    async def run(_stop: asyncio.Event) -> None:
        seconds_max = settings.database_start_seconds_max
        await make_roles(settings.direct_database, settings.parameters, start_seconds_max=seconds_max)

    run_until_stopped(SERVICE, settings, run)


def main() -> None:
    cli(prog_name="conversation_store")
