"""One stack for the tests of a module."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.runner_stack import RunnerStack, runner_stack


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stack(
    tmp_path_factory: pytest.TempPathFactory, module_nats_url: str, module_database_url: str
) -> AsyncIterator[RunnerStack]:
    directory: Path = tmp_path_factory.mktemp("stack")
    async with runner_stack(directory, module_nats_url, module_database_url) as running:
        yield running
