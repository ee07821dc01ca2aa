"""A rolling upgrade: the version before the newest migration serves beside this one, on the database that this one has.

Expand, then contract: a migration may add what the version before does not know, and takes away nothing that it reads.
That version is the parent of the commit that added the newest migration, out of the checkout's own history.
"""

import io
import os
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from natter.servers.ports import free_port
from natter_testing.servers import die_with_parent, temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up

ROOT = Path(__file__).parents[2]
MIGRATIONS = "services/conversation_store/src/conversation_store/migrations/versions"
READY_SECONDS_MAX = 60.0


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, capture_output=True, check=True).stdout


def version_before() -> str | None:
    """The commit before the one that added the newest migration; None without the history that has it."""
    newest = max(path.name for path in (ROOT / MIGRATIONS).glob("0*.py"))
    try:
        added = git("log", "--diff-filter=A", "--format=%H", "-1", "--", f"{MIGRATIONS}/{newest}").decode().strip()
        return git("rev-parse", f"{added}^").decode().strip() if added else None
    except (OSError, subprocess.CalledProcessError):
        return None


BEFORE = version_before()
pytestmark = [
    pytest.mark.whole_path,
    pytest.mark.thorough,
    pytest.mark.skipif(BEFORE is None, reason="this checkout has no history with the version before"),
]


@pytest.fixture(scope="module")
def sources() -> Iterator[str]:
    """The sources of the version before, as a PYTHONPATH."""
    with temporary_directory() as directory:
        with tarfile.open(fileobj=io.BytesIO(git("archive", str(BEFORE)))) as archive:
            archive.extractall(directory, filter="data")
        folders = [directory / "contracts" / "src"]
        for part in ("libs", "services", "assistants"):
            folders += sorted(directory.glob(f"{part}/*/src"))
        yield ":".join(str(folder) for folder in folders)


@pytest.fixture(scope="module")
def natter() -> Iterator[RunningNatter]:
    with (
        temporary_directory() as directory,
        natter_up(
            directory / "data",
            *WITHOUT_WEB,
            environment={"NATTER_PRELOAD": "false"},  # each process then shows its own environment
        ) as natter,
    ):
        yield natter


class Older:
    """Programs of the version before, each in the place of one of the stack's, on ports of their own."""

    def __init__(self, natter: RunningNatter, sources: str) -> None:
        self._natter = natter
        self._sources = sources
        self._running: list[subprocess.Popen[bytes]] = []

    def start(self, name: str) -> str:
        """Start one, and return its address once it is ready."""
        told = (Path("/proc") / str(self._natter.pid(name)) / "environ").read_text().split("\0")
        environment = dict(entry.split("=", 1) for entry in told if "=" in entry)
        environment |= {"PYTHONPATH": self._sources, "METRICS_PORT": str(free_port()), "HTTP_PORT": str(free_port())}
        process = subprocess.Popen([*die_with_parent(), sys.executable, "-m", name], env=environment)
        self._running.append(process)
        deadline = time.monotonic() + READY_SECONDS_MAX
        while not is_ready(f"http://127.0.0.1:{environment['METRICS_PORT']}/readyz"):
            assert process.poll() is None, f"{name} of the version before does not start"
            assert time.monotonic() < deadline, f"{name} of the version before is not ready"
            time.sleep(0.1)
        return f"http://127.0.0.1:{environment['HTTP_PORT']}"

    def stop(self) -> None:
        for process in self._running:
            process.kill()
            process.wait()


@pytest.fixture(scope="module")
def older(natter: RunningNatter, sources: str) -> Iterator[Older]:
    older = Older(natter, sources)
    yield older
    older.stop()


def is_ready(url: str) -> bool:
    try:
        return httpx.get(url).status_code == 200
    except httpx.HTTPError:
        return False


def answer(natter: RunningNatter, edge: str, relay: str, message: str) -> str:
    """What is stored and was shown as the answer to a message, through these two."""
    headers = natter.headers("ulla")
    begun = httpx.post(f"{edge}/api/ulla/chat", json={"message": message}, headers=headers, timeout=10)
    assert begun.status_code == 202, begun.text
    url = f"{relay}/api/ulla/runs/{begun.json()['run_id']}/stream"
    with httpx.stream("GET", url, headers=headers, timeout=20) as stream:
        assert "run.completed" in "".join(stream.iter_text())
    url = f"{edge}/api/ulla/conversations/{begun.json()['conversation_id']}/messages"
    return httpx.get(url, headers=headers).json()["data"][-1]["content"]


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="a process's environment is read in /proc")  # noqa: PTH110
def test_each_service_of_the_version_before_serves_beside_this_version(natter: RunningNatter, older: Older) -> None:
    new = natter.edge_url, natter.relay_url
    assert "“1”" in answer(natter, *new, "add a task: 1")
    old = older.start("auth_edge"), older.start("stream_relay")
    assert "“2”" in answer(natter, *old, "add a task: 2")
    older.start("agent_runner")
    command = [sys.executable, "-m", "natter", "scale", "agent_runner=0", "--data-dir", str(natter.data_dir)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert "“3”" in answer(natter, *new, "add a task: 3")
    older.start("conversation_store")  # both answer from here on, whichever the bus chooses
    for number in range(8):
        assert f"“more {number}”" in answer(natter, *(new, old)[number % 2], f"add a task: more {number}")
    assert "11 tasks" in answer(natter, *new, "list my tasks")
