"""When something is due: a moment, the time zone in which it was meant, and how it comes again."""

from datetime import UTC, datetime
from functools import cache
from typing import Annotated
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, AwareDatetime, StringConstraints

from contracts.assistants import TimeZone
from contracts.message import Body

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)


def _in_utc(at: datetime) -> datetime:
    if not EARLIEST <= at < LATEST:
        raise ValueError("must lie between the years 2000 and 2200")
    return at.astimezone(UTC)


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]
Recurrence = Annotated[
    str,
    StringConstraints(
        max_length=100,
        pattern=r"^FREQ=(DAILY|WEEKLY|MONTHLY|YEARLY)(;INTERVAL=[1-9][0-9]{0,2})?"
        r"(;BYDAY=(MO|TU|WE|TH|FR|SA|SU)(,(MO|TU|WE|TH|FR|SA|SU)){0,6})?$",
    ),
]
"""A part of RFC 5545's RRULE, such as ``FREQ=WEEKLY;BYDAY=FR``. It is counted in days and hours of the time zone."""


class Due(Body):
    """``at``: the moment, kept in UTC. ``zone``: the IANA time zone in which it was meant; the moment stays what it is
    when the person travels, and what comes again keeps its hour there when the clocks change.

    ``all_day``: the day alone was meant; ``at`` is where it begins in ``zone``.
    """

    at: Moment
    zone: TimeZone
    all_day: bool = False
    recurrence: Recurrence | None = None


def known_zone(name: str) -> ZoneInfo:
    """The time zone of that name. Raises ValueError where the database of time zones does not have it."""
    if name not in _zone_names():
        raise ValueError(f"{name!r} is no time zone; it is named like Europe/Zurich")
    return ZoneInfo(name)


def _check_zone(due: Due) -> Due:
    known_zone(due.zone)
    return due


NewDue = Annotated[Due, AfterValidator(_check_zone)]
"""As it is taken in: whoever reads what is stored must not stumble over a zone that has been renamed since."""


@cache
def _zone_names() -> frozenset[str]:
    return frozenset(available_timezones())
