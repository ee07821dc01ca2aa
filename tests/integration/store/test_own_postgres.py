"""A Postgres of the operator's own: whose URL is given is the owner, and makes roles for the store and the web app."""

import signal
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import pytest
from contracts.errors import TerminalError
from contracts.postgres_roles import OWNER, STORE, WEB
from conversation_store.migrate import migrate
from conversation_store.postgres_url import parse_postgres_url
from conversation_store.roles import make_roles
from conversation_store.settings import RolesSettings
from natter.servers.own_postgres import OwnPostgres
from natter.servers.ports import LOOPBACK, free_port
from natter.servers.postgres import Postgres
from natter_testing.servers import RunningServer, temporary_directory

READS = "select count(*) from chat.message"
OF_THE_WEB = 'select count(*) from auth."user"'
OF_THE_OWNER = (
    "alter table chat.message disable row level security",
    "alter table chat.message no force row level security",
    "drop policy owner on chat.message",
    "create policy mine on chat.message using (true)",
    "drop table chat.message",
    "create table chat.mine (n int)",
    "delete from chat.alembic_version",
    "alter role current_user bypassrls",
)


@dataclass(frozen=True)
class Server:
    """Somebody else's Postgres: its superuser, and databases with owners who are none."""

    cluster: Postgres

    def database(self, owner: str, rights: str) -> OwnPostgres:
        """A new database whose owner has these rights."""
        self.cluster.execute(f"create role {owner} login password 'owners' {rights}")
        self.cluster.execute(f"create database of_{owner} owner {owner}")
        return OwnPostgres(f"postgresql://{owner}:owners@{LOOPBACK}:{self.cluster.port}/of_{owner}")


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with temporary_directory() as directory:
        cluster = Postgres(directory / "postgres", free_port(), "superuser's", durable=False)
        cluster.initialise()
        running = RunningServer(cluster, directory / "postgres.log", signal.SIGINT, cluster.run_as)
        running.start()
        yield Server(cluster)
        running.stop()


@pytest.fixture
async def no_roles(server: Server) -> None:
    """As if nobody had made them on this server before."""
    for (database,) in await rows(server, "select datname from pg_database where datname like 'of\\_%'"):
        server.cluster.execute(f"drop database {database}")
    for (role,) in await rows(server, "select rolname from pg_roles where rolname !~ '^(pg_|postgres$)'"):
        server.cluster.execute(f"drop role {role}")


async def rows(server: Server, sql: str) -> list[Any]:
    connection = await asyncpg.connect(server.cluster.url_of("postgres", "postgres"))
    try:
        return await connection.fetch(sql)
    finally:
        await connection.close()


async def as_up_does(postgres: OwnPostgres) -> None:
    """What `natter up` runs before the store: the tables, then the roles."""
    await migrate(parse_postgres_url(postgres.url), "head", start_seconds_max=10)
    told = {name.lower(): value for name, value in postgres.roles_environment.items()}
    settings = RolesSettings.model_validate(told)
    await make_roles(settings.direct_database, settings.parameters, start_seconds_max=10)


async def refused(url: str, *statements: str) -> list[str]:
    """Those that this role may not execute; the others are undone."""
    connection: Any = await asyncpg.connect(url)
    outcomes: list[str] = []
    try:
        for statement in statements:
            transaction = connection.transaction()
            await transaction.start()
            try:
                await connection.execute(statement)
            except asyncpg.InsufficientPrivilegeError:
                outcomes.append(statement)
            await transaction.rollback()
    finally:
        await connection.close()
    return outcomes


def url_of(postgres: OwnPostgres, role: str) -> str:
    return postgres.environment_of(role)["DATABASE_URL"]


