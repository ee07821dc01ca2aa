"""Cursors of lists that are ordered by a time and an id: opaque to whoever passes them on."""

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
        raise TerminalError(Code.INVALID_REQUEST, "There is no such place to go on from.", field="after")
    return EPOCH + timedelta(microseconds=int(micros)), row_id
