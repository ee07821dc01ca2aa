"""`natter backup` and `natter restore`: the database, the secrets that read it, and files, to a folder and back.

Postgres is the record, so beside the bytes of files this is all there is to keep: RUNS is a queue of what Postgres
knows (the store's sweeper asks again for what the queue lacks), DELTAS the last hour of what viewers see.
"""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import Coroutine, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from contracts.errors import NatterError
from contracts.services import Service
from pydantic import SecretStr

from natter.data_directory import DataDirectory, DataDirectoryInUseError, Secrets
from natter.file_backup import Copied, copy_in, copy_out, operators_files
from natter.operator_bus import operator_bus, operator_settings
from natter.plan import plan_nats
from natter.servers.nats import Nats
from natter.servers.ports import free_port
from natter.servers.postgres import DATABASE, SUPERUSER, Postgres, RunAs, binaries

DUMP, SECRETS, FILES = "postgres.dump", "secrets.json", "files"
DUMP_SECONDS_MAX = 6 * 60 * 60
START_SECONDS_MAX = 60.0
STOP_SECONDS_MAX = 30.0


class BackupError(Exception):
    """It was not done; the text says why."""


def back_up(directory: DataDirectory, folder: Path, *, with_files: bool) -> Copied | None:
    """Dump the database of the stack that runs, in one snapshot, into a new folder that its owner alone can read; then
    copy the files. One that comes later is no loss: the database in the folder does not know it.

    Returns what was copied of files. Raises BackupError.
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
    return _back_up_files(directory, folder / FILES) if with_files else None


def _back_up_files(directory: DataDirectory, folder: Path) -> Copied:
    async def copy() -> Copied:
        async with operators_files(operator_settings(directory.root, None)) as files:
            return await copy_out(files, folder)

    return _copied(copy())


def _copied(copying: Coroutine[Any, Any, Copied]) -> Copied:
    try:
        return asyncio.run(copying)
    except (NatterError, OSError) as error:
        raise BackupError(f"the database is there, the files are not: {error}") from error


def restore(directory: DataDirectory, folder: Path) -> Copied | None:
    """Put a backup in the place of the directory's database and secrets, and the files that are missing into the file
    store; no stack may run on it. Returns what was copied of files. Raises BackupError.
    """
    for name in (DUMP, SECRETS):
        if not (folder / name).is_file():
            raise BackupError(f"{folder} has no {name}: it is no backup")
    try:
        with directory.lock():
            _restore(directory, folder)
            return _restore_files(directory, folder / FILES) if (folder / FILES).is_dir() else None
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


def _restore_files(directory: DataDirectory, folder: Path) -> Copied:
    """In NATS of ours, which runs for that alone; or in that of others, or in S3, which do."""
    state = directory.read_state()
    secrets = directory.read_secrets()
    is_ours = state is None or state.nats_is_embedded
    servers = plan_nats((state.nats_replicas if state else None) or 1, directory, secrets) if is_ours else []
    directory.write_secrets(secrets)

    async def copy() -> Copied:
        if servers:
            settings = _operator_of(servers, secrets)
            async with operator_bus(settings) as bus:
                await provision(bus, assistants=state.assistants if state else None, replicas=len(servers))
        else:
            settings = operator_settings(directory.root, None)
        async with operators_files(settings) as files:
            return await copy_in(folder, files)

    with _running(*servers):
        return _copied(copy())


def _operator_of(servers: Sequence[Nats], secrets: Secrets) -> ServiceSettings:
    password = SecretStr(secrets.nats_password(Service.OPERATOR))
    return ServiceSettings(
        nats_url=",".join(server.url for server in servers), nats_user=Service.OPERATOR, nats_password=password
    )


@contextmanager
def _running(*servers: Postgres | Nats) -> Generator[None]:
    """For this alone, while no stack runs."""
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for server in servers:
            server.initialise()
            processes.append(_start(server))
        deadline = time.monotonic() + START_SECONDS_MAX
        while not all(server.is_ready() for server in servers):
            if any(process.poll() is not None for process in processes) or time.monotonic() > deadline:
                raise BackupError("Postgres or NATS does not start: `natter doctor` may say why")
            time.sleep(0.05)
        yield
    finally:
        for process in processes:
            process.send_signal(2)  # SIGINT: at once, and cleanly
        for process in processes:
            process.wait(STOP_SECONDS_MAX)


def _start(server: Postgres | Nats) -> subprocess.Popen[bytes]:
    run_as: RunAs = server.run_as if isinstance(server, Postgres) else {}
    return subprocess.Popen(
        server.command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=server.directory, **run_as
    )


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
