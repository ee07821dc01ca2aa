"""What is under `browser` and `element` is in `make test-browser`."""

from pathlib import Path

import pytest

IN_A_BROWSER = (Path(__file__).parent / "browser", Path(__file__).parent / "element")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark them, before marks are selected by."""
    for item in items:
        if any(item.path.is_relative_to(folder) for folder in IN_A_BROWSER):
            item.add_marker(pytest.mark.browser)
