"""`natter migrate`: the streams and the tables of a running NATS and Postgres, brought to what this version needs."""

import asyncio
import subprocess
import sys
from pathlib import Path

from actor_kit.provision import provision

from natter.data_directory import DataDirectory
from natter.operator_bus import NoStackError, operator_bus, operator_settings
from natter.settings import Settings

MIGRATION_SECONDS_MAX = 600


class MigrationFailedError(Exception):
    """The tables could not be migrated; the text is what the migration said last."""


def migrate(data_dir: Path | None, nats_url: str | None, database_url: str | None) -> list[str]:
    """Create the streams that are missing, migrate the tables; return how the streams differ from what is wanted.

    What is not given is taken from the stack of the data directory; DATABASE_URL and DATABASE_DIRECT_URL come before
    that. Raises NoStackError, MigrationFailedError, and RetryableError (bus_unavailable).
    """
    settings = Settings()
    environment = settings.inherited | ({"DATABASE_URL": database_url} if database_url else {})
    if database_url is None and not settings.given("DATABASE_URL"):
        environment["DATABASE_URL"] = _database_url_of_stack(data_dir or settings.data_dir)
    drifts = asyncio.run(_provision(data_dir, nats_url))
    command = [sys.executable, "-m", "conversation_store", "migrate"]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, check=False, timeout=MIGRATION_SECONDS_MAX
    )
    if done.returncode != 0:
        raise MigrationFailedError("\n".join((done.stdout + done.stderr).splitlines()[-20:]))
    return drifts


async def _provision(data_dir: Path | None, nats_url: str | None) -> list[str]:
    async with operator_bus(operator_settings(data_dir, nats_url)) as bus:
        return await provision(bus)


def _database_url_of_stack(data_dir: Path) -> str:
    state = DataDirectory.open(data_dir).read_state()
    if state is None:
        raise NoStackError(f"no stack has run in {data_dir}: give --database-url or --data-dir")
    return state.database_url
