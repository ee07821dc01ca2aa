"""When a schedule is due, without I/O and without a clock.

A cron expression means the clock on the wall of its time zone (cronsim, after Debian's cron). Where clocks go forward,
what falls into the hour that is left out is due at its end; where they go back, a fixed time is due once, the first
time, and one that comes each hour or oftener goes on in real time.
"""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from contracts.errors import Code, TerminalError
from cronsim import CronSim, CronSimError

LATE_SECONDS: Final = 60.0
"""From when on a turn is told as late: the sweeper alone may take some seconds."""
LOOKED_AT: Final = 60
"""Of how many occurrences the shortest interval is looked for: all of an hour, if it comes each minute."""
YEARS_AHEAD: Final = 10


def zone_of(name: str) -> ZoneInfo:
    """Raises TerminalError (invalid_request) for a name that is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise _invalid("This is no time zone.", "time_zone") from error


def first_due(
    *, due_at: datetime | None, cron: str | None, time_zone: str, now: datetime, interval_seconds_min: float
) -> datetime:
    """When a new schedule is due first. Raises TerminalError (invalid_request)."""
    zone = zone_of(time_zone)
    if (due_at is None) == (cron is None):
        raise _invalid("Give either a time or a cron expression.", "due_at")
    if due_at is not None:
        if due_at < now - timedelta(seconds=LATE_SECONDS):
            raise _invalid("This time is over.", "due_at")
        if due_at > now + timedelta(days=366 * YEARS_AHEAD):
            raise _invalid(f"This is more than {YEARS_AHEAD} years ahead.", "due_at")
        return due_at.astimezone(UTC)
    assert cron is not None
    try:
        coming = [at.astimezone(UTC) for at in islice(CronSim(cron, now.astimezone(zone)), LOOKED_AT)]
    except CronSimError as error:
        raise _invalid(f"This is no cron expression: {error}.", "cron") from error
    if not coming:
        raise _invalid("This cron expression is never due.", "cron")
    # Where clocks change, two may be closer than they are on any other day.
    shortest = min((after - before for before, after in pairwise(coming)), default=None)
    if shortest is not None and shortest.total_seconds() < interval_seconds_min:
        raise _invalid(f"At most every {round(interval_seconds_min / 60)} minutes.", "cron")
    return coming[0]


def next_due(cron: str | None, time_zone: str, now: datetime) -> datetime | None:
    """When a schedule is due next, after now: what was missed meanwhile is not made up for. None: never again."""
    if cron is None:
        return None
    return next((at.astimezone(UTC) for at in CronSim(cron, now.astimezone(ZoneInfo(time_zone)))), None)


def is_late(due_at: datetime, now: datetime) -> bool:
    return now - due_at > timedelta(seconds=LATE_SECONDS)


def _invalid(detail: str, field: str) -> TerminalError:
    return TerminalError(Code.INVALID_REQUEST, detail, field=field)
