"""The recordings that the reducer is tested with are what the installed SDK sends."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from tests.e2e.element.record import TARGET, record


def test_the_recordings_are_those_of_the_installed_sdk() -> None:
    # A thread of its own: the browser's driver keeps an event loop running in this one.
    with ThreadPoolExecutor(1) as thread:
        recorded = thread.submit(asyncio.run, record()).result()
    assert TARGET.read_text(encoding="utf-8") == recorded, "run python -m tests.e2e.element.record"
