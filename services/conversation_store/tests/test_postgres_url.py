"""A URL as it is pasted, and what is understood of it."""

import pytest
from conversation_store.postgres_url import parse_postgres_url
from conversation_store.settings import Settings
from pydantic import ValidationError

NEON = "postgresql://u:p%40ss@ep-cool-1-pooler.eu-central-1.aws.neon.tech/db?sslmode=require&channel_binding=require"


@pytest.mark.parametrize(
    ("url", "dsn", "is_pooled"),
    [
        (
            NEON,
            "postgresql://u:p%40ss@ep-cool-1-pooler.eu-central-1.aws.neon.tech/db?sslmode=require",
            True,
        ),
        ("postgres://u@h:6432/db?pgbouncer=true&connection_limit=5", "postgresql://u@h:6432/db", True),
        ("postgresql+asyncpg://u@h/db?connect_timeout=3", "postgresql://u@h/db", False),
        ("postgresql://u@h/db?channel_binding=require", "postgresql://u@h/db?sslmode=require", False),
        (
            "postgresql://u@h/db?channel_binding=require&sslmode=verify-full&sslrootcert=%2Fca.pem",
            "postgresql://u@h/db?sslmode=verify-full&sslrootcert=%2Fca.pem",
            False,
        ),
        ("postgresql://u@h/db?channel_binding=prefer&sslmode=disable", "postgresql://u@h/db?sslmode=disable", False),
        ("postgresql://u@h/db?options=endpoint%3Dx", "postgresql://u@h/db?options=endpoint%3Dx", False),
    ],
)
def test_what_is_understood(url: str, dsn: str, is_pooled: bool) -> None:
    parsed = parse_postgres_url(url)
    assert (parsed.dsn, parsed.is_pooled) == (dsn, is_pooled)
    assert "p%40ss" not in repr(parsed)


def test_the_time_to_connect_is_the_urls() -> None:
    assert parse_postgres_url("postgresql://h/db?connect_timeout=3").connect_timeout_seconds == 3


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("mysql://h/db", "postgresql://"),
        ("postgresql://h/db?sslmode=sometimes", "sslmode"),
        ("postgresql://h/db?channel_binding=yes", "channel_binding"),
        ("postgresql://h/db?channel_binding=require&sslmode=disable", "TLS"),
        ("postgresql://h/db?statement_cache=1&sslmode=require", "statement_cache"),
        ("postgresql://h/db?sslmode=verify-full&sslrootcert=system", "sslrootcert"),
    ],
)
def test_what_is_wrong_is_named(url: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        parse_postgres_url(url)


@pytest.mark.parametrize(
    ("database_url", "direct_url", "setting", "expected"),
    [
        ("postgresql://h/db", None, None, True),
        ("postgresql://h/db", "postgresql://h/db", None, True),
        (NEON, None, None, False),
        ("postgresql://pooler/db", "postgresql://h/db", None, False),
        (NEON, None, True, True),
    ],
)
def test_prepared_statements_are_kept_only_where_no_pooler_is_in_between(
    database_url: str, direct_url: str | None, setting: bool | None, expected: bool
) -> None:
    values = {"database_url": database_url, "database_direct_url": direct_url, "database_prepared_statements": setting}
    assert Settings.model_validate(values).uses_prepared_statements is expected


def test_a_wrong_url_is_refused_without_showing_it() -> None:
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate({"database_url": "mysql://root:secret@h/db"})
    assert "secret" not in str(refused.value.errors(include_input=False))
