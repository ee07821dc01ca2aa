"""The store behind a real PgBouncer in transaction mode, as Neon's pooled address is."""

import asyncio
import os
import pwd
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import pytest
from contracts.commands import AddTask
from contracts.errors import Code, TerminalError
from contracts.identity import Principal
from contracts.queries import ListTasks
from conversation_store.database import Database
from conversation_store.settings import Settings
from conversation_store.testing import Client, everything_published, running_client, store_settings
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from natter.servers.ports import free_port
from natter.servers.postgres import RunAs
from natter_testing.servers import temporary_directory

SERVER_CONNECTIONS = 2
"""Fewer than the store's own pool: transactions of different users take turns on one connection of Postgres."""


def pgbouncer_program() -> str:
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    assert found, "pgbouncer is not installed: `apt-get install pgbouncer` (or brew install pgbouncer), then test again"
    return found


@dataclass
class PgBouncer:
    """A PgBouncer in front of one database."""

    url: str
    direct_url: str
    process: subprocess.Popen[bytes]

    def settings(self, nats_url: str, **changes: object) -> Settings:
        return store_settings(nats_url, self.url, database_direct_url=self.direct_url, **changes)


def start(directory: Path, database_url: str, port: int, more: str = "") -> PgBouncer:
    parts = urlsplit(database_url)
    name = parts.path[1:]
    target = f"host={parts.hostname} port={parts.port} dbname={name} user={parts.username} password={parts.password}"
    configuration = directory / "pgbouncer.ini"
    configuration.write_text(
        f"[databases]\n{name} = {target}\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n"
        f"unix_socket_dir =\nauth_type = any\npool_mode = transaction\ndefault_pool_size = {SERVER_CONNECTIONS}\n"
        f"max_client_conn = 100\nlogfile = {directory / 'pgbouncer.log'}\n{more}"
    )
    run_as: RunAs = {}
    if os.geteuid() == 0:  # PgBouncer refuses to run as root
        nobody = pwd.getpwnam("nobody")
        run_as = {"user": "nobody", "group": nobody.pw_gid, "extra_groups": []}
        directory.chmod(0o755)
        os.chown(directory, nobody.pw_uid, nobody.pw_gid)
    process = subprocess.Popen(
        [pgbouncer_program(), "-q", str(configuration)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **run_as
    )
    url = f"postgresql://{parts.username}@127.0.0.1:{port}/{name}?pgbouncer=true&sslmode=disable"
    return PgBouncer(url, database_url, process)


def wait_until_ready(bouncer: PgBouncer) -> None:
    deadline = time.monotonic() + 10
    while True:
        try:
            asyncio.run(_answers(bouncer.url.partition("?")[0]))
        except OSError:
            assert bouncer.process.poll() is None, "pgbouncer did not start"
            assert time.monotonic() < deadline
            time.sleep(0.05)
        else:
            return


async def _answers(url: str) -> None:
    connection = await asyncpg.connect(url, statement_cache_size=0, ssl=False)
    await connection.close()


@pytest.fixture
def bouncer(database_url: str) -> Iterator[PgBouncer]:
    with temporary_directory() as directory:
        made = start(directory, database_url, free_port())
        try:
            wait_until_ready(made)
            yield made
        finally:
            made.process.terminate()
            made.process.wait(10)


async def work(client: Client, name: str) -> Principal:
    principal = Principal(user_id=name)
    turn = await client.answer(f"question of {name}", f"answer of {name}", principal=principal)
    await client.answer("more", "and more", principal=principal, conversation_id=turn.conversation_id)
    await client.ask(AddTask(principal=principal, title=name))
    return principal


async def test_the_whole_path_works_in_transaction_mode_and_no_user_sees_anothers_rows(
    bouncer: PgBouncer, nats_url: str
) -> None:
    settings = bouncer.settings(nats_url)
    assert not settings.uses_prepared_statements
    async with running_client(settings, bouncer.direct_url) as client:
        users = await asyncio.gather(*(work(client, f"user_{n}") for n in range(12)))
        await everything_published(client)
        for principal in users:
            tasks = await client.ask(ListTasks(principal=principal))
            assert [task.title for task in tasks.data] == [principal.user_id]
            async with client.store.database.transaction(principal.user_id) as transaction:
                assert await transaction.connection.fetchval("select count(*) from chat.message") == 4
        connections = await client.rows("select count(*) n from pg_stat_activity where datname = current_database()")
        assert connections[0]["n"] <= SERVER_CONNECTIONS + 1


async def test_nothing_of_a_transaction_stays_on_the_connection(bouncer: PgBouncer, nats_url: str) -> None:
    async with running_client(bouncer.settings(nats_url), bouncer.direct_url) as client:
        await asyncio.gather(*(client.begin() for _ in range(10)))
        await everything_published(client)
        left = """select coalesce(current_setting('app.user_id', true), '') as user_id,
            coalesce(current_setting('app.system', true), '') as system,
            current_setting('statement_timeout') as timeout,
            current_user = session_user as is_itself, (select count(*) from pg_prepared_statements) as prepared,
            (select count(*) from chat.message) as messages"""
        pooled = bouncer.url.partition("?")[0]
        connections = [await asyncpg.connect(pooled, statement_cache_size=0, ssl=False) for _ in range(3)]
        try:
            for connection in connections:
                async with connection.transaction():
                    row = await connection.fetchrow(left)
                assert tuple(row) == ("", "", "0", True, 0, 0)
        finally:
            for connection in connections:
                await connection.close()


async def test_a_pooler_that_restarts_is_not_noticed(bouncer: PgBouncer, nats_url: str, database_url: str) -> None:
    async with running_client(bouncer.settings(nats_url, sweep_seconds=60), bouncer.direct_url) as client:
        await client.begin()
        bouncer.process.terminate()
        bouncer.process.wait(10)
        with temporary_directory() as directory:
            again = start(directory, database_url, urlsplit(bouncer.url).port or 0)
            try:
                turn = await client.begin("after the restart")
                assert (await client.claim(turn.run_id)).run.run_id == turn.run_id
                await everything_published(client)
            finally:
                again.process.terminate()
                again.process.wait(10)


async def test_migrations_go_over_the_direct_address(bouncer: PgBouncer) -> None:
    bouncer.process.terminate()  # the pooled address does not even answer
    bouncer.process.wait(10)
    environment = {**os.environ, "DATABASE_URL": bouncer.url, "DATABASE_DIRECT_URL": bouncer.direct_url}
    command = [sys.executable, "-m", "conversation_store", "migrate"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def write_certificate(directory: Path, name: str) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key beside it."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    written = directory / f"{name}.crt"
    written.write_bytes(certificate.public_bytes(Encoding.PEM))
    (directory / f"{name}.key").write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    for file in (written, directory / f"{name}.key"):
        file.chmod(0o644)
    return written


async def test_tls_is_what_the_url_says(database_url: str, nats_url: str) -> None:
    with temporary_directory() as directory:
        trusted, other = (write_certificate(directory, name) for name in ("trusted", "other"))
        tls = f"client_tls_sslmode = require\nclient_tls_key_file = {directory}/trusted.key\n"
        bouncer = start(directory, database_url, free_port(), f"{tls}client_tls_cert_file = {trusted}\n")
        base = bouncer.url.partition("?")[0] + "?pgbouncer=true"
        try:
            for query in (
                "sslmode=require&channel_binding=require",  # as Neon gives it
                "channel_binding=require",
                f"sslmode=verify-full&sslrootcert={trusted}",
            ):
                settings = store_settings(nats_url, f"{base}&{query}")
                async with Database.open(settings) as database:
                    assert await database.is_well()
                    async with database.transaction(None) as transaction:
                        assert transaction.connection.get_server_pid()
            started = time.monotonic()
            with pytest.raises(TerminalError) as refused:
                async with Database.open(store_settings(nats_url, f"{base}&sslmode=verify-full&sslrootcert={other}")):
                    pass
            assert refused.value.code == Code.STORE_UNAVAILABLE
            assert time.monotonic() - started < 10  # at once, not when the time to start is over
        finally:
            bouncer.process.terminate()
            bouncer.process.wait(10)
