"""The recordings that the reducer is tested with are what the installed SDK sends."""

from tests.e2e.element.record import TARGET, record


async def test_the_recordings_are_those_of_the_installed_sdk() -> None:
    assert TARGET.read_text(encoding="utf-8") == await record(), "run python -m tests.e2e.element.record"
