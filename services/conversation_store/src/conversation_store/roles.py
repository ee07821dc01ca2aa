"""Makes the roles of Postgres and gives each its rights: `python -m conversation_store roles`."""

from collections.abc import Mapping

import structlog
from contracts.errors import Code, TerminalError

from contracts import postgres_roles
from conversation_store.connecting import connect
from conversation_store.driver import asyncpg
from conversation_store.postgres_url import PostgresUrl

log = structlog.get_logger()

REFUSED = """The database's user may not give the store and the web app roles of their own: {reason}. Let somebody who \
may make the roles `{store}` and `{web}` (docs/runbook.md, Roles in Postgres), and name them with --store-database-url \
and --web-database-url. With the URL of --database-url for both, everybody is the owner, as before."""


async def make_roles(url: PostgresUrl, parameters: Mapping[str, str], *, start_seconds_max: float) -> None:
    """Make what is missing, in one transaction; may be repeated. `parameters`: those of `contracts.postgres_roles`.

    Raises TerminalError (store_unavailable) where the URL's user may not do it, RetryableError (store_unavailable)
    where Postgres does not answer in time.
    """
    connection = await connect(url, seconds_max=start_seconds_max, statement_cache_size=0)
    try:
        async with connection.transaction():
            for name in postgres_roles.PARAMETERS:
                await connection.execute("select set_config($1, $2, true)", f"natter.{name}", parameters[name])
            await connection.execute(postgres_roles.SCRIPT)
    except (asyncpg.InsufficientPrivilegeError, asyncpg.UndefinedObjectError) as error:
        reason = REFUSED.format(reason=error, store=parameters["store"], web=parameters["web"])
        raise TerminalError(Code.STORE_UNAVAILABLE, reason) from error
    finally:
        await connection.close()
    log.info("database.roles_given", store=parameters["store"], web=parameters["web"])
