"""`natter migrate`, where the tables take longer than it waits."""

import pytest
from natter import migrate


def test_a_migration_that_takes_too_long_is_ended_and_said(
    nats_url: str, empty_database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrate, "MIGRATION_SECONDS_MAX", 0.05)
    with pytest.raises(migrate.MigrationFailedError, match=r"did not end within 0\.05 s"):
        migrate.migrate(None, nats_url, empty_database_url)
