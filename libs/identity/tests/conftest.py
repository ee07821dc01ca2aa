from collections.abc import Iterator

import pytest
from identity.testing import Issuer, StillClock, running_issuer


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> StillClock:
    clock = StillClock()
    clock.install(monkeypatch)
    return clock


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with running_issuer() as issuer:
        yield issuer
