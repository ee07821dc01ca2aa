"""What an error of Postgres or its driver means: the connection was lost, it is worth repeating, or it is a bug."""

from contracts.errors import Code, NatterError, RetryableError, TerminalError

from conversation_store.driver import asyncpg

NOT_STORABLE: tuple[type[BaseException], ...] = (
    asyncpg.UntranslatableCharacterError,  # \u0000 in JSON
    asyncpg.CharacterNotInRepertoireError,  # NUL in a text
    asyncpg.InvalidTextRepresentationError,  # a lone surrogate in JSON
    asyncpg.ProgramLimitExceededError,
    UnicodeEncodeError,
)
CONNECTION_LOST: tuple[type[BaseException], ...] = (
    OSError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.ConnectionDoesNotExistError,
    asyncpg.OperatorInterventionError,  # admin_shutdown, crash_shutdown, cannot_connect_now, idle time-outs
    asyncpg.InsufficientResourcesError,  # too_many_connections among them
    asyncpg.InvalidTransactionStateError,
)
NOT_READY: tuple[type[BaseException], ...] = (  # an operator is at it: a password, a migration
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
    asyncpg.InvalidSchemaNameError,
    asyncpg.UndefinedTableError,
    asyncpg.UndefinedColumnError,
)
LOST_RACE: tuple[type[BaseException], ...] = (
    asyncpg.SerializationError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
)


TOKEN_REVOKED = "NT001"  # noqa: S105 - no token
"""The SQLSTATE of `chat.check_token`."""


def is_connection_lost(error: BaseException) -> bool:
    """Whether the connection, not the statement, is what failed."""
    if isinstance(error, asyncpg.QueryCanceledError):
        return False
    if isinstance(error, asyncpg.InterfaceError):
        return any(words in str(error) for words in ("closed", "another operation", "released back to the pool"))
    if isinstance(error, asyncpg.InternalClientError):
        # Postgres said that it ends while nothing was asked; asyncpg, which expected no word, sends no more on this
        # connection: "cannot switch to state …; another operation is in progress".
        return str(error).startswith(("cannot switch to", "not connected"))
    return isinstance(error, CONNECTION_LOST)


def is_worth_repeating(error: BaseException) -> bool:
    """Whether the same transaction may succeed on a new connection, or when the other one has committed."""
    return is_connection_lost(error) or isinstance(error, LOST_RACE)


def to_natter_error(error: BaseException) -> NatterError | None:  # noqa: PLR0911 - a table of cases
    """Postgres' error in our words; None where it is a bug."""
    if isinstance(error, NatterError):
        return error
    if getattr(error, "sqlstate", None) == TOKEN_REVOKED:
        return TerminalError(Code.TOKEN_REVOKED, "This token was revoked: sign in again.")
    if isinstance(error, NOT_STORABLE) or isinstance(error.__cause__, UnicodeEncodeError):
        return TerminalError(Code.INVALID_REQUEST, "A text holds a character that cannot be stored, such as NUL.")
    if isinstance(error, asyncpg.QueryCanceledError):
        return RetryableError(Code.DEADLINE_EXCEEDED, "The database took too long.", retry_after_seconds=1)
    if isinstance(error, NOT_READY):
        return RetryableError(Code.STORE_UNAVAILABLE, "The database is not ready for this.", retry_after_seconds=5)
    if is_worth_repeating(error):
        return RetryableError(Code.STORE_UNAVAILABLE, "The database cannot be reached.", retry_after_seconds=2)
    return None
