"""What docs/your-assistant.md promises is held by the tests that it names."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_each_test_that_the_table_names_is_there() -> None:
    table = (ROOT / "docs/your-assistant.md").read_text(encoding="utf-8")
    named = set(re.findall(r"`(test_[a-z0-9_]+)`", table))
    own = [file for file in (ROOT / "tests").rglob("test_*.py") if "model_servers" not in file.parts]
    there = {name for file in own for name in re.findall(r"def (test_[a-z0-9_]+)\(", file.read_text(encoding="utf-8"))}
    assert named
    assert named <= there, named - there
