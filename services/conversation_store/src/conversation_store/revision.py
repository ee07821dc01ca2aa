"""The revision of the tables, without Alembic: most starts have nothing to migrate."""

from pathlib import Path

import structlog

from conversation_store.connecting import connect
from conversation_store.postgres_url import PostgresUrl

log = structlog.get_logger()

VERSION_TABLE = "chat.alembic_version"


def head() -> str:
    """The newest revision that this program knows. The revisions are one line of numbers, first in their file names."""
    files = (Path(__file__).parent / "migrations" / "versions").glob("[0-9]*_*.py")
    return max(file.name.partition("_")[0] for file in files)


async def is_at_head(url: PostgresUrl, *, start_seconds_max: float) -> bool:
    """Whether the tables are at the newest revision already. Raises RetryableError (store_unavailable) where Postgres
    does not answer in time.
    """
    connection = await connect(url, seconds_max=start_seconds_max, statement_cache_size=0)
    try:
        if await connection.fetchval("select to_regclass($1)", VERSION_TABLE) is None:
            return False
        found = await connection.fetchval(f"select version_num from {VERSION_TABLE}")  # noqa: S608  a constant
    finally:
        await connection.close()
    if found == head():
        log.info("database.up_to_date", now=found)
    return found == head()
