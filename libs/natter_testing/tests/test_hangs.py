"""Whatever a test does, the run ends, names it as failed, and goes on with the next one."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from natter_testing.hangs import INTERRUPTED

pytestmark = pytest.mark.thorough  # half a minute each, most of it the starts of pytest's own processes

SETTINGS = """
[pytest]
addopts = -p natter_testing.hangs -p no:cacheprovider --import-mode=importlib
asyncio_mode = auto
asyncio_default_fixture_loop_scope = function
timeout = 1
timeout_method = signal
hang_grace_seconds = 2
"""
HANGS = '''
import asyncio, ctypes, os, pathlib, subprocess, sys, time
import pytest
from natter_testing.hangs import INTERRUPTED

HOURS = 3 * 3600

def test_before(): ...

def test_sleeps_while_its_child_holds_everything():
    subprocess.Popen([sys.executable, "-c", "import time; time.sleep(120)"], close_fds=False)
    time.sleep(HOURS)

async def test_awaits_for_ever():
    await asyncio.sleep(HOURS)

@pytest.fixture
def never_torn_down():
    yield
    time.sleep(HOURS)

def test_fails_and_hangs_in_its_teardown(never_torn_down):
    raise AssertionError("as planted")

def test_hangs_in_c_and_holds_the_pipe_of_its_process():
    """A fork that does not execute anything has the pipe to xdist; then Python's own lock is never given back."""
    child = os.fork()
    if child == 0:
        time.sleep(HOURS)
    pathlib.Path("child.pid").write_text(str(child))
    mutex = ctypes.create_string_buffer(64)
    library = ctypes.PyDLL(None)
    library.pthread_mutex_lock(mutex)
    library.pthread_mutex_lock(mutex)

def test_after(): ...
'''
ENDLESS = """
import time
import pytest
from natter_testing.hangs import INTERRUPTED

def test_fails():
    raise AssertionError("as planted")

@pytest.mark.timeout(300)
def test_sleeps():
    time.sleep(300)
"""
OTHERS = "def test_of_another_file(): ...\n"


def run_pytest(directory: Path, *arguments: str) -> tuple[int, str]:
    """Run the tests of a directory in two processes and return the exit code and all that was said."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    output = directory / "output.txt"  # not a pipe: what the planted tests leave behind would hold it open
    with output.open("w") as file:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-v", "-n", "2", "--dist", "loadfile", *arguments],
            cwd=directory,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
            timeout=90,
            check=False,
        )
    return done.returncode, output.read_text()


def outcomes(output: str) -> dict[str, list[str]]:
    """How often each test passed, failed or had an error, by its name."""
    found: dict[str, list[str]] = {}
    for outcome, test in re.findall(r"^\[gw\d+\].* (PASSED|FAILED|ERROR) \S+::(\w+)", output, re.MULTILINE):
        found.setdefault(test, []).append(outcome)
    return found


def test_a_test_that_hangs_fails_once_and_the_run_goes_on(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(SETTINGS)
    (tmp_path / "test_hangs.py").write_text(HANGS)
    (tmp_path / "test_others.py").write_text(OTHERS)
    try:
        code, output = run_pytest(tmp_path)
    finally:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            os.kill(int((tmp_path / "child.pid").read_text()), signal.SIGKILL)
    assert code == 1, output
    assert outcomes(output) == {
        "test_before": ["PASSED"],
        "test_sleeps_while_its_child_holds_everything": ["FAILED"],
        "test_awaits_for_ever": ["FAILED"],
        "test_fails_and_hangs_in_its_teardown": ["FAILED", "FAILED"],  # itself, then the process that it ended
        "test_hangs_in_c_and_holds_the_pipe_of_its_process": ["FAILED"],
        "test_after": ["PASSED"],
        "test_of_another_file": ["PASSED"],
    }, output
    assert output.count("Failed: Timeout (>1.0s) from pytest-timeout.") >= 2
    assert re.search(r"Timeout \(0:00:03\)!\n.*in never_torn_down", output, re.DOTALL)
    assert re.search(r"Timeout \(0:00:03\)!\n.*in test_hangs_in_c_and_holds", output, re.DOTALL)


def test_a_run_that_takes_too_long_ends_and_says_what_it_found(tmp_path: Path) -> None:
    (tmp_path / "pytest.ini").write_text(SETTINGS + "run_seconds_max = 15\n")
    (tmp_path / "test_hangs.py").write_text(ENDLESS)
    code, output = run_pytest(tmp_path, "-n", "1")
    assert code == INTERRUPTED, output
    assert "the run took longer than 15 s (run_seconds_max)" in output
    assert "AssertionError: as planted" in output
