"""A real NATS server and a real Postgres as child processes that die with the test run."""

import contextlib
import itertools
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from contracts.postgres_roles import OWNER
from natter.servers.nats import Nats
from natter.servers.ports import free_port
from natter.servers.postgres import Postgres, RunAs

from natter_testing.settings import Settings

START_SECONDS_MAX = 30.0
STOP_SECONDS_MAX = 10.0
NATS_ACCOUNTS = [f"test{number}" for number in range(1_000)]
START_ATTEMPTS_MAX = 3


class ServerFailedError(Exception):
    """A test server did not start; the text has its last lines."""


class Server(Protocol):
    """What Nats and Postgres have in common."""

    @property
    def directory(self) -> Path: ...
    @property
    def command(self) -> list[str]: ...
    def initialise(self) -> object: ...
    def is_ready(self) -> bool: ...


@dataclass
class RunningServer:
    """A server as a child process that dies with the test run, however that ends."""

    server: Server
    log_file: Path
    stop_signal: signal.Signals = signal.SIGTERM
    run_as: RunAs = field(default_factory=RunAs)
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    def start(self) -> None:
        """Start the program and wait until it is ready. Raises ServerFailedError."""
        with self.log_file.open("ab") as log:
            self.process = subprocess.Popen(
                [*die_with_parent(self.stop_signal), *self.server.command],
                stdout=log,
                stderr=log,
                cwd=self.server.directory,
                **self.run_as,
            )
        deadline = time.monotonic() + START_SECONDS_MAX
        while not self.server.is_ready():
            if self.process.poll() is not None or time.monotonic() > deadline:
                tail = self.log_file.read_text(errors="replace").splitlines()[-20:]
                raise ServerFailedError("\n".join([f"{self.server.command[0]} did not start:", *tail]))
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop it cleanly; kill it if it does not end. Its files stay, so that it can start again."""
        self._end(self.stop_signal)

    def kill(self) -> None:
        """End it as a crash would."""
        self._end(signal.SIGQUIT if isinstance(self.server, Postgres) else signal.SIGKILL)

    def _end(self, how: signal.Signals) -> None:
        if self.process is None:
            return
        self.process.send_signal(how)
        try:
            self.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(STOP_SECONDS_MAX)
        self.process = None


@dataclass(frozen=True)
class NatsAccounts:
    """Hands out the accounts of one NATS server."""

    url_of: Callable[[str], str]
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def new_url(self) -> str:
        """Return the address with a user whose account nobody used before: everything allowed, no stream yet."""
        return self.url_of(f"test{next(self._numbers)}")


class Execute(Protocol):
    """Runs SQL as superuser and returns what psql prints of it."""

    def __call__(self, script: str, database: str = "postgres") -> str: ...


# As superuser, past policies, triggers and foreign keys. What it prints last changes with the schema.
EMPTY_EVERY_TABLE = """
select pg_terminate_backend(pid, 5000) from pg_stat_activity
 where datname = current_database() and pid <> pg_backend_pid();
set session_replication_role = replica;
do $$
declare each_table regclass;
begin
  for each_table in
    select pg_class.oid from pg_class join pg_namespace on pg_namespace.oid = relnamespace
     where relkind = 'r' and nspname in ('chat', 'auth') and relname <> 'alembic_version'
  loop
    execute format('delete from %s', each_table);
  end loop;
end $$;
"""
LAST_SCHEMA_CHANGE = """
select max(xmin::text::bigint) from (
  select xmin from pg_class union all select xmin from pg_attribute union all select xmin from pg_proc
  union all select xmin from pg_policy union all select xmin from pg_constraint union all select xmin from pg_trigger
  union all select xmin from pg_namespace) as catalogue;
