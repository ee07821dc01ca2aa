"""The embedded Postgres: any password, and no obstacle after a crash."""

import asyncio
import os
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from natter.servers.ports import free_port
from natter.servers.postgres import Postgres, PostgresFailedError
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
    cluster.create_owner_and_database()
    cluster.create_owner_and_database()
    assert asyncio.run(current_user(cluster.url)) == "natter"
    with pytest.raises(PostgresFailedError, match="no_such_table"):
        cluster.execute("select * from no_such_table")


def test_the_lock_file_of_a_dead_server_is_no_obstacle_when_its_process_id_lives_on(running: RunningServer) -> None:
    directory: Path = cluster_of(running).directory
    running.stop()
    lock = directory / "postmaster.pid"
    lock.write_text(f"{os.getpid()}\n{directory}\n{int(time.time())}\n5432\n\n127.0.0.1\n")
    shutil.chown(lock, directory.owner())
    cluster_of(running).initialise()
    running.start()


def test_an_interrupted_creation_starts_again(running: RunningServer) -> None:
    running.stop()
    cluster = cluster_of(running)
    (cluster.directory / "natter-cluster").unlink()
    (cluster.directory / "PG_VERSION").unlink()
    cluster.initialise()
    running.start()
