"""A Postgres URL as people paste it (Neon, Prisma, SQLAlchemy), in the words that asyncpg understands."""

from dataclasses import dataclass, field
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

SCHEMES = {"postgres", "postgresql", "postgresql+asyncpg", "postgresql+psycopg", "postgresql+psycopg2"}
# What asyncpg reads from the URL itself, with libpq's meaning.
PASSED_ON = {
    "application_name",
    "dbname",
    "host",
    "options",
    "passfile",
    "password",
    "port",
    "ssl_max_protocol_version",
    "ssl_min_protocol_version",
    "sslcert",
    "sslcrl",
    "sslkey",
    "sslmode",
    "sslnegotiation",
    "sslpassword",
    "sslrootcert",
    "target_session_attrs",
    "user",
}
# Settings of other clients, which mean nothing here: our pool has its own.
IGNORED = {"connection_limit", "gssencmode", "pool_timeout", "schema", "socket_timeout", "statement_cache_size"}
SSL_MODES = {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"}
WITHOUT_TLS = {"disable", "allow", "prefer"}


@dataclass(frozen=True)
class PostgresUrl:
    """Where the database is. ``dsn`` is for asyncpg; ``is_pooled``: PgBouncer in transaction mode is in between."""

    dsn: str = field(repr=False)
    is_pooled: bool
    connect_timeout_seconds: float | None = None


def parse_postgres_url(url: str) -> PostgresUrl:
    """Read a URL. Raises ValueError, with the name of what is wrong and never its value.

    ``channel_binding`` (Neon adds ``require``) is libpq's; asyncpg knows SCRAM without it. ``require`` is kept in
    what it guards: the connection is encrypted or there is none. ``sslmode=verify-full`` proves who the server is.
    """
    parts = urlsplit(url.strip())
    if parts.scheme not in SCHEMES:
        raise ValueError("must be a postgresql:// URL")
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    binding = query.pop("channel_binding", "prefer")
    pgbouncer = query.pop("pgbouncer", "false").lower() in {"true", "1"}
    timeout = query.pop("connect_timeout", None)
    for name in IGNORED:
        query.pop(name, None)
    unknown = sorted(query.keys() - PASSED_ON)
    if unknown:
        raise ValueError(f"has a parameter that is not understood: {', '.join(unknown)}")
    if binding not in {"disable", "prefer", "require"}:
        raise ValueError("channel_binding must be disable, prefer or require")
    query = _tls(query, must_encrypt=binding == "require")
    if query.get("sslrootcert") == "system":
        raise ValueError("sslrootcert must be a file; 'system' is not supported")
    host = parts.hostname or query.get("host", "")
    return PostgresUrl(
        dsn=urlunsplit(("postgresql", parts.netloc, parts.path, urlencode(query), "")),
        is_pooled=pgbouncer or "-pooler." in host,
        connect_timeout_seconds=float(timeout) if timeout and timeout.isdigit() and int(timeout) > 0 else None,
    )


def _tls(query: dict[str, str], *, must_encrypt: bool) -> dict[str, str]:
    mode = query.get("sslmode")
    if mode is not None and mode not in SSL_MODES:
        raise ValueError(f"sslmode must be one of {', '.join(sorted(SSL_MODES))}")
    if not must_encrypt:
        return query
    if mode == "disable":
        raise ValueError("channel_binding=require needs TLS, sslmode=disable forbids it")
    return {**query, "sslmode": "require" if mode is None or mode in WITHOUT_TLS else mode}