async def the_roles_hold(postgres: OwnPostgres) -> None:
    store, web = url_of(postgres, STORE), url_of(postgres, WEB)
    to_the_store = (*OF_THE_OWNER, OF_THE_WEB, f"set role {urlsplit(postgres.url).username}")
    assert await refused(store, READS, *to_the_store) == [*to_the_store]
    theirs = ("create table auth.session (id text)", 'alter table auth."user" add n int', OF_THE_WEB)
    assert await refused(web, *theirs, READS, "create table chat.mine (n int)") == [
        READS,
        "create table chat.mine (n int)",
    ]


@pytest.mark.usefixtures("no_roles")
@pytest.mark.parametrize("rights", ["createrole", "createrole createdb bypassrls"], ids=["plain", "as on Neon"])
async def test_an_owner_who_may_make_roles_makes_them_also_where_one_role_had_everything(
    server: Server, rights: str
) -> None:
    postgres = server.database("somebody", rights)
    await migrate(parse_postgres_url(postgres.url), "head", start_seconds_max=10)
    owner: Any = await asyncpg.connect(postgres.url)
    await owner.execute('create schema auth; create table auth."user" (id text)')
    await owner.close()
    await as_up_does(postgres)
    await as_up_does(postgres)
    await the_roles_hold(postgres)


@pytest.mark.usefixtures("no_roles")
async def test_an_owner_who_may_not_is_told_what_to_do_and_uses_the_roles_that_are_given(server: Server) -> None:
    postgres = server.database("somebody", "")
    with pytest.raises(TerminalError, match="--store-database-url and --web-database-url"):
        await as_up_does(postgres)

    server.cluster.execute("create role s login password 's'; create role w login password 'w';")
    one_of = {name: f"postgresql://{name}:{name}@{postgres.url.partition('@')[2]}" for name in ("s", "w")}
    given = replace(postgres, store_url=one_of["s"], web_url=one_of["w"])
    await as_up_does(given)
    await as_up_does(given)
    web: Any = await asyncpg.connect(one_of["w"])
    await web.execute('create table auth."user" (id text)')  # as Better Auth's migration does
    await web.close()
    await the_roles_hold(given)

    everybody = replace(postgres, store_url=postgres.url, web_url=postgres.url)
    await as_up_does(everybody)
    assert await refused(url_of(everybody, STORE), READS, OF_THE_OWNER[0]) == []


@pytest.mark.usefixtures("no_roles")
async def test_a_store_that_would_be_exempt_from_the_policies_is_refused(server: Server) -> None:
    postgres = server.database("somebody", "createrole")
    server.cluster.execute("create role s login bypassrls password 's'")
    given = replace(postgres, store_url=f"postgresql://s:s@{postgres.url.partition('@')[2]}")
    with pytest.raises(TerminalError, match="role s is exempt from row-level security"):
        await as_up_does(given)


def test_passwords_follow_from_the_owners_so_that_stacks_on_one_server_agree() -> None:
    pooled, direct = (
        "postgresql://me:p%40ss@pool.example/db?sslmode=require",
        "postgresql://me:p%40ss@direct.example/db",
    )
    one = OwnPostgres(pooled, direct).environment_of(STORE)
    assert one == OwnPostgres(pooled, direct, secret="another").environment_of(STORE)
    assert one["DATABASE_URL"].startswith("postgresql://natter_store:")
    assert one["DATABASE_URL"].endswith("@pool.example/db?sslmode=require")
    assert one["DATABASE_DIRECT_URL"].endswith("@direct.example/db")
    assert "p%40ss" not in str(one)
    assert one["DATABASE_URL"] != OwnPostgres(pooled.replace("p%40ss", "q")).environment_of(STORE)["DATABASE_URL"]
    assert OwnPostgres(pooled, direct).environment_of(OWNER) == {"DATABASE_URL": pooled, "DATABASE_DIRECT_URL": direct}
    without = "postgresql://me@db.example/db"
    of_two = [OwnPostgres(without, secret=secret).environment_of(WEB) for secret in ("a", "b")]
    assert of_two[0] != of_two[1]
