"""The lines of programs that do not log as our services do (NATS, Postgres, the migration, natter itself): their level
told, and as JSON like all others where that is wanted.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime

LEVELS = ("debug", "info", "warning", "error")
FOREIGN = frozenset({"nats", "postgres", "migrate", "natter"})
_NATS = re.compile(r"^\[\d+\] \[(TRC|DBG|INF|WRN|ERR|FTL)\] ?(.*)$")
_POSTGRES = re.compile(r"^\S+ \S+ \S+ \[\d+\] (?:.*? )??([A-Z]+\d?):\s+(.*)$")
_LEVEL_OF = {
    "TRC": "debug",
    "DBG": "debug",
    "INF": "info",
    "WRN": "warning",
    "ERR": "error",
    "FTL": "error",
    "LOG": "info",
    "INFO": "info",
    "NOTICE": "info",
    "WARNING": "warning",
    "ERROR": "error",
    "FATAL": "error",
    "PANIC": "error",
    "DETAIL": "info",
    "HINT": "info",
    "STATEMENT": "info",
    "CONTEXT": "info",
}
COLOURS = {"debug": "dim", "warning": "yellow", "error": "red"}


@dataclass(frozen=True)
class Line:
    """What a program said, without its own time and level."""

    level: str
    event: str


def read_line(name: str, text: str) -> Line | None:
    """A line of a program that has words of its own; None for one that is JSON or another program's already."""
    base = name.partition(".")[0].partition("-")[0]
    if base not in FOREIGN or text.startswith("{"):
        return None
    match = _NATS.match(text) if base == "nats" else _POSTGRES.match(text) if base == "postgres" else None
    if match is None:
        return Line("info", text)
    return Line(_LEVEL_OF.get(match[1], "debug" if match[1].startswith("DEBUG") else "info"), match[2])


def as_json(name: str, line: Line) -> str:
    """The same fields as a service's line."""
    fields = {
        "service": name,
        "event": line.event,
        "level": line.level,
        "timestamp": datetime.now(UTC).isoformat().replace("+00:00", "Z"),
    }
    return json.dumps(fields, ensure_ascii=False)


def is_below(level: str, least: str) -> bool:
    """Whether a line of this level is not to be shown."""
    return LEVELS.index(level) < LEVELS.index(least)
