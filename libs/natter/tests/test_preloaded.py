"""Services are forked from one process: each is its own, and all are back when that one was killed."""

import asyncio
import contextlib
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest_asyncio
from natter.supervision.orphans import find_orphans, marker
from natter.supervision.preloaded import Preloaded
from natter.supervision.program import Program
from natter.supervision.supervisor import Supervisor

SAYS = "import os, time; print(os.environ['NAME'], sorted(os.environ), os.getcwd(), flush=True); time.sleep(60)"


class Stack:
    """Two programs that are ready when they have said something."""

    def __init__(self, directory: Path) -> None:
        self.said: list[tuple[str, str]] = []
        self.directory = directory
        self.preloaded = Preloaded(modules=["statistics"], environment=marker(directory))
        self.supervisor = Supervisor(lambda name, line: self.said.append((name, line)), self.preloaded)

    def program(self, name: str) -> Program:
        seen = {"count": 0}

        async def is_ready() -> bool:
            count = sum(1 for who, line in self.said if who == name and line.startswith(name))
            is_new, seen["count"] = count > seen["count"], count
            return is_new

        command = [sys.executable, "-m", "timeit", "-n", "1", "-r", "1", SAYS]
        return Program(name, command, {"NAME": name, "SECRET": "s3cret"}, is_ready, self.directory, is_forked=True)

    def process(self, name: str) -> psutil.Process:
        pid = next(one.pid for one in self.supervisor.running if one.program.name == name)
        assert pid is not None
        return psutil.Process(pid)


@pytest_asyncio.fixture
async def stack(tmp_path: Path) -> AsyncIterator[Stack]:
    stack = Stack(tmp_path)
    with contextlib.closing(stack.preloaded):
        await stack.supervisor.start([stack.program("one"), stack.program("two")])
        yield stack
        await stack.supervisor.stop(())


async def restarted(stack: Stack, *names: str) -> None:
    for name in names:
        one = next(one for one in stack.supervisor.running if one.program.name == name)
        while one.restarts == 0 or not one._ready.is_set():
            await asyncio.sleep(0.02)


async def test_each_has_its_own_environment_directory_title_and_session(stack: Stack, tmp_path: Path) -> None:
    assert sorted(stack.said) == [(name, f"{name} ['NAME', 'SECRET'] {tmp_path}") for name in ("one", "two")]
    one, two = stack.process("one"), stack.process("two")
    assert one.ppid() == two.ppid() != os.getpid()
    assert f"{sys.executable} -m timeit" in " ".join(one.cmdline())
    assert os.getsid(one.pid) == one.pid
    assert "SECRET" not in one.environ()  # what anybody's `ps` shows of it
    assert {one.pid, two.pid} <= {process.pid for process in find_orphans(tmp_path)}


async def test_one_that_is_killed_comes_back_alone(stack: Stack) -> None:
    other = stack.process("two")
    stack.process("one").kill()
    async with asyncio.timeout(20):
        await restarted(stack, "one")
    assert ("one", "natter: was killed by SIGKILL; starting it again in 0.2 s") in stack.said
    assert stack.process("two") == other


async def test_when_the_one_that_forks_is_killed_all_stop_and_come_back(stack: Stack) -> None:
    before = [stack.process("one"), stack.process("two")]
    psutil.Process(before[0].ppid()).kill()
    async with asyncio.timeout(20):
        await restarted(stack, "one", "two")
    assert not any(process.is_running() and process.status() != psutil.STATUS_ZOMBIE for process in before)
    assert stack.process("one").ppid() == stack.process("two").ppid()
