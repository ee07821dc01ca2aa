"""`natter backup` and `natter restore`: the database and the secrets that read it, to a folder and back.

Postgres is the record, so this is all there is to keep: RUNS is a queue of what Postgres knows (the store's sweeper
asks again for what the queue lacks), DELTAS the last hour of what viewers see.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from natter.data_directory import DataDirectory, DataDirectoryInUseError
from natter.servers.ports import free_port
from natter.servers.postgres import DATABASE, SUPERUSER, Postgres, binaries

DUMP, SECRETS = "postgres.dump", "secrets.json"
DUMP_SECONDS_MAX = 6 * 60 * 60
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0


class BackupError(Exception):
    """It was not done; the text says why."""


def back_up(directory: DataDirectory, folder: Path) -> None:
    """Dump the database of the stack that runs, in one snapshot, into a new folder that its owner alone can read.

    Raises BackupError.
    """
    state = directory.read_state()
    if state is None or not state.database_is_embedded:
        raise BackupError("there is no embedded Postgres here: back up your own with pg_dump, or branch it at Neon")
    try:
        folder.mkdir(mode=0o700, parents=True)
    except OSError as error:
        raise BackupError(f"{folder} cannot be made: {error.strerror}") from error
    secrets = directory.read_secrets()
    port = int(state.database_url.rpartition(":")[2].partition("/")[0])
    command = ["pg_dump", "--format=custom", f"--file={folder / DUMP}", DATABASE]
    _run(command, port, secrets.postgres_superuser_password)
    (folder / DUMP).chmod(0o600)
    shutil.copyfile(directory.root / SECRETS, folder / SECRETS)
    (folder / SECRETS).chmod(0o600)


def restore(directory: DataDirectory, folder: Path) -> None:
    """Put a backup in the place of the directory's database and secrets; no stack may run on it. Raises BackupError."""
    for name in (DUMP, SECRETS):
        if not (folder / name).is_file():
            raise BackupError(f"{folder} has no {name}: it is no backup")
    try:
        with directory.lock():
            _restore(directory, folder)
    except DataDirectoryInUseError as error:
        raise BackupError(str(error)) from error


def _restore(directory: DataDirectory, folder: Path) -> None:
    shutil.copyfile(folder / SECRETS, directory.root / SECRETS)
    (directory.root / SECRETS).chmod(0o600)
    secrets = directory.read_secrets()
    shutil.rmtree(directory.postgres, ignore_errors=True)  # with the superuser's password of another day
    postgres = Postgres(
        directory.postgres,
        free_port(),
        secrets.postgres_password,
        superuser_password=secrets.postgres_superuser_password,
        store_password=secrets.postgres_store_password,
        web_password=secrets.postgres_web_password,
    )
    with _running(postgres):
        postgres.create_roles_and_database()
        command = [
            "pg_restore",
            "--clean",
            "--if-exists",
            "--exit-on-error",
            f"--dbname={DATABASE}",
            str(folder / DUMP),
        ]
        _run(command, postgres.port, secrets.postgres_superuser_password)


@contextmanager
def _running(postgres: Postgres) -> Generator[None]:
    postgres.initialise()
    server = subprocess.Popen(
        postgres.command,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd=postgres.directory,
        **postgres.run_as,
    )
    try:
        deadline = time.monotonic() + START_SECONDS_MAX
        while not postgres.is_ready():
            if server.poll() is not None or time.monotonic() > deadline:
                raise BackupError("Postgres does not start: `natter doctor` may say why")
            time.sleep(0.05)
        yield
    finally:
        server.send_signal(2)  # SIGINT: at once, and cleanly
        server.wait(STOP_SECONDS_MAX)


def _run(command: Sequence[str], port: int, password: str) -> None:
    program, *arguments = command
    where = ("--host=127.0.0.1", f"--port={port}", f"--username={SUPERUSER}", "--no-password")
    done = subprocess.run(
        [str(binaries() / program), *where, *arguments],
        env={"PGPASSWORD": password, "PATH": os.defpath},
        capture_output=True,
        text=True,
        check=False,
        timeout=DUMP_SECONDS_MAX,
    )
    if done.returncode != 0:
        raise BackupError("\n".join(done.stderr.splitlines()[-10:]) or f"{program} failed")
