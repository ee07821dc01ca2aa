"""The servers of the tests from containers (NATTER_TEST_SERVERS=containers), for where the wheels do not run."""

import gc
import json
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from contracts.postgres_roles import OWNER, SCRIPT, STORE, WEB
from docker import DockerClient
from docker.errors import DockerException
from natter.servers.nats import Nats
from natter.servers.postgres import SUPERUSER
from testcontainers.community.postgres import PostgresContainer
from testcontainers.core.container import DockerContainer
from testcontainers.core.wait_strategies import HttpWaitStrategy

from natter_testing.servers import NATS_ACCOUNTS, Databases, NatsAccounts, ServerFailedError, temporary_directory

NATS_IMAGE = "nats:2.14-alpine"
POSTGRES_IMAGE = "postgres:18-alpine"
PASSWORD = "test"  # noqa: S105 - of a database that lives as long as the tests
ENGINE_SECONDS_MAX = 10
NATS_PORT, MONITORING_PORT, POSTGRES_PORT = 4222, 8222, 5432


def why_no_engine() -> str | None:
    """Return why no Docker engine answers; None when one does."""
    try:
        DockerClient.from_env(timeout=ENGINE_SECONDS_MAX).close()  # asks the engine for its version
    except DockerException as error:
        reason = str(error)
    else:
        return None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()  # the client that could not be made leaves its socket open
    return reason


def nats_configuration() -> dict[str, Any]:
    """Return the configuration that the wheel's server gets, but for the addresses: those of a container."""
    server = Nats(Path("/data"), NATS_PORT, MONITORING_PORT, accounts=NATS_ACCOUNTS)
    addresses = {"listen": f"0.0.0.0:{NATS_PORT}", "http": f"0.0.0.0:{MONITORING_PORT}"}
    return server.configuration() | addresses


@contextmanager
def nats_container() -> Generator[NatsAccounts]:
    """Run NATS; its accounts are those of `servers.start_nats`.

    Not testcontainers' own NatsContainer: it warns of its own decorator, and does not wait for JetStream.
    """
    with temporary_directory() as directory:
        file = directory / "nats.conf"
        file.write_text(json.dumps(nats_configuration()))
        container = DockerContainer(NATS_IMAGE, command="--config /etc/nats.conf")
        container.with_copy_into_container(file, "/etc/nats.conf", 0o644)
        container.with_exposed_ports(NATS_PORT, MONITORING_PORT)
        container.waiting_for(HttpWaitStrategy(MONITORING_PORT, "/healthz"))
        with container:
            address = f"{container.get_container_host_ip()}:{container.get_exposed_port(NATS_PORT)}"
            yield NatsAccounts(lambda account: f"nats://{account}:{account}@{address}")


@contextmanager
def postgres_container() -> Generator[Databases]:
    """Run Postgres with the roles that the wheel's has."""
    command = "postgres -c fsync=off -c full_page_writes=off -c synchronous_commit=off -c max_connections=200"
    with PostgresContainer(POSTGRES_IMAGE, username=SUPERUSER, password=PASSWORD).with_command(command) as container:
        address = f"{container.get_container_host_ip()}:{container.get_exposed_port(POSTGRES_PORT)}"

        def execute(script: str, database: str = "postgres") -> str:
            done = container.exec(["psql", "-X", "-q", "-A", "-t", "-U", SUPERUSER, "-d", database, "-c", script])
            if done.exit_code != 0:
                raise ServerFailedError(done.output.decode())
            return done.output.decode()

        execute(f"create role {OWNER} login")
        execute(f"create database {OWNER} owner {OWNER}")
        roles = {"owner": OWNER, "store": STORE, "web": WEB}
        given = {**roles, **{f"{key}_password": PASSWORD for key in roles}}
        execute("".join(f"set natter.{name} = '{value}';" for name, value in given.items()) + SCRIPT, OWNER)
        yield Databases(execute, lambda database: f"postgresql://{OWNER}:{PASSWORD}@{address}/{database}")
