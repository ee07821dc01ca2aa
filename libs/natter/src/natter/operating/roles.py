"""Who is an operator: a word in the web app's table of accounts, which only who has the database can write."""

from importlib import import_module
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from natter.data_directory import DataDirectory
from natter.failing import fail
from natter.operator_bus import NoStackError
from natter.servers.postgres import WEB
from natter.settings import Settings

OPERATOR_ROLE: Final = "operator"
CONNECT_SECONDS_MAX: Final = 10
SET_ROLE: Final = 'update auth."user" set role = $2 where email = $1 returning id'
UNKNOWN_TO_ASYNCPG: Final = frozenset({"channel_binding"})


async def set_role(database_url: str, email: str, role: str | None) -> str | None:
    """The user's id, None where nobody has this address."""
    asyncpg: Any = import_module("asyncpg")
    connection = await enter(database_url)
    try:
        return await connection.fetchval(SET_ROLE, email.lower(), role)
    except (asyncpg.UndefinedColumnError, asyncpg.UndefinedTableError):
        fail("the web app has not made its tables yet: start it once with this version")
    except asyncpg.InsufficientPrivilegeError:
        fail("this role may not change accounts: give --database-url with the web app's role")
    finally:
        await connection.close()


async def enter(database_url: str) -> Any:
    """A connection to the accounts' database. Raises NoStackError."""
    asyncpg: Any = import_module("asyncpg")  # for few commands; it has no types
    try:
        return await asyncpg.connect(
            _of_asyncpg(database_url), timeout=CONNECT_SECONDS_MAX, command_timeout=CONNECT_SECONDS_MAX
        )
    except (OSError, TimeoutError, asyncpg.PostgresError) as error:
        raise NoStackError(f"Postgres cannot be entered: {error or type(error).__name__}") from error


def accounts_database(data_dir: Path | None, given: str | None) -> str:
    """Where the accounts are: what is given, or the database of the stack of this data directory."""
    if given is not None:
        return given
    directory = DataDirectory.open(data_dir or Settings().data_dir)
    state = directory.read_state()
    if state is None:
        fail(f"no stack has run in {directory.root}: give --database-url or --data-dir")
    if not state.database_is_embedded:
        return state.database_url
    parts = urlsplit(state.database_url)  # the owner's, who has no right on the web app's schema
    user = f"{WEB}:{directory.read_secrets().postgres_web_password}"
    return urlunsplit(parts._replace(netloc=f"{user}@{parts.netloc.rpartition('@')[2]}"))


def _of_asyncpg(url: str) -> str:
    """Without what asyncpg would take for a setting of the server."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query) if name not in UNKNOWN_TO_ASYNCPG]
    return urlunsplit(parts._replace(query=urlencode(query)))
