"""What the demo model understands of time: “tomorrow at nine”, “every Friday”. It is pure: it is told what time it is.

A phrase is read from its beginning, a part at a time: how it comes again, a day, an hour, each at most once. Its hours
are those of a clock on the wall of the person's time zone, which `_wall` alone makes into moments.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock

PHRASE_WORDS_MAX = 10


@dataclass(frozen=True)
class When:
    """``at``: a day (``2026-12-04``) or a moment with its offset, in ISO 8601; ``recurrence``: an RRULE."""

    at: str
    recurrence: str | None = None


@dataclass(frozen=True)
class _Read:
    """What was understood so far, where it begins from, and what of the phrase is left."""

    now: datetime
    rest: str
    recurrence: str | None = None
    weekdays: tuple[int, ...] = ()
    day: date | None = None
    hour: clock | None = None
    default_hour: clock | None = None
    moment: datetime | None = None


def split_when(text: str, now: datetime) -> tuple[str, When | None]:
    """What is to be done, and when: the longest phrase of time at the end of the text, if there is one."""
    words = text.split(" ")
    if len(words) <= PHRASE_WORDS_MAX and read_when(text, now):
        return text, None  # nothing but time: that is all there is to be done
    for length in range(min(PHRASE_WORDS_MAX, len(words) - 1), 0, -1):
        if when := read_when(" ".join(words[-length:]), now):
            return " ".join(words[:-length]).rstrip(","), when
    return text, None


def read_when(phrase: str, now: datetime) -> When | None:
    """What a whole phrase means to a person for whom it is ``now``, in their time zone; None if it is not all time."""
    read: _Read | None = _Read(now, phrase.lower().strip(" ,"))
    try:
        while read is not None and read.rest:
            read = next(filter(None, (part(read) for part in _PARTS)), None)
        return _meant(read) if read is not None else None
    except (ValueError, OverflowError):  # the 31st of February, a year that does not exist
        return None


def _meant(read: _Read) -> When | None:
    if read.moment is not None:
        return When(read.moment.isoformat(timespec="minutes"), read.recurrence)
    hour = read.hour or read.default_hour
    if read.day is None and hour is None and read.recurrence is None:
        return None
    day = read.day or _first_day(read, hour)
    if hour is None:
        return When(day.isoformat(), read.recurrence)
    return When(_wall(day, hour, read.now).isoformat(timespec="minutes"), read.recurrence)


def _first_day(read: _Read, hour: clock | None) -> date:
    """The first day on which that hour is still to come, of those on which it comes again."""
    days = (read.now.date() + timedelta(days=number) for number in range(8))
    return next(
        day
        for day in days
        if (not read.weekdays or day.weekday() in read.weekdays)
        and (hour is None or _wall(day, hour, read.now) > read.now)
    )


def _wall(day: date, hour: clock, now: datetime) -> datetime:
    """When a clock on the wall shows that. An hour that is left out when clocks change is moved on by as much."""
    return datetime.combine(day, hour, tzinfo=now.tzinfo).astimezone(UTC).astimezone(now.tzinfo)


# --- parts of a phrase -------------------------------------------------------------------------------------------

_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_MONTHS = (
    *("january", "february", "march", "april", "may", "june", "july"),
    *("august", "september", "october", "november", "december"),
)
_UP_TO_TWELVE = "one two three four five six seven eight nine ten eleven twelve"
_NUMBERS = (
    {word: number for number, word in enumerate(_UP_TO_TWELVE.split(), start=1)}
    | {
        word: number
        for number, words in {1: "a an", 2: "other second", 3: "third", 4: "fourth"}.items()
        for word in words.split()
    }
    | {"fifteen": 15, "twenty": 20, "thirty": 30, "forty-five": 45}
)
_END = r"(?=[ ,]|$),?(?: and)? ?"
_ON = r"(?:(?:on|by|for|due|until|till|before|from|starting|beginning) )*"
_DAY = rf"(?:{'|'.join(_DAYS)})"
_MONTH = rf"(?:{'|'.join(f'{month}|{month[:3]}' for month in _MONTHS)})"
_NUMBER = rf"(?:\d{{1,3}}|{'|'.join(_NUMBERS)})"
_UNIT = r"(?:minute|hour|day|week|month|year)s?"


def _number(word: str) -> int:
    return int(word) if word.isdecimal() else _NUMBERS[word]


Part = Callable[["_Read"], "_Read | None"]


def _part(pattern: str, take: Callable[[_Read, re.Match[str]], "_Read | None"]) -> Part:
    compiled = re.compile(pattern + _END)

    def part(read: _Read) -> _Read | None:
        match = compiled.match(read.rest)
        return take(replace(read, rest=read.rest[match.end() :]), match) if match else None

    return part


def _again(read: _Read, rule: str, weekdays: tuple[int, ...] = (), default_hour: clock | None = None) -> _Read | None:
    if read.recurrence is not None:
        return None
    return replace(read, recurrence=rule, weekdays=weekdays, default_hour=default_hour or read.default_hour)


def _every_unit(read: _Read, match: re.Match[str]) -> _Read | None:
    interval = _number(match["number"]) if match["number"] else 1
    unit = match["unit"].rstrip("s")
    if interval < 1 or unit not in ("day", "week", "month", "year"):
        return None
    frequency = {"day": "DAILY", "week": "WEEKLY", "month": "MONTHLY", "year": "YEARLY"}[unit]
    return _again(read, f"FREQ={frequency}" + (f";INTERVAL={interval}" if interval > 1 else ""))


def _every_weekday(read: _Read, match: re.Match[str]) -> _Read | None:
    days = tuple(sorted({number for number, name in enumerate(_DAYS) if name in match["days"]}))
    return _again(read, "FREQ=WEEKLY;BYDAY=" + ",".join(_DAYS[number][:2].upper() for number in days), days)


def _every_part_of_day(read: _Read, match: re.Match[str]) -> _Read | None:
    return _again(read, "FREQ=DAILY", default_hour=_PARTS_OF_DAY[match["part"]])


def _on(read: _Read, day: date, default_hour: clock | None = None) -> _Read | None:
    return None if read.day is not None else replace(read, day=day, default_hour=default_hour or read.default_hour)


def _weekday(read: _Read, match: re.Match[str]) -> _Read | None:
    """The coming one; with “next” that of the next week."""
    today = read.now.date()
    ahead = (_DAYS.index(match["day"]) - today.weekday()) % 7
    if match["which"] == "next":
        ahead = 7 - today.weekday() + _DAYS.index(match["day"])
    elif ahead == 0 and match["which"] != "this":
        ahead = 7
    return _on(read, today + timedelta(days=ahead))


def _next_unit(read: _Read, match: re.Match[str]) -> _Read | None:
    """The Monday of the next week, or the first of the next month or year."""
    today = read.now.date()
    if match["unit"] == "week":
        return _on(read, today + timedelta(days=7 - today.weekday()))
    if match["unit"] == "year":
        return _on(read, date(today.year + 1, 1, 1))
    return _on(read, (today.replace(day=1) + timedelta(days=32)).replace(day=1))


def _in_units(read: _Read, match: re.Match[str]) -> _Read | None:
    """Minutes and hours are counted as they pass, days and more by the calendar."""
    number, unit = _number(match["number"]), match["unit"].rstrip("s")
    if unit in ("minute", "hour"):
        passed = timedelta(**{f"{unit}s": number})
        moment = (read.now.astimezone(UTC) + passed).astimezone(read.now.tzinfo).replace(second=0, microsecond=0)
        return None if read.day or read.hour or read.moment else replace(read, moment=moment)
    today = read.now.date()
    if unit in ("day", "week"):
        return _on(read, today + timedelta(days=number * (7 if unit == "week" else 1)))
    months = today.year * 12 + today.month - 1 + number * (12 if unit == "year" else 1)
    first = date(months // 12, months % 12 + 1, 1)
    last = (first + timedelta(days=31)).replace(day=1) - timedelta(days=1)
    return _on(read, first.replace(day=min(today.day, last.day)))


def _date(read: _Read, match: re.Match[str]) -> _Read | None:
    """Without a year, the next one that is not over."""
    found = match.groupdict()
    month = next(number for number, name in enumerate(_MONTHS, start=1) if name[:3] == found["month"][:3])
    if year := found.get("year"):
        return _on(read, date(int(year), month, int(found["number"])))
    day = date(read.now.year, month, int(found["number"]))
    return _on(read, day if day >= read.now.date() else day.replace(year=day.year + 1))


def _day_of_month(read: _Read, match: re.Match[str]) -> _Read | None:
    day = read.now.date()
    for _ in range(62):
        if day.day == int(match["number"]):
            return _on(read, day)
        day += timedelta(days=1)
    return None


def _at(read: _Read, hour: clock) -> _Read | None:
    return None if read.hour is not None or read.moment is not None else replace(read, hour=hour)


def _hour(read: _Read, match: re.Match[str]) -> _Read | None:
    """Where nobody says which half of the day, one to six are in the afternoon: nobody plans for the night."""
    found = match.groupdict()
    hour, minute = _number(found["hour"]), int(found.get("minute") or 0)
    before, half, part = found.get("before"), found.get("half"), found.get("part")
    if before == "quarter to":
        hour -= 1
    minute = {"half past": 30, "quarter past": 15, "quarter to": 45}.get(before or "", minute)
    if half or part:
        is_late = half[0] == "p" if half else part != "morning"
        hour = hour % 12 + 12 * is_late if hour <= 12 else 24  # 24 is none: "15 pm"
    elif 1 <= hour <= 6 and not found["hour"].startswith("0"):
        hour += 12
    return _at(read, clock(hour, minute))


_PARTS_OF_DAY = {"morning": clock(9), "afternoon": clock(15), "evening": clock(19), "night": clock(21)}
_HOUR = rf"(?P<hour>\d{{1,2}}|{_UP_TO_TWELVE.replace(' ', '|')})"
_HALF = r"(?: ?(?P<half>am|pm|a\.m\.|p\.m\.)(?!\w))"
_OF_DAY = r"(?: (?:in the|at) (?P<part>morning|afternoon|evening|night))"
_WEEKDAYS = tuple(range(5))
_ORDINAL = r"(?P<number>\d{1,2})(?:st|nd|rd|th)?"

_PARTS: tuple[Part, ...] = (
    _part(rf"(?:every|each) (?P<days>{_DAY}s?(?:(?:, and |, | and ){_DAY}s?){{0,6}})", _every_weekday),
    _part(rf"on (?P<days>{_DAY}s(?:(?:, and |, | and ){_DAY}s){{0,6}})", _every_weekday),
    _part(
        r"(?:every|each|on) (?:weekdays?|workdays?)",
        lambda read, _: _again(read, "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR", _WEEKDAYS),
    ),
    _part(rf"(?:every|each) (?:(?P<number>{_NUMBER}) )?(?P<unit>{_UNIT})", _every_unit),
    _part(r"(?:every|each) (?P<part>morning|afternoon|evening|night)", _every_part_of_day),
    _part(
        r"(?P<often>daily|weekly|monthly|yearly|annually)",
        lambda read, match: _again(read, f"FREQ={match['often'].replace('annually', 'yearly').upper()}"),
    ),
    _part(rf"{_ON}today", lambda read, _: _on(read, read.now.date())),
    _part(rf"{_ON}(?:tonight)", lambda read, _: _on(read, read.now.date(), clock(20))),
    _part(
        r"this (?P<part>morning|afternoon|evening)",
        lambda read, match: _on(read, read.now.date(), _PARTS_OF_DAY[match["part"]]),
    ),
    _part(rf"{_ON}(?:the )?day after tomorrow", lambda read, _: _on(read, read.now.date() + timedelta(days=2))),
    _part(
        rf"{_ON}tomorrow (?P<part>morning|afternoon|evening|night)",
        lambda read, match: _on(read, read.now.date() + timedelta(days=1), _PARTS_OF_DAY[match["part"]]),
    ),
    _part(rf"{_ON}tomorrow", lambda read, _: _on(read, read.now.date() + timedelta(days=1))),
    _part(rf"{_ON}(?:(?P<which>this|next|coming) )?(?P<day>{_DAY})", _weekday),
    _part(
        rf"{_ON}(?:this|the) weekend",
        lambda read, _: _on(read, read.now.date() + timedelta(days=(5 - read.now.weekday()) % 7)),
    ),
    _part(rf"{_ON}next (?P<unit>week|month|year)", _next_unit),
    _part(rf"in (?P<number>{_NUMBER}) (?P<unit>{_UNIT})", _in_units),
    _part(rf"{_ON}(?:the )?{_ORDINAL} (?:of )?(?P<month>{_MONTH})(?:,? (?P<year>20\d\d))?", _date),
    _part(rf"{_ON}(?P<month>{_MONTH}) (?:the )?{_ORDINAL}(?:,? (?P<year>20\d\d))?", _date),
    _part(rf"{_ON}(?P<date>20\d\d-\d\d-\d\d)", lambda read, match: _on(read, date.fromisoformat(match["date"]))),
    _part(r"(?:on|by|until|before) the (?P<number>\d{1,2})(?:st|nd|rd|th)", _day_of_month),
    _part(r"(?:at |by )?(?:noon|midday)", lambda read, _: _at(read, clock(12))),
    _part(
        rf"(?:at |by |before |until )?(?:{_HOUR}[:.](?P<minute>[0-5]\d)){_HALF}?{_OF_DAY}?",
        _hour,
    ),
    _part(rf"(?:at |by |before |until )?{_HOUR}{_HALF}", _hour),
    _part(
        rf"at (?P<before>half past|quarter past|quarter to) {_HOUR}{_OF_DAY}?",
        _hour,
    ),
    _part(rf"(?:at) {_HOUR}(?: ?o'clock| h)?{_OF_DAY}?", _hour),
    _part(
        r"(?:in the|at) (?P<part>morning|afternoon|evening|night)",
        lambda read, match: _at(read, _PARTS_OF_DAY[match["part"]]),
    ),
)
