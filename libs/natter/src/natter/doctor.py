"""`natter doctor`: is this machine able to run Natter, and is what runs here well?"""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import httpx
from actor_kit.provision import provision
from contracts.errors import NatterError
from contracts.services import Service

from natter.data_directory import DataDirectory, DataDirectoryInUseError, StackState
from natter.discovery import silent_services
from natter.operator_bus import operator_bus, operator_settings
from natter.servers import nats, postgres_programs
from natter.servers.ports import is_free
from natter.web_app import NODE_MAJOR_MIN, node_major

DISK_BYTES_MIN = 2 * 1024**3
PORTS = {"--edge-port": 8000, "--relay-port": 8001, "--web-port": 3000}
PROBE_SECONDS_MAX = 3.0
PAIRS = {"openai-agents": "0.24.0", "openai-chatkit": "1.6.5"}
"""These two are made for each other: openai-chatkit imports private names of openai-agents."""


@dataclass(frozen=True)
class Finding:
    """What one check found. `is_well` None: of no consequence by itself, but worth knowing."""

    what: str
    is_well: bool | None
    detail: str


def examine(directory: DataDirectory) -> Iterator[Finding]:
    """Check the machine, then the data directory, then the stack that runs on it, if one does."""
    yield from _machine()
    yield _disk(directory.root)
    state = directory.read_state()
    if state is None or not _is_running(directory):
        yield Finding("stack", None, "none runs on this data directory")
        yield from _ports()
    else:
        yield Finding("stack", True, f"process {state.pid}, {state.url}")
        yield from asyncio.run(_running_stack(directory.root, state))


def _machine() -> Iterator[Finding]:
    running = ".".join(str(part) for part in sys.version_info[:3])
    yield Finding("Python", sys.version_info >= (3, 11), running)
    major = node_major()
    is_well = major is not None and major >= NODE_MAJOR_MIN
    found = f"{major}" if major is not None else "not found"
    yield Finding("Node", is_well or None, f"{found} (the web app needs {NODE_MAJOR_MIN}; --no-web needs none)")
    for package, wanted in PAIRS.items():
        try:
            found = version(package)
        except PackageNotFoundError:
            found = "not installed"
        yield Finding(package, found == wanted, found if found == wanted else f"{found}, {wanted} is needed")
    yield _program("nats-server", lambda: [str(nats.binary()), "--version"])
    yield _program("postgres", lambda: [str(postgres_programs.binaries() / "postgres"), "--version"])


def _program(name: str, command: Callable[[], list[str]]) -> Finding:
    try:
        said = subprocess.run(command(), capture_output=True, text=True, check=True, timeout=10).stdout.strip()
    except (OSError, subprocess.SubprocessError, postgres_programs.PostgresFailedError) as error:
        return Finding(name, False, str(error))
    return Finding(name, True, said)


def _disk(root: Path) -> Finding:
    free = shutil.disk_usage(root).free
    return Finding("disk", free >= DISK_BYTES_MIN, f"{free / 1024**3:.1f} GiB free in {root}")


def _ports() -> Iterator[Finding]:
    for option, port in PORTS.items():
        free = is_free(port)
        yield Finding(f"port {port}", free or None, "free" if free else f"in use: start with {option} 0 or another")


def _is_running(directory: DataDirectory) -> bool:
    try:
        with directory.lock():
            return False
    except DataDirectoryInUseError:
        return True


async def _running_stack(root: Path, state: StackState) -> list[Finding]:
    checks: list[Awaitable[list[Finding]]] = [_bus(root, state)]
    for name, urls in (("auth_edge", state.edge_urls), ("stream_relay", state.relay_urls)):
        checks += [_ready(name, url) for url in urls]
    dead = [name for name, pid in state.processes.items() if pid is None]
    findings = [Finding("processes", not dead, f"not running: {', '.join(dead)}" if dead else "all are running")]
    for found in await asyncio.gather(*checks):
        findings += found
    return findings


async def _ready(name: str, url: str) -> list[Finding]:
    try:
        async with httpx.AsyncClient(timeout=PROBE_SECONDS_MAX, trust_env=False) as client:
            answer = await client.get(f"{url}/readyz")
    except httpx.HTTPError as error:
        return [Finding(name, False, f"{url}: {error or type(error).__name__}")]
    return [Finding(name, answer.status_code == 200, f"{url}: {answer.text.strip()}")]


async def _bus(root: Path, state: StackState) -> list[Finding]:
    wanted = {Service.CONVERSATION_STORE, Service.AGENT_RUNNER}
    try:
        async with operator_bus(operator_settings(root, None)) as bus:
            silent = await silent_services(bus, wanted)
            drifts = await provision(  # it looks, and changes nothing
                bus, assistants=state.assistants, replicas=state.nats_replicas, is_dry_run=True
            )
    except NatterError as error:
        return [Finding("NATS", False, error.detail)]
    answers = f"no answer from {', '.join(sorted(silent))}" if silent else "store and runner answer"
    streams = [Finding("streams", False, drift) for drift in drifts] or [Finding("streams", True, "as contracts say")]
    return [Finding("NATS", not silent, answers), *streams]
