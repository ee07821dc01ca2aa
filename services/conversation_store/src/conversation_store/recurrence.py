"""When what comes again comes next: pure arithmetic over the hours that a clock on the wall shows."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contracts.due import LATEST, Due
from dateutil.rrule import rrulestr


def next_due(due: Due, now: datetime) -> Due | None:
    """The first date after both ``due`` and ``now``: what was missed is not caught up. None where no date is left.

    The hour stays what it is in the time zone. One that a change of the clocks leaves out is moved on by as much as
    the clocks are; of one that comes twice it is the first (RFC 5545, 3.3.5).
    """
    if due.recurrence is None:
        return None
    zone = zone_or_utc(due.zone)
    first = due.at.astimezone(zone).replace(tzinfo=None)
    after = max(due.at, now).astimezone(zone).replace(tzinfo=None)
    local = rrulestr(due.recurrence, dtstart=first).after(after)
    if local is None:
        return None
    at = local.replace(tzinfo=zone).astimezone(UTC)
    return due.model_copy(update={"at": at}) if at < LATEST else None


def zone_or_utc(name: str) -> ZoneInfo:
    """What is stored may name a zone that this machine's database does not have, or no longer."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")
