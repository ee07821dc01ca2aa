"""One connection to Postgres, tried again while it starts: Neon's compute sleeps and takes seconds to wake."""

import ssl
from typing import Any

import structlog
from contracts.errors import Code, RetryableError, TerminalError
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random_exponential

from conversation_store.driver import asyncpg
from conversation_store.postgres_errors import is_connection_lost
from conversation_store.postgres_url import PostgresUrl

log = structlog.get_logger()

CONNECT_ATTEMPT_SECONDS_MAX = 10.0
HINT = """. Postgres keeps the password that its data (in Docker: its volume) was made with: put that one into \
DATABASE_URL (POSTGRES_PASSWORD of .env), or change the role's password; docs/runbook.md, Secrets, says how."""


async def connect(url: PostgresUrl, *, seconds_max: float, **options: Any) -> Any:
    """Connect, within ``seconds_max``. Raises RetryableError (store_unavailable) after that.

    A refusal that time does not change (a wrong password, a certificate that is not trusted) is a TerminalError of the
    same code, at once, with Postgres' own words.
    """
    timeout = min(url.connect_timeout_seconds or CONNECT_ATTEMPT_SECONDS_MAX, seconds_max)
    attempts = AsyncRetrying(
        stop=stop_after_delay(seconds_max),
        wait=wait_random_exponential(multiplier=0.05, max=1.0),
        retry=retry_if_exception(is_starting),
        reraise=True,
    )
    try:
        async for attempt in attempts:
            with attempt:
                return await asyncpg.connect(url.dsn, timeout=timeout, **options)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        if not is_starting(error):
            hint = HINT if isinstance(error, asyncpg.InvalidPasswordError) else ""
            detail = f"The database refuses the connection: {error}{hint}"
            raise TerminalError(Code.STORE_UNAVAILABLE, detail) from error
        raise unreachable() from error
    raise unreachable()


def unreachable() -> RetryableError:
    return RetryableError(Code.STORE_UNAVAILABLE, "The database cannot be reached.", retry_after_seconds=2)


def is_starting(error: BaseException) -> bool:
    """Whether trying again may help. A certificate that is not trusted stays so."""
    return is_connection_lost(error) and not isinstance(error, ssl.SSLCertVerificationError)
