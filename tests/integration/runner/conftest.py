"""One stack for the tests of a module. LiteLLM is half a gigabyte: where it could not be installed, that is said."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.runner.model_servers.servers import LITELLM, LITELLM_EXTRA
from tests.runner_stack import RunnerStack, runner_stack

NEEDS = {
    "test_both_apis_of_litellm_hold_a_conversation": LITELLM,
    "test_a_provider_over_litellm_answers_calls_tools_and_is_cut_off": LITELLM_EXTRA,
}
"""Tests, and what they need that `make test-thorough` installs."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    missing = tuple(name for name, needed in NEEDS.items() if not needed.exists())
    left_out = [item for item in items if item.name.startswith(missing)]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_report_header() -> list[str]:
    """What is left out where LiteLLM is missing."""
    return [f"LiteLLM is missing: {name} is left out" for name, needed in NEEDS.items() if not needed.exists()]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str
) -> AsyncIterator[RunnerStack]:
    directory: Path = tmp_path_factory.mktemp("stack")
    async with runner_stack(directory, module_nats_url, module_database_url) as running:
        yield running
