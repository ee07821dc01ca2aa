"""Programs are started, restarted and stopped as promised; orphans are found by the data directory they carry."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from natter.supervision import supervised
from natter.supervision.orphans import find_orphans, marker, stop_orphans
from natter.supervision.program import Program, ProgramFailedError
from natter.supervision.supervisor import Supervisor

RUNS = "import time; print('started', flush=True); time.sleep(60)"
STUBBORN = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {RUNS}"


class Lines:
    def __init__(self) -> None:
        self.seen: list[tuple[str, str]] = []

    def __call__(self, name: str, text: str) -> None:
        self.seen.append((name, text))

    def count(self, text: str) -> int:
        return sum(1 for _, line in self.seen if text in line)


def program(lines: Lines, name: str, code: str, **more: object) -> Program:
    """A Python program that is ready when it printed `started` as often as it was started."""
    ready = {"count": 0}

    async def is_ready() -> bool:
        started = sum(1 for who, line in lines.seen if who == name and line == "started")
        if started > ready["count"]:
            ready["count"] = started
            return True
        return False

    return Program(name, [sys.executable, "-c", code], dict(os.environ), is_ready, **more)  # pyright: ignore[reportArgumentType]


async def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.02)


async def test_a_program_that_its_watchdog_ended_starts_again_though_it_was_never_ready(tmp_path: Path) -> None:
    lines, mark = Lines(), tmp_path / "has lived"
    stalled = f"import os, pathlib; p = pathlib.Path({str(mark)!r}); p.exists() or (p.touch(), os._exit(26)); {RUNS}"
    supervisor = Supervisor(lines)
    await supervisor.start([program(lines, "agent_runner", stalled)])
    assert lines.count("exited with code 26; starting it again") == 1
    await supervisor.stop(())


async def test_a_killed_program_starts_again_and_all_stop_in_order() -> None:
    lines = Lines()
    supervisor = Supervisor(lines)
    goodbye = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: (print('bye', flush=True), sys.exit()));"
    await supervisor.start([program(lines, name, goodbye + RUNS) for name in ("store", "edge.2", "edge")])
    first = {one.program.name: one.pid for one in supervisor.running}
    os.kill(first["store"] or 0, signal.SIGKILL)
    await until(lambda: lines.count("started") == 4)
    assert [one.restarts for one in supervisor.running] == [1, 0, 0]
    await supervisor.stop([{"edge"}])
    said_goodbye = [name for name, line in lines.seen if line == "bye"]
    assert sorted(said_goodbye[:2]) == ["edge", "edge.2"]
    assert said_goodbye[2:] == ["store"]
    assert all(one.pid is None for one in supervisor.running)


async def test_what_ignores_sigterm_is_killed_with_its_children() -> None:
    lines = Lines()
    supervisor = Supervisor(lines)
    sleeps = "[sys.executable, '-c', 'import time; time.sleep(60)']"
    child = f"import subprocess, sys; print(subprocess.Popen({sleeps}).pid); "
    await supervisor.start([program(lines, "edge", child + STUBBORN, stop_seconds_max=0.3)])
    child_pid = int(lines.seen[0][1])
    began = time.monotonic()
    await supervisor.stop([])
    assert time.monotonic() - began < 3
    await until(lambda: not psutil.pid_exists(child_pid) or psutil.Process(child_pid).status() == "zombie")


async def test_a_program_that_cannot_start_fails_with_its_last_lines() -> None:
    lines = Lines()
    supervisor = Supervisor(lines)
    with pytest.raises(ProgramFailedError) as caught:
        await supervisor.start([program(lines, "edge", "import sys; print('NATS_URL is missing'); sys.exit(3)")])
    assert caught.value.name == "edge"
    assert caught.value.reason == "exited with code 3 before it was ready"
    assert caught.value.last_lines == ("NATS_URL is missing",)


async def test_a_program_that_keeps_dying_is_given_up(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(supervised, "RESTART_DELAY_SECONDS_FIRST", 0.001)
    monkeypatch.setattr(supervised, "FAILED_RESTARTS_MAX", 3)
    lines = Lines()
    supervisor = Supervisor(lines)
    flag = tmp_path / "second"
    code = (
        f"import pathlib, sys; f = pathlib.Path({str(flag)!r});\nif f.exists(): sys.exit('no more')\nf.touch(); {RUNS}"
    )
    await supervisor.start([program(lines, "edge", code)])
    os.kill(supervisor.running[0].pid or 0, signal.SIGKILL)
    with pytest.raises(ProgramFailedError, match="3 times in a row"):
        await asyncio.wait_for(supervisor.run_until_one_is_given_up(), 10)


async def test_a_line_of_any_length_is_read() -> None:
    lines = Lines()
    supervisor = Supervisor(lines)
    await supervisor.start([program(lines, "edge", "print('x' * 300_000); " + RUNS)])
    assert sum(len(line) for _, line in lines.seen if line.startswith("x")) == 300_000
    await supervisor.stop([])


def test_orphans_are_found_by_their_data_directory_and_stopped(tmp_path: Path) -> None:
    command = [sys.executable, "-c", "import time; time.sleep(60)"]
    mine = subprocess.Popen(command, env={**os.environ, **marker(tmp_path)})
    other = subprocess.Popen(command, env={**os.environ, **marker(tmp_path / "other")})
    try:
        assert [process.pid for process in find_orphans(tmp_path)] == [mine.pid]
        assert len(stop_orphans(tmp_path)) == 1
        assert mine.poll() is not None
        assert other.poll() is None
    finally:
        for process in (mine, other):
            process.kill()
            process.wait()
