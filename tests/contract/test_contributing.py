"""CONTRIBUTING.md, "Adding a message in five minutes": what it says is done to a copy of the sources, and works."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conversation_store.revision import head

ROOT = Path(__file__).parents[2]
SECTION = (ROOT / "CONTRIBUTING.md").read_text().partition("## Adding a message")[2].partition("\n## ")[0]
STEP = re.compile(r"`([\w/.-]+/[\w.-]+\.\w+)`|^ *```diff\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
MIGRATIONS = ROOT / "services/conversation_store/src/conversation_store/migrations/versions"
REVISION = re.compile(r'(?<=revision = ")\d{4}(?=")')

KEPT_BY = (
    "tests/contract/test_registry.py",
    "tests/contract/test_provider.py::test_the_store_keeps_every_contract",
    "services/conversation_store/tests/test_migrations.py::test_the_migrations_are_what_the_models_say",
    "services/conversation_store/tests/test_documentation.py",
    "services/conversation_store/tests/test_statements.py",
)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The sources as git has them, with what is not committed yet."""
    files = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, check=True)
    for name in files.stdout.decode().splitlines():
        if (ROOT / name).is_file() and not name.startswith("web/"):
            target = tmp_path / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, target)
    return tmp_path


def steps() -> list[tuple[str, list[str]]]:
    """Each diff of the section as (the file that was named last before it, its lines)."""
    found: list[tuple[str, list[str]]] = []
    path = ""
    for named, diff in STEP.findall(SECTION):
        path = named or path
        if diff:
            found.append((path, [line[3:] for line in diff.splitlines()]))
    return found


def apply(copy: Path, path: str, lines: list[str]) -> None:
    """Do what a diff says; its context stands in the file once."""
    if "migrations" in path:  # the text knows one that was the last when it was written; numbers may be left out
        own = f"{int(max(file.name for file in MIGRATIONS.glob('[0-9]*.py'))[:4]) + 1:04}"
        path = re.sub(r"\d{4}(?=_)", own, path)
        lines = [REVISION.sub(head() if "down_revision" in line else own, line) for line in lines]
    file = copy / path
    old = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "+")
    new = "".join(f"{line[1:]}\n" for line in lines if line[:1] != "-")
    text = file.read_text() if file.exists() else ""
    assert not old or text.count(old) == 1, (path, old)
    file.write_text(text.replace(old, new) if old else new)


def run(copy: Path, *command: str) -> subprocess.CompletedProcess[str]:
    sources = [str(path) for path in (copy, *copy.glob("contracts/src"), *copy.glob("*/*/src"))]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sources)}
    return subprocess.run(
        [sys.executable, "-m", *command], cwd=copy, env=environment, capture_output=True, text=True, check=False
    )


@pytest.mark.thorough
def test_a_message_is_added_by_doing_what_the_text_says(copy: Path) -> None:
    told = steps()
    in_contracts = [step for step in told if step[0].startswith("contracts/")]
    assert len(in_contracts) == 4
    for path, lines in in_contracts:
        apply(copy, path, lines)
    generated = run(copy, "contracts.generate")
    assert generated.returncode == 0, generated.stderr
    assert "StarConversation" in (copy / "ARCHITECTURE.md").read_text()
    assert (copy / "contracts/src/contracts/golden/StarConversation.v1.json").exists()
    failing = run(copy, "pytest", "-q", "tests/contract/test_registry.py")
    assert failing.stdout.count("FAILED") == 2, failing.stdout
    assert all(service in failing.stdout for service in ("[auth_edge]", "[conversation_store]"))

    for path, lines in told[4:]:
        apply(copy, path, lines)
    described = run(copy, "auth_edge", "openapi", str(copy / "contracts/conversation-openapi.yaml"))
    assert described.returncode == 0, described.stderr
    assert "/star" in (copy / "contracts/conversation-openapi.yaml").read_text()
    passing = run(copy, "pytest", "-q", *KEPT_BY)
    assert passing.returncode == 0, passing.stdout[-6_000:]
