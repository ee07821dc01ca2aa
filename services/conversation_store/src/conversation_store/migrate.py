"""Brings the schema `chat` to a revision: `python -m conversation_store migrate`."""

import structlog
from alembic import command
from alembic.config import Config
from alembic.script import Script, ScriptDirectory
from contracts.errors import Code, TerminalError
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool

from conversation_store.connecting import connect
from conversation_store.models import SCHEMA
from conversation_store.postgres_url import PostgresUrl

log = structlog.get_logger()

# Any number, the same in every replica: two that migrate at once wait for each other.
MIGRATION_LOCK = 5_273_911_008


def alembic_config(connection: Connection | None = None) -> Config:
    """Alembic's configuration, on a connection where one is needed."""
    config = Config()
    config.set_main_option("script_location", "conversation_store:migrations")
    config.attributes["connection"] = connection
    return config


async def migrate(url: PostgresUrl, revision: str, *, start_seconds_max: float) -> None:
    """Upgrade, or downgrade, to a revision ("head", "base", "0003"), in one transaction.

    Raises RetryableError (store_unavailable) where Postgres does not answer in time, TerminalError
    (invalid_request) where there is no such revision.
    """
    if revision not in {"head", "base", *(script.revision for script in _scripts())}:
        raise TerminalError(Code.INVALID_REQUEST, f"There is no revision {revision!r}.", field="revision")

    async def creator() -> object:
        return await connect(url, seconds_max=start_seconds_max, statement_cache_size=0)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=creator, poolclass=NullPool)
    try:
        async with engine.begin() as connection:
            await connection.run_sync(_migrate, revision)
    finally:
        await engine.dispose()


def _scripts() -> list[Script]:
    return list(ScriptDirectory.from_config(alembic_config()).walk_revisions())


def _migrate(connection: Connection, revision: str) -> None:
    connection.execute(text("select pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
    before = _current(connection)
    config = alembic_config(connection)
    if revision == "base" or (before and revision != "head" and revision < before):
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)
    log.info("database.migrated", before=before or "base", now=_current(connection) or "base")


def _current(connection: Connection) -> str | None:
    if connection.scalar(text("select to_regclass(:name)"), {"name": f"{SCHEMA}.alembic_version"}) is None:
        return None
    return connection.scalar(text(f"select version_num from {SCHEMA}.alembic_version"))  # noqa: S608  a constant
