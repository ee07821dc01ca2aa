"""The pool and the transaction: the user is set, the policies apply, and losses are tried again within a bound."""

import json
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

import structlog
from actor_kit.fair_queue import FairQueue
from contracts.errors import Code, TerminalError
from contracts.events import TokensRevoked
from contracts.ids import RunId
from contracts.message import Message
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_delay, wait_random_exponential

from conversation_store.connecting import CONNECT_ATTEMPT_SECONDS_MAX, connect
from conversation_store.driver import asyncpg
from conversation_store.metrics import DATABASE_RETRIES
from conversation_store.postgres_errors import is_connection_lost, is_worth_repeating, to_natter_error
from conversation_store.settings import Settings
from conversation_store.statements import Statement

log = structlog.get_logger()

ResultT = TypeVar("ResultT")
Row = Mapping[str, Any]
ROLE = "natter_store"
IDLE_CONNECTION_SECONDS_MAX = 60.0
"""Below the five minutes after which Neon puts an idle compute to sleep and drops its connections."""

BYPASSES_POLICIES = "select rolsuper or rolbypassrls from pg_roles where rolname = current_user"
OWNS_TABLES = """
select coalesce(bool_or(pg_has_role(current_user, relowner, 'member')), false)
from pg_class where relnamespace = to_regnamespace('chat')::oid and relkind = 'r'
"""
MAY_BECOME = "select exists (select from pg_roles where rolname = $1) and pg_has_role(current_user, $1, 'member')"


class CommitUnknownError(Exception):
    """The connection was lost while the commit was under way: it may have happened or not."""


@dataclass(frozen=True)
class OutboxRow:
    """One message in the outbox. Those of one ``ordering_key`` are published in the order of their ids."""

    outbox_id: int
    ordering_key: str
    subject: str
    headers: str
    payload: str
    message_id: str
    age_when_read_seconds: float = 0.0
    read_at: float = field(default_factory=time.monotonic)

    @property
    def age_seconds(self) -> float:
        """How long it has waited; a process may have been paused since it read the row."""
        return self.age_when_read_seconds + time.monotonic() - self.read_at


@dataclass
class Transaction:
    """A transaction of one user (or of the system). Functions that take one never commit.

    ``enqueued``: what it has put into the outbox with nothing before it, so that it may be published from here after
    the commit. ``wakes_outbox``: it has put something behind what waits there. ``runs_to_stop``: their runners are
    told after the commit. ``tokens_revoked``: relays are told to end what the user's older tokens have opened.
    ``tells_others_ids``: an id of somebody else is told from one that nobody has.

    A statement's parameters are given by name, or are fields of the ``request`` that is carried out.
    """

    connection: Any
    user_id: str | None
    enqueued: list[OutboxRow] = field(default_factory=list[OutboxRow])
    wakes_outbox: bool = False
    runs_to_stop: list[RunId] = field(default_factory=list[RunId])
    tokens_revoked: TokensRevoked | None = None
    tells_others_ids: bool = True

    async def rows(self, statement: Statement, request: Message | None = None, /, **values: Any) -> list[Row]:
        return await self.connection.fetch(statement.text, *statement.arguments(values, request))

    async def row(self, statement: Statement, request: Message | None = None, /, **values: Any) -> Row | None:
        return await self.connection.fetchrow(statement.text, *statement.arguments(values, request))

    async def value(self, statement: Statement, request: Message | None = None, /, **values: Any) -> Any:
        return await self.connection.fetchval(statement.text, *statement.arguments(values, request))

    async def execute(self, statement: Statement, request: Message | None = None, /, **values: Any) -> int:
        """Run a statement and return how many rows it touched."""
        status: str = await self.connection.execute(statement.text, *statement.arguments(values, request))
        return int(status.rpartition(" ")[2])


