"""The embedded Postgres: one cluster in a directory, listening on loopback, with a password.

Started by root it runs as another user, who reaches the cluster as its working directory (`postgres_programs`).
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict
from urllib.parse import quote

import psutil
from contracts.postgres_roles import OWNER, STORE, WEB

from contracts import postgres_roles
from natter.servers.ports import LOOPBACK
from natter.servers.postgres_programs import (
    HERE,
    VERSION_MAJOR,
    PostgresFailedError,
    binaries,
    binaries_for_others,
    unprivileged_user,
)

SUPERUSER = "postgres"
DATABASE = "natter"
INITDB_SECONDS_MAX = 60
STATEMENT_SECONDS_MAX = 30
CREATE_OWNER_AND_DATABASE = """
select 'create role natter login'
    where not exists (select from pg_roles where rolname = 'natter') \\gexec
select 'create database natter owner natter'
    where not exists (select from pg_database where datname = 'natter') \\gexec
"""


class RunAs(TypedDict, total=False):
    """The arguments of `subprocess` that change who runs a program."""

    user: str
    group: int
    extra_groups: list[str | int]


@dataclass(frozen=True)
class Postgres:
    """Where a cluster is, how to reach it, and who runs it.

    Four roles: the superuser, whose password no program of a stack gets; the owner (``password``), who migrates; the
    store, which may read and write rows; the web app, whose is the schema `auth`. A password that is not given is the
    owner's. `durable=False` leaves out fsync, for tests: a crash of the machine, not of Postgres, could then lose data.
    """

    directory: Path
    port: int
    password: str
    durable: bool = True
    superuser_password: str | None = None
    store_password: str | None = None
    web_password: str | None = None

    @property
    def url(self) -> str:
        """The address of Natter's database, for its owner."""
        return self.url_of(DATABASE)

    def url_of(self, database: str, user: str = OWNER) -> str:
        """The address of a database of this cluster for one of the roles."""
        password = quote(self._passwords[user], safe="")
        return f"postgresql://{user}:{password}@{LOOPBACK}:{self.port}/{quote(database)}"

    @property
    def _passwords(self) -> dict[str, str]:
        others = {SUPERUSER: self.superuser_password, STORE: self.store_password, WEB: self.web_password}
        return {OWNER: self.password} | {role: password or self.password for role, password in others.items()}

    @property
    def command(self) -> list[str]:
        """What runs the server in the foreground, in the cluster's directory. SIGINT stops it fast and cleanly."""
        settings = {
            "listen_addresses": LOOPBACK,
            "port": str(self.port),
            "unix_socket_directories": "",
            "max_connections": "200",
            "log_checkpoints": "off",
            "timezone": "UTC",
        }
        if not self.durable:
            settings |= {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
        pairs = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
        return [str(self._programs / "postgres"), "-D", self._named, *pairs]

    @property
    def user(self) -> str | None:
        """The system user that must run the server: None is the current one."""
        return unprivileged_user(self.directory) if os.geteuid() == 0 else None

    @property
    def run_as(self) -> RunAs:
        """The same for `subprocess`: which user, with that user's group alone."""
        if self.user is None:
            return {}
        return {"user": self.user, "group": pwd.getpwnam(self.user).pw_gid, "extra_groups": []}

    @property
    def _named(self) -> str:
        """The cluster, for programs that run in it: another user may not be able to get there by its path."""
        return str(self.directory if self.user is None else HERE)

    @property
    def _programs(self) -> Path:
        return binaries() if self.user is None else binaries_for_others()

    def initialise(self) -> None:
        """Create the cluster unless there is one; finish an interrupted creation from the start.

        Raises PostgresFailedError with what `initdb` said.
        """
        self.directory.parent.mkdir(parents=True, exist_ok=True)
        if (self.directory / "natter-cluster").exists():
            self._forget_dead_server()
            self._give_to_its_user()
            return
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(mode=0o700)
        self._give_to_its_user()
        with tempfile.NamedTemporaryFile("w", prefix="natter-", suffix=".pw") as password_file:
            password_file.write(self._passwords[SUPERUSER])
            password_file.flush()
            if self.user:
                os.chown(password_file.name, pwd.getpwnam(self.user).pw_uid, -1)
            self._run(
                [
                    *("initdb", "-D", self._named, "-U", SUPERUSER, "--pwfile", password_file.name),
                    *("--auth", "scram-sha-256", "--encoding", "UTF8", "--no-instructions"),
                    *("--locale-provider", "builtin", "--builtin-locale", "C.UTF-8", "--locale", "C"),
                    *([] if self.durable else ["--no-sync"]),
                ],
                INITDB_SECONDS_MAX,
                run_as=self.run_as,
            )
        (self.directory / "natter-cluster").write_text(f"{VERSION_MAJOR}\n")

    def create_roles_and_database(self) -> None:
        """Create Natter's database and the roles, and give each its password and rights, and what is there already.

        May be repeated. A cluster of before, whose superuser has the owner's password, gets the new one.
        """
        try:
            self.execute(CREATE_OWNER_AND_DATABASE)
        except PostgresFailedError as error:
            if "password authentication failed" not in str(error):
                raise
            change = f"alter role {SUPERUSER} password :'new';"
            self.execute(change, variables={"new": self._passwords[SUPERUSER]}, password=self.password)
            self.execute(CREATE_OWNER_AND_DATABASE)
        values: dict[str, str] = {}
        for key, role in {"owner": OWNER, "store": STORE, "web": WEB}.items():
            values |= {key: role, f"{key}_password": self._passwords[role]}
        given = "".join(f"set natter.{name} = :'{name}';\n" for name in values)
        self.execute(given + postgres_roles.SCRIPT, database=DATABASE, variables=values)

    def is_ready(self) -> bool:
        """Say whether the server takes connections."""
        probe = ["pg_isready", "-q", "-h", LOOPBACK, "-p", str(self.port), "-t", "2"]
        return subprocess.run([binaries() / probe[0], *probe[1:]], check=False, capture_output=True).returncode == 0

    def execute(
        self,
        script: str,
        database: str = "postgres",
        variables: Mapping[str, str] | None = None,
        password: str | None = None,
    ) -> str:
        """Run a psql script as superuser and return what it printed. Raises PostgresFailedError.

        `variables` are psql's own: the script writes `:'name'` for one as a quoted literal.
        """
        arguments = ["psql", "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-h", LOOPBACK, "-p", str(self.port)]
        arguments += ["-U", SUPERUSER, "-d", database]
        definitions = "".join(f"\\set {name} '{_doubled(value)}'\n" for name, value in (variables or {}).items())
        # As whoever we are: a child of another user costs a copy of this process's page tables.
        password = password or self._passwords[SUPERUSER]
        return self._run(
            arguments, STATEMENT_SECONDS_MAX, stdin=definitions + script, run_as=RunAs(), password=password
        )

    def _run(
        self, command: list[str], seconds_max: float, *, run_as: RunAs, stdin: str = "", password: str = ""
    ) -> str:
        try:
            done = subprocess.run(
                [(self._programs if run_as else binaries()) / command[0], *command[1:]],
                **run_as,
                input=stdin,
                env={"PATH": os.defpath, "PGPASSWORD": password},
                cwd=self.directory if run_as else "/",
                capture_output=True,
                text=True,
                timeout=seconds_max,
                check=True,
            )
        except subprocess.CalledProcessError as error:
            raise PostgresFailedError(f"{command[0]}: {error.stderr.strip()}") from error
        except subprocess.TimeoutExpired as error:
            raise PostgresFailedError(f"{command[0]} did not end within {seconds_max:g} s") from error
        return done.stdout

    def _forget_dead_server(self) -> None:
        """Remove the lock file of a server that is no more.

        Postgres does so itself, but for one case: another program has the process id now, as after a restart of a
        container. The caller holds the data directory, so that no server can be running in it rightly.
        """
        lock = self.directory / "postmaster.pid"
        if not lock.exists():
            return
        try:
            process = psutil.Process(int(lock.read_text().splitlines()[0]))
            is_alive = process.name() == "postgres" and process.cwd() == str(self.directory.resolve())
        except (psutil.NoSuchProcess, psutil.AccessDenied, ValueError, IndexError):
            is_alive = False
        if not is_alive:
            lock.unlink()

    def _give_to_its_user(self) -> None:
        if not self.user:
            return
        uid, gid = pwd.getpwnam(self.user)[2:4]
        if self.directory.stat().st_uid != uid:
            for path in (self.directory, *self.directory.rglob("*")):
                os.chown(path, uid, gid, follow_symlinks=False)


def _doubled(text: str) -> str:
    """Write a text as psql's `\\set` reads it between single quotes."""
    return text.replace("\\", "\\\\").replace("'", "''")