"""


@dataclass(frozen=True)
class Databases:
    """Makes databases on one Postgres, each from a template, and drops them."""

    execute: Execute
    url_of: Callable[[str], str]
    _numbers: Iterator[int] = field(default_factory=itertools.count)
    _emptied: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    _schemas: dict[str, str] = field(default_factory=dict[str, str])

    def create(self, template: str = "template1") -> str:
        """Create a database that Natter's user owns and return its URL."""
        name = f"test{next(self._numbers)}"
        self.execute(f"create database {name} owner {OWNER} template {template}")
        return self.url_of(name)

    def drop(self, url: str) -> None:
        """Drop a database that `create` made, and the connections to it."""
        self.execute(f"drop database if exists {_name(url)} with (force)")

    def borrow(self, template: str) -> str:
        """Return the URL of a database that is as its template is; `give_back` takes it.

        Copying a template takes a tenth of a second of a core, emptying what another test used a hundredth.
        """
        emptied = self._emptied.setdefault(template, [])
        if emptied:
            return emptied.pop()
        if template not in self._schemas:
            self._schemas[template] = self.execute(LAST_SCHEMA_CHANGE, template)
        return self.create(template)

    def give_back(self, url: str, template: str) -> None:
        """Empty every table for the next one who borrows; drop the database if its schema was changed meanwhile."""
        printed = self.execute(EMPTY_EVERY_TABLE + LAST_SCHEMA_CHANGE, _name(url))
        if printed.split()[-1:] == self._schemas[template].split():
            self._emptied[template].append(url)
        else:
            self.drop(url)


def _name(url: str) -> str:
    return url.rpartition("/")[2]


def start_nats(directory: Path) -> tuple[RunningServer, NatsAccounts]:
    """Start a NATS server of the caller's own (for tests that stop or kill it). The caller stops it."""
    for attempt in range(START_ATTEMPTS_MAX):
        server = Nats(directory / "nats", free_port(), free_port(), accounts=NATS_ACCOUNTS)
        server.initialise()
        running = RunningServer(server, directory / "nats.log")
        try:
            running.start()
        except ServerFailedError:  # another program may have taken the port meanwhile
            running.kill()
            if attempt == START_ATTEMPTS_MAX - 1:
                raise
            continue
        return running, NatsAccounts(server.url_of)
    raise ServerFailedError("nats-server did not start")


def start_postgres(directory: Path) -> tuple[RunningServer, Databases]:
    """Start a Postgres of the caller's own, without fsync. The caller stops it."""
    for attempt in range(START_ATTEMPTS_MAX):
        server = Postgres(directory / "postgres", free_port(), "test", durable=False)
        server.initialise()
        running = RunningServer(server, directory / "postgres.log", signal.SIGINT, server.run_as)
        try:
            running.start()
        except ServerFailedError:
            running.kill()
            if attempt == START_ATTEMPTS_MAX - 1:
                raise
            continue
        server.create_roles_and_database()
        return running, Databases(server.execute, server.url_of)
    raise ServerFailedError("postgres did not start")


@contextlib.contextmanager
def temporary_directory() -> Generator[Path]:
    """A short-named directory outside pytest's own."""
    directory = Path(tempfile.mkdtemp(prefix="natter-"))
    try:
        yield directory
    finally:
        shutil.rmtree(directory, ignore_errors=True)


def migrate(database_url: str) -> None:
    """Apply every migration, as `natter up` does."""
    environment = {**Settings().inherited, "DATABASE_URL": database_url, "DATABASE_DIRECT_URL": database_url}
    command = [sys.executable, "-m", "conversation_store", "migrate"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=60)
    if done.returncode != 0:
        raise ServerFailedError(f"migration failed:\n{done.stdout}\n{done.stderr}")


def die_with_parent(stop_signal: signal.Signals = signal.SIGTERM) -> list[str]:
    """On Linux, the words before a command that have the kernel stop it when pytest dies without a chance to.

    A program of its own (util-linux has it), not `preexec_fn`: between fork and exec, Python code can wait for ever
    for a lock that another thread held, and such a child holds every pipe of pytest open.
    """
    setpriv = shutil.which("setpriv") if sys.platform == "linux" else None
    return [setpriv, "--pdeathsig", stop_signal.name.removeprefix("SIG"), "--"] if setpriv else []
