"""These tests want a Docker engine with Compose: where none answers they are left out, and the header says so."""

import shutil
import subprocess
from collections.abc import Iterator

import pytest

from tests.containers.compose import Containers, built_and_up

NAMES = ["test_cluster.py", "test_compose_up.py", "test_restarts.py"]


def engine_answers() -> bool:
    """Whether `docker compose` can be used here."""
    if shutil.which("docker") is None:
        return False
    for command in (["docker", "compose", "version"], ["docker", "info"]):
        try:
            done = subprocess.run(command, capture_output=True, timeout=10, check=False)
        except subprocess.TimeoutExpired:
            return False
        if done.returncode != 0:
            return False
    return True


HAS_ENGINE = engine_answers()
collect_ignore = [] if HAS_ENGINE else NAMES


def pytest_report_header() -> list[str]:
    """Say at the start of a run what is left out."""
    return [] if HAS_ENGINE else ["no Docker engine answers: tests/containers is left out (`make containers`)"]


@pytest.fixture(scope="session")
def containers() -> Iterator[Containers]:
    """The one project of all these tests."""
    with built_and_up() as stack:
        yield stack
