"""Subjects are built and read here and nowhere else, from the template of the message's class."""

import re
from functools import cache
from string import Formatter

from contracts.identity import user_token
from contracts.message import Message

_TOKEN = re.compile(r"[A-Za-z0-9_-]{1,512}")


@cache
def _placeholders(template: str) -> tuple[str, ...]:
    return tuple(name for _, name, _, _ in Formatter().parse(template) if name)


@cache
def _pattern(template: str) -> re.Pattern[str]:
    pattern = re.escape(template).replace(r"\{", "{").replace(r"\}", "}")
    return re.compile(re.sub(r"{(\w+)}", r"(?P<\1>[^.]+)", pattern))


def _token(name: str, known: dict[str, str]) -> str | None:
    if name == "user_token" and "user_id" in known:
        return user_token(known["user_id"])
    token = known.get(name)
    if token is not None and not _TOKEN.fullmatch(token):
        raise ValueError(f"{name} is not a subject token")
    return token


def subject_of(message: type[Message], /, **known: str) -> str:
    """The subject of a message, every token filled in; ``user_id`` is encoded, ids are checked.

    Raises ValueError where a token is missing or would not be one token (a wildcard, a dot, a blank).
    """
    tokens = {name: _token(name, known) for name in _placeholders(message.subject_template)}
    missing = [name for name, token in tokens.items() if token is None]
    if missing:
        raise ValueError(f"{message.__name__} needs {', '.join(missing)}")
    return message.subject_template.format(**tokens)


def subject_filter(message: type[Message], /, **known: str) -> str:
    """The subject filter of a message: what is known filled in, ``*`` elsewhere. Raises ValueError as `subject_of`."""
    tokens = {name: _token(name, known) or "*" for name in _placeholders(message.subject_template)}
    return message.subject_template.format(**tokens)


def parse_subject(message: type[Message], /, subject: str) -> dict[str, str]:
    """The tokens of a subject by name. Raises ValueError if it is not one of this message."""
    match = _pattern(message.subject_template).fullmatch(subject)
    if match is None:
        raise ValueError(f"{subject!r} is not a subject of {message.__name__}")
    return match.groupdict()
