"""Pytest plugin: a test that hangs is a failed test with its stacks in the output, and every test run ends.

Three bounds, each for what the one before it cannot end:

1. pytest-timeout raises in the test after `timeout` seconds (its method `signal`), and the next test goes on.
2. `hang_grace_seconds` later the test process prints the stacks of its threads and ends: a test may catch what is
   raised in it, hang in C code or, once it has failed, in the teardown of a fixture. pytest-xdist starts another
   process, which goes on after that test.
3. `run_seconds_max` after its start the whole run fails, with what was found until then.
"""

import faulthandler
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from types import FrameType
from typing import Any

import pytest
from xdist.scheduler import LoadFileScheduling  # pyright: ignore[reportMissingTypeStubs]
from xdist.workermanage import Marker, WorkerController  # pyright: ignore[reportMissingTypeStubs]

LOOK_EVERY_SECONDS = 1.0
INTERRUPTED = 2  # pytest's exit code of a run that was cut short: not all tests were executed
LAST_WORDS_SECONDS_MAX = 5.0  # for the reports of a process that has ended to be read

_stderr = pytest.StashKey[int]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the bounds, for pyproject.toml."""
    parser.addini("hang_grace_seconds", "end the test process so long after a test's timeout", default="120")
    parser.addini("one_worker_files", "files that share what is costly to start", type="args", default=[])
    parser.addini("run_seconds_max", "fail the whole run after so many seconds", default="2400")


def pytest_configure(config: pytest.Config) -> None:
    """Keep the real standard error, which pytest takes from the tests; bound the run where xdist's controller is."""
    config.stash[_stderr] = os.dup(_standard_error())
    if _runs_the_workers(config):
        seconds = float(config.getini("run_seconds_max"))

        def give_up(_signal: int, _frame: FrameType | None) -> None:
            faulthandler.dump_traceback_later(60, exit=True, file=config.stash[_stderr])  # to say so, no longer
            pytest.exit(f"the run took longer than {seconds:g} s (run_seconds_max)", returncode=INTERRUPTED)

        signal.signal(signal.SIGALRM, give_up)
        signal.setitimer(signal.ITIMER_REAL, seconds)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Let go of what `pytest_configure` took."""
    if _runs_the_workers(config):
        signal.setitimer(signal.ITIMER_REAL, 0)
        faulthandler.cancel_dump_traceback_later()
    os.close(config.stash[_stderr])


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Bound a test with all its fixtures, in a thread of C that needs neither Python's lock nor its main thread."""
    _arm(item)
    try:
        return (yield)
    finally:
        faulthandler.cancel_dump_traceback_later()


@pytest.hookimpl(trylast=True)
def pytest_exception_interact(node: pytest.Item | pytest.Collector) -> None:
    """Bound the teardown of a test that failed: pytest and pytest-timeout take their bounds back there."""
    if isinstance(node, pytest.Item):
        _arm(node)


def _arm(item: pytest.Item) -> None:
    marker = item.get_closest_marker("timeout")
    timeout = marker.args[0] if marker else item.config.getoption("timeout") or item.config.getini("timeout")
    seconds = float(timeout) + float(item.config.getini("hang_grace_seconds"))
    faulthandler.dump_traceback_later(seconds, exit=True, file=item.config.stash[_stderr])


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> "FileByFile | None":
    """Take the place of `--dist loadfile`."""
    return FileByFile(config, log) if config.getoption("dist") == "loadfile" else None


class FileByFile(LoadFileScheduling):
    """xdist's scheduler, but some files stay together, and what a process died of is not run again in the next."""

    def _split_scope(self, nodeid: str) -> str:
        file = super()._split_scope(nodeid)
        together: list[str] = self.config.getini("one_worker_files")
        return together[0] if file in together else file

    def remove_node(self, node: WorkerController) -> str | None:
        """Return the test that the process died of, if any, and give what it had left to others."""
        for tests_of_file in self.assigned_work[node].values():
            for test, done in tests_of_file.items():
                if not done:
                    tests_of_file[test] = True
                    super().remove_node(node)
                    return test
        return super().remove_node(node)


def pytest_testnodeready(node: WorkerController) -> None:
    """Watch a worker's process: whoever else holds its pipe open keeps xdist from seeing that it has ended."""
    threading.Thread(target=_tell_when_it_has_ended, args=(node,), daemon=True).start()


def _tell_when_it_has_ended(node: WorkerController) -> None:
    gateway: Any = node.gateway
    process: subprocess.Popen[bytes] = gateway._io.popen  # noqa: SLF001
    while process.poll() is None:
        time.sleep(LOOK_EVERY_SECONDS)
    time.sleep(LAST_WORDS_SECONDS_MAX)
    node.process_from_remote(Marker.END)  # as xdist's own end of the pipe does; it is heard once


def _runs_the_workers(config: pytest.Config) -> bool:
    return not hasattr(config, "workerinput") and bool(config.getoption("numprocesses", default=None))


def _standard_error() -> int:
    assert sys.__stderr__ is not None
    return sys.__stderr__.fileno()
