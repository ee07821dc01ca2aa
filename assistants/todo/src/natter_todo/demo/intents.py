"""What the demo model understands: plain English requests about tasks, as a list of steps."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from natter_todo.demo.when import When, read_when, split_when

TEXT_CHARACTERS_MAX = 10_000
CLAUSES_MAX = 200
COUNT_MAX = 100_000
STEPS_MAX = 10


@dataclass(frozen=True)
class Count:
    to: int


@dataclass(frozen=True)
class Add:
    title: str
    when: When | None = None


@dataclass(frozen=True)
class ListAll:
    completed: bool | None = None
    due: bool = False


@dataclass(frozen=True)
class Complete:
    reference: str
    completed: bool = True


@dataclass(frozen=True)
class Rename:
    reference: str
    title: str


@dataclass(frozen=True)
class Delete:
    reference: str


@dataclass(frozen=True)
class Schedule:
    """``when``: what was said, until it is read; None: it is due no more."""

    reference: str
    when: When | str | None


@dataclass(frozen=True)
class Move:
    """``to``: first, last, before or after, the latter two beside ``other``."""

    reference: str
    to: str
    other: str = ""


@dataclass(frozen=True)
class Clear:
    """Delete what is completed."""


@dataclass(frozen=True)
class Undo:
    """Take the last deletion back."""


OnOne = Complete | Rename | Delete | Schedule | Move
"""What is about one task of the list, which has to be found first."""
Step = Count | Add | ListAll | Clear | Undo | OnOne

# Each pattern is linear in the length of its clause: what it repeats can end in one way only, and blanks come one at a
# time (`_one_blank`). `" *x? *"` and the like would take quadratic or cubic time, and stop the runner's event loop.
_BLANKS = re.compile(r"\s+")
_SEPARATORS = re.compile(
    r"[ \n]?(?:;|\n|,?[ \n](?:and[ \n])?then[ \n]|\.[ \n](?=(?:add|list|complete|delete|rename|remove|then)\b))", re.I
)
_THEN = re.compile(r"^then ", re.I)
_POLITE = re.compile(r"^(?:(?:please|hey|hi|ok|okay|now|and|also|can you|could you|would you|natter)[, ]+)+", re.I)
_ENDINGS = ".!? "
_PLEASE = re.compile(r",? please$", re.I)
_QUOTES = "\"'“”\u2018\u2019`"

_COUNT = re.compile(r"count (?:from (?:1|one) )?(?:up )?to (\d{1,9})", re.I)
_ADD_MANY = re.compile(
    r"(?:add|create|make)\b[^:]*?\b(?:tasks|todos|to-dos|items|things)\b(?: to my (?:todo )?list)? ?: ?(.+)", re.I
)
_ADD = re.compile(
    r"(?:add|create|make|new)\b(?: me\b)?(?: (?:a|an|the|another|one more)\b)?(?: new\b)?"
    r"(?: (?:task|todo|to-do|item|reminder)\b)?(?: (?:called|named|to)\b)? ?:? ?(.+)",
    re.I,
)
_REMIND = re.compile(r"remind me (?:(?P<when>.{1,80}?) )?to (?P<title>.+)|i (?:need|have) to (.+)", re.I)
_SCHEDULE = re.compile(
    r"(?:set|change|move) the (?:due )?(?:date|time) (?:of|for) (.+) to (.+)"
    r"|(?:reschedule|postpone|snooze|schedule|push|put off|move) (.+) (?:to|until|till|for) (.+)"
    r"|(?:make|set) (.+) due (.+)|(.+) is due (.+)",
    re.I,
)
_CLEAR_DATE = re.compile(
    r"(?:remove|clear|delete|drop|take away) the (?:due )?(?:date|time) (?:of|from|for) (.+)", re.I
)
_MOVE = re.compile(
    r"(?:move|put) (?P<reference>.+?) (?:(?:to|at) the )?(?:very )?(?P<to>top|bottom|first|last|end|beginning|start)"
    r"(?: of (?:my|the) (?:list|tasks))?$"
    r"|(?:move|put) (?P<one>.+?) (?P<side>before|above|after|below|behind) (?P<other>.+)",
    re.I,
)
_CLEAR = re.compile(
    r"(?:clear|delete|remove) (?:all )?(?:the |my |all )?(?:completed|finished|done)"
    r"(?: (?:tasks|todos|to-dos|items|ones))?$",
    re.I,
)
_UNDO = re.compile(r"(?:undo|undelete|restore)(?: (?:it|that|them|this|the last))?$|bring (?:it|that|them) back$", re.I)
_TO_MY_LIST = re.compile(r" (?:to|on|onto) (?:my|the) (?:(?:todo|to-do|task) )?(?:list|tasks|todos)$", re.I)
_FROM_MY_LIST = re.compile(r" (?:from|on|off|in) (?:my|the) (?:\w+ )?(?:list|tasks)$", re.I)
_COMMAS = re.compile(r" ?, ?(?:and )?| and ")
_LIST = re.compile(
    r"(?:list|show|what(?:'s| is| are)|which|see|display|give me)\b.*\b(?:tasks?|todos?|to-dos?|list|to do)\b", re.I
)
_WHAT_IS_DUE = re.compile(
    r"(?:what(?:'s| is| are)|which|list|show|is (?:anything|something)|anything)\b.*\b(?:due|overdue)\b", re.I
)
_COMPLETE = re.compile(
    r"(?:complete|finish|check off|tick off|close) (.+)"
    r"|mark (.+?) (?:as )?(?:done|complete|completed|finished)"
    r"|(?:i(?:'ve| have)? )?(?:finished|completed|did) (.+)",
    re.I,
)
_REOPEN = re.compile(r"(?:reopen|uncomplete|uncheck) (.+)", re.I)
_RENAME = re.compile(r"(?:rename|change|update|retitle) (.+?) (?:to|into|as) (.+)", re.I)
_DELETE = re.compile(r"(?:delete|remove|drop|cancel) (.+)", re.I)
_FILLER = re.compile(r"^(?:the |my |a )?(?:task|todo|to-do|item)?\s*(?:called |named )?", re.I)


def parse(text: str, now: datetime) -> list[Step]:
    """The steps that a message asks for, in order; empty where it asks for nothing that is understood.

    ``now``: in the person's time zone, as what they say of time is meant there. Looks at the first
    `TEXT_CHARACTERS_MAX` characters and `CLAUSES_MAX` clauses: the caller refuses a longer text.
    """
    steps: list[Step] = []
    text = _BLANKS.sub(_one_blank, text[:TEXT_CHARACTERS_MAX].strip())
    for clause in _SEPARATORS.split(text, CLAUSES_MAX)[:CLAUSES_MAX]:
        steps.extend(_parse_clause(clause, now))
        if len(steps) >= STEPS_MAX:
            break
    return steps[:STEPS_MAX]


def _one_blank(blanks: re.Match[str]) -> str:
    return "\n" if "\n" in blanks[0] else " "


def _parse_clause(clause: str, now: datetime) -> list[Step]:
    clause = _PLEASE.sub("", _THEN.sub("", clause.strip()).rstrip(_ENDINGS))
    clause = _POLITE.sub("", clause)
    for pattern, read in _RULES:
        if (match := pattern.match(clause)) and (steps := _dated(read(match), now)) is not None:
            return steps
    return []


def _dated(steps: list[Step], now: datetime) -> list[Step] | None:
    """With what is said of time read; None where that is no time, and so something else was meant."""
    dated: list[Step] = []
    for step in steps[:STEPS_MAX]:
        if isinstance(step, Schedule) and isinstance(step.when, str):
            if (when := read_when(step.when, now)) is None:
                return None
            step = replace(step, when=when)  # noqa: PLW2901
        elif isinstance(step, Add) and step.when is None:
            title, when = split_when(step.title, now)
            step = Add(_title(title) or step.title, when)  # noqa: PLW2901
        dated.append(step)
    return dated


def _first(match: re.Match[str]) -> str:
    return next(group for group in match.groups() if group)


def _add_one(match: re.Match[str]) -> list[Step]:
    title = _title(_first(match))
    return [Add(title)] if title else []


def _remind(match: re.Match[str]) -> list[Step]:
    """“Remind me tomorrow at nine to call mum” is the same as the time behind it."""
    title = match["title"] or match[3]
    return [Add(_title(f"{title} {match['when']}" if match["when"] else title))]


def _schedule(match: re.Match[str]) -> list[Step]:
    reference, when = [group for group in match.groups() if group]
    return [Schedule(_reference(reference), when)]


_PLACES = {
    **dict.fromkeys(("top", "first", "beginning", "start"), "first"),
    **dict.fromkeys(("bottom", "last", "end"), "last"),
    **dict.fromkeys(("before", "above"), "before"),
    **dict.fromkeys(("after", "below", "behind"), "after"),
}


def _move(match: re.Match[str]) -> list[Step]:
    if match["to"]:
        return [Move(_reference(match["reference"]), _PLACES[match["to"].lower()])]
    return [Move(_reference(match["one"]), _PLACES[match["side"].lower()], _reference(match["other"]))]


def _titles(text: str) -> list[str]:
    return [title for part in _COMMAS.split(text) if (title := _title(part))]


def _title(text: str) -> str:
    return _TO_MY_LIST.sub("", text.strip()).strip().strip(_QUOTES).strip()


def _reference(text: str) -> str:
    return _title(_FROM_MY_LIST.sub("", text.strip()))


def _completed_filter(clause: str) -> bool | None:
    if re.search(r"\b(?:open|pending|unfinished|remaining|left)\b", clause, re.I):
        return False
    return True if re.search(r"\b(?:completed|finished|done)\b", clause, re.I) else None


# In this order: "add tasks: a, b" is more than one, "rename a to b" is no list.
_RULES: tuple[tuple[re.Pattern[str], Callable[[re.Match[str]], list[Step]]], ...] = (
    (_COUNT, lambda match: [Count(min(int(match[1]), COUNT_MAX))]),
    (_ADD_MANY, lambda match: [Add(title) for title in _titles(match[1])]),
    (_CLEAR, lambda _: [Clear()]),
    (_UNDO, lambda _: [Undo()]),
    (_CLEAR_DATE, lambda match: [Schedule(_reference(match[1]), None)]),
    (_MOVE, _move),
    (_SCHEDULE, _schedule),
    (_RENAME, lambda match: [Rename(_reference(match[1]), _title(match[2]))]),
    (_REOPEN, lambda match: [Complete(_reference(match[1]), completed=False)]),
    (_COMPLETE, lambda match: [Complete(_reference(_first(match)))]),
    (_DELETE, lambda match: [Delete(_reference(match[1]))]),
    (_WHAT_IS_DUE, lambda _: [ListAll(due=True)]),
    (_LIST, lambda match: [ListAll(_completed_filter(match.string))]),
    (_ADD, _add_one),
    (_REMIND, _remind),
)

_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_BY_NUMBER = re.compile(
    r"(?:the )?(?:task |todo |item |number |no\.? |#)*(\d{1,4})(?:st|nd|rd|th)?(?: (?:one|task|todo|item))?$", re.I
)
_BY_ORDINAL = re.compile(rf"(?:the )?({'|'.join(_ORDINALS)}|last)(?: (?:one|task|todo|item))?$", re.I)
IT = re.compile(r"(?:it|that|this|that one|this one|the task|that task)$", re.I)


def position_of(reference: str, tasks_count: int) -> int | None:
    """The place (from 0) in a list of ``tasks_count`` that words such as "the second one" mean; None for a title.

    "It" is the newest, on top, where nothing else was spoken of.
    A place outside the list is returned as it is: the caller says that there is no such task.
    """
    if match := _BY_NUMBER.match(reference):
        return int(match[1]) - 1
    if match := _BY_ORDINAL.match(reference):
        word = match[1].lower()
        return tasks_count - 1 if word == "last" else _ORDINALS.index(word)
    return 0 if IT.match(reference) else None


def names(reference: str, title: str) -> bool:
    """Whether a reference is this title, or unmistakably a part of it."""
    wanted = _FILLER.sub("", reference).strip().strip(_QUOTES).casefold()
    have = title.casefold()
    return bool(wanted) and (wanted == have or wanted in have or reference.casefold() == have)
