"""One stack for the tests of a module. LiteLLM is half a gigabyte: where it could not be installed, that is said."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.integration.runner.model_servers.servers import LITELLM
from tests.runner_stack import RunnerStack, runner_stack

LITELLM_TEST = "test_both_apis_of_litellm_hold_a_conversation"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    left_out = [item for item in items if LITELLM_TEST in item.name and not LITELLM.exists()]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_report_header() -> list[str]:
    """What is left out where LiteLLM is missing."""
    return [] if LITELLM.exists() else [f"LiteLLM is missing: {LITELLM_TEST} is left out"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str
) -> AsyncIterator[RunnerStack]:
    directory: Path = tmp_path_factory.mktemp("stack")
    async with runner_stack(directory, module_nats_url, module_database_url) as running:
        yield running