class Database:
    """A pool of connections to Postgres, used one transaction at a time: nothing outlives it on a connection.

    That makes PgBouncer's transaction mode safe; with it, prepared statements are off as well. Whoever waits for a
    connection waits in a queue in which users take turns, and one user has at most half of the connections.
    """

    def __init__(self, pool: Any, settings: Settings, *, role: str | None) -> None:
        self.pool = pool
        self._settings = settings
        self._role = role
        connections = max(settings.database_pool_size_max, settings.database_pool_size_min)
        self._queue = FairQueue(
            connections,
            user_places_max=max(1, connections // 2),
            waiting_max=settings.requests_concurrent_max,
            seconds_max=settings.database_retry_seconds_max + 1,
            code=Code.STORE_UNAVAILABLE,
        )
        self.on_committed: Callable[[Transaction], None] = _nobody_listens

    @classmethod
    @asynccontextmanager
    async def open(cls, settings: Settings) -> AsyncGenerator["Database"]:
        """Open the pool, waiting for Postgres within the settings' bound. Raises NatterError."""
        first = await connect(
            settings.database, seconds_max=settings.database_start_seconds_max, statement_cache_size=0
        )
        try:
            async with first.transaction():
                role = await _role_for_policies(first)
                if await first.fetchval(OWNS_TABLES):
                    log.warning("database.role_may_change_tables", instead="python -m conversation_store roles")
        finally:
            await first.close()
        pool = asyncpg.create_pool(
            settings.database.dsn,
            min_size=settings.database_pool_size_min,
            max_size=max(settings.database_pool_size_max, settings.database_pool_size_min),
            max_inactive_connection_lifetime=IDLE_CONNECTION_SECONDS_MAX,
            timeout=settings.database.connect_timeout_seconds or CONNECT_ATTEMPT_SECONDS_MAX,
            statement_cache_size=100 if settings.uses_prepared_statements else 0,
            reset=_nothing_to_reset,
        )
        async with pool:
            yield cls(pool, settings, role=role)

    async def transact(
        self,
        user_id: str | None,
        work: Callable[[Transaction], Awaitable[ResultT]],
        *,
        is_repeatable: bool = True,
        is_durable: bool = True,
        token_issued_at: int | None = None,
    ) -> ResultT:
        """Run ``work`` in a transaction of that user (None: of the system), and commit.

        ``token_issued_at`` (seconds): raises TerminalError (token_revoked) where tokens of that age hold no more; a
        revocation that is under way is waited for.

        A lost connection, a deadlock or a cold start is tried again within ``database_retry_seconds_max``; a loss
        in the middle of the commit only where the work ``is_repeatable``. What is not ``is_durable`` is committed at
        once and may be forgotten where Postgres itself dies within the second: only for what nobody was promised
        (docs/adr/0029). Raises NatterError.
        """

        def may_repeat(error: BaseException) -> bool:
            return is_worth_repeating(error) or (is_repeatable and isinstance(error, CommitUnknownError))

        async def attempt() -> ResultT:
            return await self._attempt(user_id, work, is_durable, token_issued_at)

        seconds_max, started = self._settings.database_retry_seconds_max, time.monotonic()
        again = partial(
            AsyncRetrying,
            wait=wait_random_exponential(multiplier=0.02, max=0.5),
            retry=retry_if_exception(may_repeat),
            before_sleep=_count_retry,
            reraise=True,
        )
        try:
            try:  # what tenacity does around each attempt is a tenth of a transaction, and the first nearly always does
                return await attempt()
            except Exception as error:
                seconds_left = seconds_max - (time.monotonic() - started)
                if seconds_left <= 0 or not may_repeat(error):
                    raise
            DATABASE_RETRIES.inc()
            return await again(stop=stop_after_delay(seconds_left))(attempt)
        except Exception as error:
            foreign = error.__cause__ if isinstance(error, CommitUnknownError) and error.__cause__ else error
            problem = to_natter_error(foreign)
            if problem is None or problem is error:
                raise
            raise problem from error

    async def _attempt(
        self,
        user_id: str | None,
        work: Callable[[Transaction], Awaitable[ResultT]],
        is_durable: bool,
        token_issued_at: int | None,
    ) -> ResultT:
        begun = self.transaction(user_id, is_durable=is_durable, token_issued_at=token_issued_at)
        async with self._queue.place(user_id or ""), begun as transaction:
            return await work(transaction)

    @asynccontextmanager
    async def transaction(
        self, user_id: str | None, *, is_durable: bool = True, token_issued_at: int | None = None
    ) -> AsyncGenerator[Transaction]:
        """A transaction of that user: commits at the end of the block, rolls back on an error. No retries."""
        async with self.pool.acquire(timeout=self._settings.database_retry_seconds_max + 1) as connection:
            transaction = Transaction(connection, user_id, tells_others_ids=self._settings.tells_others_ids)
            try:
                await connection.execute(self._begin(user_id, is_durable=is_durable, token_issued_at=token_issued_at))
                yield transaction
            except BaseException:
                await _roll_back(connection)
                raise
            try:
                await _commit(connection)
            except CommitUnknownError:
                transaction.runs_to_stop.clear()
                transaction.tokens_revoked = None
                transaction.wakes_outbox |= bool(transaction.enqueued)  # it may have happened: the outbox knows
                transaction.enqueued.clear()
                self.on_committed(transaction)
                raise
        self.on_committed(transaction)

    def _begin(self, user_id: str | None, *, is_durable: bool, token_issued_at: int | None) -> str:
        """BEGIN and its settings in one round trip, which takes no parameters: so the user id goes as hex."""
        settings = {
            "app.system": "'on'" if user_id is None else "''",
            "app.user_id": "''" if user_id is None else f"convert_from('\\x{user_id.encode().hex()}'::bytea, 'UTF8')",
            "statement_timeout": f"'{int(self._settings.statement_seconds_max * 1000)}'",
            "idle_in_transaction_session_timeout": f"'{int(self._settings.statement_seconds_max * 2000)}'",
        }
        if not is_durable:
            settings["synchronous_commit"] = "'off'"
        if self._role is not None:
            settings = {"role": f"'{self._role}'", **settings}
        calls = ", ".join(f"set_config('{name}', {value}, true)" for name, value in settings.items())
        check = "" if token_issued_at is None else f"; select chat.check_token({int(token_issued_at)})"
        return f"begin; select {calls}{check}"

    async def is_well(self) -> bool:
        """Whether Postgres answers and has the tables. For the health check."""
        async with self.transaction(None) as transaction:
            return bool(await transaction.connection.fetchval("select to_regclass('chat.erasure_receipt') is not null"))


async def _role_for_policies(connection: Any) -> str | None:
    """The role to take in each transaction, None where the database's user is subject to the policies itself."""
    if not await connection.fetchval(BYPASSES_POLICIES):
        return None
    if await connection.fetchval(MAY_BECOME, ROLE):
        return ROLE
    raise TerminalError(
        Code.STORE_UNAVAILABLE,
        f"The database's user is exempt from row-level security and cannot become {ROLE}: "
        "run `python -m conversation_store migrate` as a user that may create roles.",
    )


def _nobody_listens(_transaction: Transaction) -> None:
    """What ``on_committed`` is until the outbox's publisher takes it."""


async def _nothing_to_reset(_connection: object) -> None:
    """Every setting is local to its transaction; asyncpg's own reset would be a round trip outside of one."""


async def _roll_back(connection: Any) -> None:
    """Roll back; a connection that cannot even do that is lost, and Postgres rolls back by itself."""
    try:
        await connection.execute("rollback")
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        with suppress(asyncpg.InterfaceError):  # the pool has dropped it already
            connection.terminate()


async def _commit(connection: Any) -> None:
    try:
        status: str = await connection.execute("commit")
    except Exception as error:
        if is_connection_lost(error):
            raise CommitUnknownError from error
        raise
    if status != "COMMIT":
        raise RuntimeError(f"commit answered {json.dumps(status)}")


def _count_retry(_state: RetryCallState) -> None:
    DATABASE_RETRIES.inc()
