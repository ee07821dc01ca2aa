"""The map in CONTRIBUTING.md leads to files that are there."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "CONTRIBUTING.md").read_text()
ROWS = [[cell.strip() for cell in line.strip("|").split("|")] for line in TEXT.splitlines() if line.startswith("| ")]
HEAD, *PARTS = [row for row in ROWS if len(row) == 6]
SERVICES = HEAD[1:5]


def test_the_map_has_every_service() -> None:
    assert set(SERVICES) == {folder.name for folder in (ROOT / "services").iterdir() if folder.is_dir()}


@pytest.mark.parametrize("service", SERVICES)
def test_what_the_map_names_is_there_and_what_it_does_not_name_is_not(service: str) -> None:
    source = ROOT / "services" / service / "src" / service
    named_anywhere = set(re.findall(r"`([\w/.]+)`", " ".join(" ".join(row[1:5]) for row in PARTS)))
    column = " ".join(row[SERVICES.index(service) + 1] for row in PARTS)
    for path in named_anywhere:
        is_named = f"`{path}`" in column
        found = source / path
        # A folder that is no more may have left its bytecode behind.
        is_there = found.is_file() or any(found.glob("*.py"))
        assert is_there == is_named, f"{service}: {path}"


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#:]+)\)", TEXT))))
def test_a_link_leads_somewhere(link: str) -> None:
    assert (ROOT / link).exists()


def test_every_test_is_in_a_run() -> None:
    """`testpaths` is an order, the longest first, so it names folders one by one, and may forget one."""
    paths = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["pytest"]["ini_options"]["testpaths"]
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    tests = [file for file in tracked if Path(file).match("test_*.py")]
    assert [file for file in tests if not any(f"{file}/".startswith(f"{path}/") for path in paths)] == []
