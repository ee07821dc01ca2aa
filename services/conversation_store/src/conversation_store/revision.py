"""The revision of the tables, without Alembic: most starts have nothing to migrate."""

import re
from pathlib import Path

import structlog

from conversation_store.connecting import connect
from conversation_store.postgres_url import PostgresUrl

log = structlog.get_logger()

VERSION_TABLE = "chat.alembic_version"


def head() -> str:
    """The newest revision that this program knows: the one that no other comes after."""
    texts = [file.read_text() for file in (Path(__file__).parent / "migrations" / "versions").glob("[0-9]*_*.py")]
    known = {number for text in texts for number in re.findall(r'^revision = "(\w+)"', text, re.MULTILINE)}
    followed = {number for text in texts for number in re.findall(r'^down_revision = "(\w+)"', text, re.MULTILINE)}
    (newest,) = known - followed
    return newest


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
