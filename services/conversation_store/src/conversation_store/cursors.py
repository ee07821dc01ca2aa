"""Cursors of lists, which are ordered by a time and an id, or by hand: opaque to whoever passes them on."""

import math
from datetime import UTC, datetime, timedelta

from contracts.errors import Code, TerminalError

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
FIRST = (datetime.min.replace(tzinfo=UTC), "")
LAST = (datetime.max.replace(tzinfo=UTC), "~")
"""Ids are letters, digits, ``_`` and ``-``: all of them sort before ``~``."""


def encode_cursor(time: datetime, row_id: str) -> str:
    return f"{(time - EPOCH) // timedelta(microseconds=1)}.{row_id}"


def decode_cursor(cursor: str | None, *, is_ascending: bool) -> tuple[datetime, str]:
    """The time and id behind which a page begins; without a cursor, before all there can be. Raises TerminalError."""
    if cursor is None:
        return FIRST if is_ascending else LAST
    micros, _, row_id = cursor.partition(".")
    if not (micros.isascii() and micros.isdecimal() and len(micros) <= 17):
        raise _no_such_place()
    return EPOCH + timedelta(microseconds=int(micros)), row_id


def encode_place(completed: bool, position: float, row_id: str) -> str:
    """Of a list in which the open ones come before the completed ones, each in the order of its owner."""
    return f"{int(completed)}_{position!r}_{row_id}"


def decode_place(cursor: str | None) -> tuple[bool, float, str]:
    """Behind what a page begins; without a cursor, before all there can be. Raises TerminalError."""
    if cursor is None:
        return False, -math.inf, ""
    completed, _, rest = cursor.partition("_")
    number, _, row_id = rest.partition("_")
    try:
        position = float(number)
    except ValueError:
        raise _no_such_place() from None
    if completed not in ("0", "1") or not math.isfinite(position):
        raise _no_such_place()
    return completed == "1", position, row_id


def _no_such_place() -> TerminalError:
    return TerminalError(Code.INVALID_REQUEST, "There is no such place to go on from.", field="after")
