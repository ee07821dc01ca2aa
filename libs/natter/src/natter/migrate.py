"""`natter migrate`: the streams and the tables of a running NATS and Postgres, brought to what this version needs."""

import asyncio
import subprocess
import sys
from pathlib import Path

from actor_kit.provision import provision
from contracts.services import Service

from natter.data_directory import DataDirectory
from natter.operator_bus import NoStackError, operator_bus, operator_settings
from natter.passing_on import EVERY_SERVICE, OWN
from natter.settings import Settings
from natter.stack import MIGRATION_SECONDS_MAX


class MigrationFailedError(Exception):
    """The tables could not be migrated; the text is what the migration said last."""


def migrate(data_dir: Path | None, nats_url: str | None, database_url: str | None) -> list[str]:
    """Create the streams that are missing, migrate the tables; return how the streams differ from what is wanted.

    What is not given is taken from the stack of the data directory, never from DATABASE_URL or NATS_URL: those may be
    another project's. Raises NoStackError, MigrationFailedError, and RetryableError (bus_unavailable).
    """
    environment = _environment(data_dir, database_url)
    drifts = asyncio.run(_provision(data_dir, nats_url))
    command = [sys.executable, "-m", "conversation_store", "migrate"]
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, check=False, timeout=MIGRATION_SECONDS_MAX
        )
    except subprocess.TimeoutExpired:
        raise MigrationFailedError(f"the migration did not end within {MIGRATION_SECONDS_MAX:g} s") from None
    if done.returncode != 0:
        raise MigrationFailedError("\n".join((done.stdout + done.stderr).splitlines()[-20:]))
    return drifts


async def _provision(data_dir: Path | None, nats_url: str | None) -> list[str]:
    settings = Settings()
    state = DataDirectory.open(data_dir or settings.data_dir).read_state()
    is_named = bool(settings.given("CONVERSATION_STORE_ASSISTANTS"))
    async with operator_bus(operator_settings(data_dir, nats_url)) as bus:
        return await provision(
            bus,
            assistants=None if state is None or is_named else state.assistants,
            replicas=None if state is None or nats_url is not None else state.nats_replicas,
        )


def _environment(data_dir: Path | None, database_url: str | None) -> dict[str, str]:
    """The migration's environment. DATABASE_DIRECT_URL goes with a database of one's own, not with the embedded one."""
    settings = Settings()
    names = (*EVERY_SERVICE, *OWN[Service.CONVERSATION_STORE])
    if database_url is not None:
        return settings.passed_on(*names) | {"DATABASE_URL": database_url, **settings.given("DATABASE_DIRECT_URL")}
    directory = data_dir or settings.data_dir
    state = DataDirectory.open(directory).read_state()
    if state is None:
        raise NoStackError(f"no stack has run in {directory}: give --database-url or --data-dir")
    direct = {} if state.database_is_embedded else settings.given("DATABASE_DIRECT_URL")
    return settings.passed_on(*names) | {"DATABASE_URL": state.database_url, **direct}
