"""What `make install` leaves behind."""

from importlib.util import find_spec
from pathlib import Path

import pytest

HEAVY = ("agents", "mcp", "openai", "fastapi", "sqlalchemy")
OURS = ("contracts.registry", "actor_kit.bus", "agent_runner.app", "conversation_store.app", "natter.up")


@pytest.mark.parametrize("module", [*HEAVY, *OURS])
def test_a_start_compiles_nothing(module: str) -> None:
    spec = find_spec(module)
    assert spec is not None
    assert spec.cached is not None
    assert Path(spec.cached).exists(), "no bytecode: run `make install`"
