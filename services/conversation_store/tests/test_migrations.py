"""The tables go up, down and up again, and are what the models say."""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from contracts.errors import Code, RetryableError, TerminalError
from contracts.postgres_roles import OWNER, STORE
from conversation_store.connecting import connect
from conversation_store.database import Database
from conversation_store.migrate import alembic_config, migrate
from conversation_store.models import METADATA, SCHEMA
from conversation_store.postgres_url import parse_postgres_url
from conversation_store.revision import head, is_at_head
from conversation_store.testing import store_settings
from natter.servers.ports import free_port
from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.pool import NullPool
from structlog.testing import capture_logs

# A function, a policy or a privilege too many is a difference as well as a column.
SHAPE = """
select 'table ' || c.relname || ' ' || c.relrowsecurity || c.relforcerowsecurity || c.relpersistence::text as line
from pg_class c join pg_namespace n on n.oid = c.relnamespace where n.nspname = 'chat' and c.relkind = 'r'
union all select 'column ' || table_name || '.' || column_name || ' ' || data_type || is_nullable
    || coalesce(column_default, '') || coalesce(generation_expression, '')
from information_schema.columns where table_schema = 'chat'
union all select 'index ' || indexdef from pg_indexes where schemaname = 'chat'
union all select 'constraint ' || conrelid::regclass || ' ' || pg_get_constraintdef(c.oid)
from pg_constraint c join pg_namespace n on n.oid = c.connamespace where n.nspname = 'chat'
union all select 'policy ' || tablename || policyname || cmd || coalesce(qual, '') || coalesce(with_check, '')
from pg_policies where schemaname = 'chat'
union all select 'function ' || p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
where n.nspname = 'chat' order by 1
"""


async def shape(url: str) -> list[str]:
    connection = await asyncpg.connect(url)
    try:
        return [row["line"] for row in await connection.fetch(SHAPE)]
    finally:
        await connection.close()


async def test_up_down_and_up_again_is_the_same(empty_database_url: str) -> None:
    url = parse_postgres_url(empty_database_url)
    await migrate(url, "head", start_seconds_max=10)
    first = await shape(empty_database_url)
    assert len(first) > 100
    await migrate(url, "base", start_seconds_max=10)
    assert {line.split()[1] for line in await shape(empty_database_url) if line.startswith("table")} == {
        "alembic_version"
    }
    for revision in ("0001", "0002", "0003", "0004", head()):
        await migrate(url, revision, start_seconds_max=10)
    assert await shape(empty_database_url) == first
    await migrate(url, "0002", start_seconds_max=10)
    await migrate(url, "head", start_seconds_max=10)
    await migrate(url, "head", start_seconds_max=10)  # nothing to do
    assert await shape(empty_database_url) == first


async def test_the_migrations_are_what_the_models_say(database_url: str) -> None:
    def differences(connection: Connection) -> list[Any]:
        def only_ours(name: str | None, kind: str, _parents: object) -> bool:
            return name == SCHEMA if kind == "schema" else name != "alembic_version"

        options = {"include_schemas": True, "include_name": only_ours, "version_table_schema": SCHEMA}
        context = MigrationContext.configure(connection, opts=options)
        return compare_metadata(context, METADATA)

    async def creator() -> Any:
        return await connect(parse_postgres_url(database_url), seconds_max=10, statement_cache_size=0)

    engine = create_async_engine("postgresql+asyncpg://", async_creator=creator, poolclass=NullPool)
    async with engine.connect() as connection:
        found = await connection.run_sync(differences)
    await engine.dispose()
    assert found == []


async def test_the_web_apps_tables_are_left_alone(empty_database_url: str) -> None:
    connection = await asyncpg.connect(empty_database_url)
    try:
        await connection.execute(
            "create schema auth; create table auth.user (id text); insert into auth.user values ('u')"
        )
        for revision in ("head", "base", "head"):
            await migrate(parse_postgres_url(empty_database_url), revision, start_seconds_max=10)
        assert await connection.fetchval("select id from auth.user") == "u"
    finally:
        await connection.close()


async def test_a_user_who_may_make_roles_gets_the_one_that_obeys_the_policies(
    database_url: str, prepare_superuser: Callable[[str], Awaitable[str]]
) -> None:
    connection = await asyncpg.connect(await prepare_superuser(database_url))
    try:
        assert await connection.fetchval("select has_table_privilege('natter_store', 'chat.message', 'insert')")
        assert not await connection.fetchval(
            "select rolsuper or rolbypassrls or rolcreaterole from pg_roles where rolname = 'natter_store'"
        )
        assert not await connection.fetchval(
            "select has_table_privilege('natter_store', 'chat.alembic_version', 'insert')"
        )
    finally:
        await connection.close()


async def test_a_database_that_never_answers_is_given_up_within_the_bound() -> None:
    url = parse_postgres_url(f"postgresql://u@127.0.0.1:{free_port()}/db")
    with pytest.raises(RetryableError) as refused:
        await migrate(url, "head", start_seconds_max=0.5)
    assert refused.value.code == Code.STORE_UNAVAILABLE


