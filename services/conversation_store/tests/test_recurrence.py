"""What comes again keeps its hour on the clock of its zone, and never comes in the past."""

from datetime import UTC, datetime

import pytest
from contracts.due import Due
from conversation_store.recurrence import next_due

ZURICH = "Europe/Zurich"


@pytest.mark.parametrize(
    ("at", "zone", "recurrence", "now", "expected"),
    [
        ("2026-12-04T09:00+01:00", ZURICH, "FREQ=WEEKLY;BYDAY=FR", "2026-12-04T10:00+01:00", "2026-12-11T09:00+01:00"),
        # done before it is due, and long after: the next one lies behind both
        ("2026-12-04T09:00+01:00", ZURICH, "FREQ=WEEKLY", "2026-12-01T10:00+01:00", "2026-12-11T09:00+01:00"),
        ("2026-12-04T09:00+01:00", ZURICH, "FREQ=WEEKLY", "2027-01-02T10:00+01:00", "2027-01-08T09:00+01:00"),
        # the clocks go forward and back: nine stays nine
        ("2026-03-28T09:00+01:00", ZURICH, "FREQ=DAILY", "2026-03-28T10:00+01:00", "2026-03-29T09:00+02:00"),
        ("2026-10-24T09:00+02:00", ZURICH, "FREQ=DAILY", "2026-10-24T10:00+02:00", "2026-10-25T09:00+01:00"),
        # 02:30 does not exist on that day, and comes twice on the other
        ("2026-03-28T02:30+01:00", ZURICH, "FREQ=DAILY", "2026-03-28T10:00+01:00", "2026-03-29T03:30+02:00"),
        ("2026-10-24T02:30+02:00", ZURICH, "FREQ=DAILY", "2026-10-24T10:00+02:00", "2026-10-25T02:30+02:00"),
        (
            "2026-03-07T02:30-05:00",
            "America/New_York",
            "FREQ=DAILY",
            "2026-03-07T12:00-05:00",
            "2026-03-08T03:30-04:00",
        ),
        (
            "2026-12-04T09:00+01:00",
            ZURICH,
            "FREQ=WEEKLY;INTERVAL=2",
            "2026-12-04T10:00+01:00",
            "2026-12-18T09:00+01:00",
        ),
        (
            *("2026-12-04T09:00+01:00", ZURICH, "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", "2026-12-04T10:00+01:00"),
            "2026-12-07T09:00+01:00",
        ),
        # a month without that day is left out, as RFC 5545 says
        ("2027-01-31T09:00+01:00", ZURICH, "FREQ=MONTHLY", "2027-01-31T10:00+01:00", "2027-03-31T09:00+02:00"),
        ("2028-02-29T09:00+01:00", ZURICH, "FREQ=YEARLY", "2028-03-01T10:00+01:00", "2032-02-29T09:00+01:00"),
        # a zone that this machine does not know
        ("2026-12-04T09:00+00:00", "Mars/Olympus", "FREQ=DAILY", "2026-12-04T10:00+00:00", "2026-12-05T09:00+00:00"),
    ],
)
def test_the_next_date(at: str, zone: str, recurrence: str, now: str, expected: str) -> None:
    due = Due(at=datetime.fromisoformat(at), zone=zone, recurrence=recurrence)
    again = next_due(due, datetime.fromisoformat(now))
    assert again == due.model_copy(update={"at": datetime.fromisoformat(expected).astimezone(UTC)})


def test_what_comes_once_or_ends_has_no_next_date() -> None:
    at = datetime(2199, 12, 31, 9, tzinfo=UTC)
    for recurrence in (None, "FREQ=DAILY"):
        assert next_due(Due(at=at, zone="UTC", recurrence=recurrence), at) is None
