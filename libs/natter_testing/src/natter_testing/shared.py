"""What is costly to start is started once for all workers of a test run, by the first that asks, and ended by it.

``share`` is for sessions' fixtures. What is shared is told to the other workers as JSON, in a file of the run. Each
worker that uses it holds a lock on that file until its session ends, outside of any test's time: the one that started
it waits there for the others.
"""

import fcntl
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path
from typing import Any, Protocol

import psutil
import pytest

_shared = pytest.StashKey[ExitStack]()

Told = dict[str, Any]
Start = Callable[[], AbstractContextManager[Told]]


class Share(Protocol):
    """Returns what ``start`` yields, in whichever worker that was run."""

    def __call__(self, name: str, start: Start) -> Told: ...


@pytest.fixture(scope="session")
def share(pytestconfig: pytest.Config, testrun_uid: str) -> Share:
    """Start something once for all workers: `share("natter", start)`."""
    until_the_end = pytestconfig.stash.setdefault(_shared, ExitStack())
    runs = Path(tempfile.gettempdir())
    return lambda name, start: until_the_end.enter_context(
        shared(runs / f"natter-{testrun_uid}-{name}" / "told", start)
    )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """The worker has done with what it used."""
    if _shared in session.config.stash:
        session.config.stash[_shared].close()


@contextmanager
def shared(file: Path, start: Start) -> Generator[Told]:
    """What ``start`` yields: here, or in the process that has begun to use ``file`` for it and lives."""
    file.parent.mkdir(exist_ok=True)
    with file.open("a+") as using, ExitStack() as started:
        with _locked(file.with_suffix(".starting")):
            using.seek(0)
            owner, told = json.loads(using.read() or "[-1, {}]")
            is_mine = not psutil.pid_exists(owner)
            if is_mine:
                told = started.enter_context(start())
                using.truncate(0)
                using.write(json.dumps([os.getpid(), told]))
                using.flush()
            fcntl.flock(using, fcntl.LOCK_SH)
        yield told
        if is_mine:
            with _locked(file.with_suffix(".starting")):  # nobody begins to use it
                fcntl.flock(using, fcntl.LOCK_EX)  # nobody uses it any more
                shutil.rmtree(file.parent, ignore_errors=True)


@contextmanager
def _locked(file: Path) -> Generator[None]:
    with file.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