async def test_an_unknown_revision_is_refused(empty_database_url: str) -> None:
    with pytest.raises(TerminalError) as refused:
        await migrate(parse_postgres_url(empty_database_url), "nonsense", start_seconds_max=10)
    assert refused.value.code == Code.INVALID_REQUEST


def test_the_command_says_in_a_line_what_is_wrong() -> None:
    command = [sys.executable, "-m", "conversation_store", "migrate"]
    environment = {"PATH": os.defpath}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert (done.returncode, done.stderr) == (2, "DATABASE_URL: Field required\n")
    environment["DATABASE_URL"] = "postgresql://u:hunter2@127.0.0.1/db?what=1"
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "hunter2" not in done.stderr
    assert "what" in done.stderr


def test_the_head_that_is_read_from_the_files_is_alembics() -> None:
    assert head() == ScriptDirectory.from_config(alembic_config()).get_current_head()


async def test_only_tables_at_the_head_are_said_to_be_there(empty_database_url: str) -> None:
    url = parse_postgres_url(empty_database_url)
    assert not await is_at_head(url, start_seconds_max=10)
    for revision, is_there in (("0005", False), ("head", True), ("base", False)):
        await migrate(url, revision, start_seconds_max=10)
        assert await is_at_head(url, start_seconds_max=10) is is_there


def test_a_start_with_nothing_to_migrate_imports_neither_alembic_nor_sqlalchemy(database_url: str) -> None:
    program = (
        "import sys; from conversation_store.app import cli; cli(['migrate'], standalone_mode=False);"
        "sys.exit(sorted({'alembic', 'sqlalchemy', 'sqlmodel'} & set(sys.modules)) or None)"
    )
    environment = {**os.environ, "DATABASE_URL": database_url, "DATABASE_DIRECT_URL": database_url}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


async def test_conversations_of_the_release_before_branches_keep_all_that_they_have(empty_database_url: str) -> None:
    """Turns 1, 2, 3; 2 was retried as 4 and that as 5 (what each took the place of was deleted), then came 6."""
    url = parse_postgres_url(empty_database_url)
    await migrate(url, "0008", start_seconds_max=10)
    connection = await asyncpg.connect(empty_database_url)
    try:
        await connection.execute("select set_config('app.system', 'on', false)")
        await connection.execute("insert into chat.user (user_id) values ('alice')")
        for conversation, turns in (("retried", [(1, 1), (2, 2), (3, 3), (4, 2), (5, 2), (6, 6)]), ("plain", [(1, 1)])):
            await connection.execute(
                "insert into chat.conversation (conversation_id, user_id, turns_count) values ($1, 'alice', $2)",
                conversation,
                len(turns),
            )
            for turn, message in turns:
                await connection.execute(
                    "insert into chat.run (run_id, conversation_id, user_id, turn, status, user_message_id)"
                    " values ($1, $2, 'alice', $3, 'completed', $4)",
                    f"{conversation}_{turn}",
                    conversation,
                    turn,
                    f"{conversation}_m{message}",
                )
            for message in {message for _, message in turns} - {3}:
                await connection.execute(
                    "insert into chat.message"
                    " (message_id, conversation_id, user_id, role, type, content, item, position)"
                    " values ($1, $2, 'alice', 'user', 'user_message', 'x', '{}', $3)",
                    f"{conversation}_m{message}",
                    conversation,
                    message * 1_000_000,
                )
        await migrate(url, "head", start_seconds_max=10)
        rows = await connection.fetch("select run_id, parent_turn from chat.run order by run_id")
        assert {row["run_id"]: row["parent_turn"] for row in rows} == {
            "plain_1": None,  # as of every turn that simply follows the one before it
            "retried_1": 0,
            "retried_2": -1,
            "retried_3": -1,
            "retried_4": -1,
            "retried_5": 1,
            "retried_6": 5,
        }
        shown = (
            "select count(*) from chat.message join chat.conversation c using (conversation_id) where path @> position"
        )
        assert await connection.fetchval(shown) == 4
        # And back: what is not on the branch that one is on is deleted.
        await connection.execute(
            "update chat.conversation set path = '{[0,2000000)}' where conversation_id = 'retried'"
        )
        await migrate(url, "0008", start_seconds_max=10)
        left = await connection.fetch("select message_id from chat.message order by message_id")
        assert [row["message_id"] for row in left] == ["plain_m1", "retried_m1"]
    finally:
        await connection.close()


async def test_a_store_whose_role_may_change_the_tables_says_so(database_url: str) -> None:
    as_store = database_url.replace(f"//{OWNER}:", f"//{STORE}:", 1)
    for url, said in ((database_url, 1), (as_store, 0)):
        settings = store_settings("nats://127.0.0.1:1", url)
        with capture_logs() as logs:
            async with Database.open(settings):
                pass
        assert [log["event"] for log in logs].count("database.role_may_change_tables") == said
