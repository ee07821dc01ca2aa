"""The embedded Postgres: any password, and no obstacle after a crash."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import asyncpg
import pytest
from natter.servers.ports import free_port
from natter.servers.postgres import Postgres
from natter.servers.postgres_programs import PostgresFailedError, binaries_for_others, others_may_pass
from natter_testing.servers import RunningServer, temporary_directory

pytestmark = pytest.mark.slow


@pytest.fixture
def running() -> Iterator[RunningServer]:
    with temporary_directory() as directory:
        server = Postgres(directory / "postgres", free_port(), "a'b\\c d", durable=False)
        server.initialise()
        running = RunningServer(server, directory / "postgres.log", signal.SIGINT, server.run_as)
        running.start()
        yield running
        running.stop()


def cluster_of(running: RunningServer) -> Postgres:
    assert isinstance(running.server, Postgres)
    return running.server


async def current_user(url: str) -> str:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetchval("select current_user")
    finally:
        await connection.close()


def test_any_text_can_be_the_password_and_creation_may_be_repeated(running: RunningServer) -> None:
    cluster = cluster_of(running)
    cluster.create_roles_and_database()
    cluster.create_roles_and_database()
    assert asyncio.run(current_user(cluster.url)) == "natter"
    with pytest.raises(PostgresFailedError, match="no_such_table"):
        cluster.execute("select * from no_such_table")


def as_before(cluster: Postgres) -> None:
    """What a directory of an earlier version holds: an owner whose password is everybody's, and tables of theirs."""
    cluster.execute(
        "create role natter login password :'password';\ncreate database natter owner natter;",
        variables={"password": cluster.password},
    )
    cluster.execute(
        "set role natter; create schema chat; create table chat.message (text text);"
        " create table chat.alembic_version (n text); insert into chat.message values ('kept');"
        ' create schema auth; create table auth."user" (id text); insert into auth."user" values (\'alice\');',
        database="natter",
    )


async def refused(url: str, *statements: str) -> list[str]:
    """Those of the statements that this role may not execute."""
    connection = await asyncpg.connect(url)
    outcomes: list[str] = []
    try:
        for statement in statements:
            try:
                await connection.execute(statement)
            except asyncpg.InsufficientPrivilegeError:
                outcomes.append(statement)
    finally:
        await connection.close()
    return outcomes


def test_each_role_of_a_directory_of_before_gets_its_own_rights_and_nobody_the_superusers(
    running: RunningServer,
) -> None:
    before = cluster_of(running)
    as_before(before)
    cluster = replace(before, superuser_password="sup'er", store_password="store", web_password="web")
    cluster.create_roles_and_database()
    cluster.create_roles_and_database()
    cluster.execute("set role natter; create table chat.later (n int);", database="natter")
    store, web = cluster.url_of("natter", "natter_store"), cluster.url_of("natter", "natter_web")
    kept = "select * from chat.message"
    their_own = ("insert into chat.message values ('new')", kept, "select * from chat.later", "delete from chat.later")
    of_others = (
        'select * from auth."user"',
        "alter table chat.message disable row level security",
        "alter table chat.message no force row level security",
        "drop table chat.message",
        "create table chat.mine (n int)",
        "create schema mine",
        "select * from chat.alembic_version",
        "set role natter",
        "set role natter_search",
        "set role postgres",
        "alter role natter_store bypassrls",
        "copy chat.message to program 'cat'",
    )
    assert asyncio.run(refused(store, *their_own, *of_others)) == list(of_others)
    web_may = ('select * from auth."user"', "create table auth.session (id text)", 'alter table auth."user" add n int')
    web_may_not = (kept, "select * from chat.later", "create table chat.mine (n int)", "set role natter_store")
    assert asyncio.run(refused(web, *web_may, *web_may_not)) == list(web_may_not)
    for password in (before.password, "store", "web"):
        with pytest.raises(asyncpg.InvalidPasswordError):
            asyncio.run(current_user(replace(cluster, superuser_password=password).url_of("postgres", "postgres")))


def test_the_lock_file_of_a_dead_server_is_no_obstacle_when_its_process_id_lives_on(running: RunningServer) -> None:
    directory: Path = cluster_of(running).directory
    running.stop()
    lock = directory / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{directory}\n{int(time.time())}\n5432\n\n127.0.0.1\n")
    shutil.chown(lock, directory.owner())
    cluster_of(running).initialise()
    running.start()


def test_a_cluster_below_a_closed_directory_runs_and_the_directory_stays_as_it_is() -> None:
    with temporary_directory() as closed:
        closed.chmod(0o700)
        (closed / "inside").mkdir(mode=0o700)
        cluster = Postgres(closed / "inside" / "postgres", free_port(), "password", durable=False)
        cluster.initialise()
        running = RunningServer(cluster, closed / "postgres.log", signal.SIGINT, cluster.run_as)
        running.start()
        try:
            cluster.create_roles_and_database()
            assert asyncio.run(current_user(cluster.url)) == "natter"
        finally:
            running.stop()
        assert [path.stat().st_mode & 0o777 for path in (closed, closed / "inside")] == [0o700, 0o700]


def test_programs_that_others_cannot_reach_are_copied_once_and_only_to_where_nobody_else_writes(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    source, cache = tmp_path / "wheel" / "bin", tmp_path / "cache"
    source.mkdir(parents=True)
    (source / "postgres").write_text("#!/bin/sh")
    (source / "postgres").chmod(0o755)
    assert not others_may_pass(source)
    found = binaries_for_others(source, cache)
    assert (found / "postgres").read_text() == "#!/bin/sh"
    assert found.parent.parent == cache
    assert found.parent.stat().st_mode & 0o777 == 0o755
    (found / "postgres").write_text("kept")
    assert (binaries_for_others(source, cache) / "postgres").read_text() == "kept"
    found.chmod(0o777)
    with pytest.raises(PostgresFailedError, match="can be changed by others"):
        binaries_for_others(source, cache)
    assert tmp_path.stat().st_mode & 0o777 == 0o700
    assert binaries_for_others(Path("/usr/bin"), cache) == Path("/usr/bin")


def test_an_interrupted_creation_starts_again(running: RunningServer) -> None:
    running.stop()
    cluster = cluster_of(running)
    (cluster.directory / "natter-cluster").unlink()
    (cluster.directory / "PG_VERSION").unlink()
    cluster.initialise()
    running.start()
