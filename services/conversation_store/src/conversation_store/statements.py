"""SQL in files: each statement has a name, says what it does, and takes its parameters by name (``:user_id``).

``begin.sql`` lies beside ``begin.py``, in the notation of aiosql and psql. Names become asyncpg's ``$1`` once, at
import (ADR 14). Arrays go as ``text[]`` and are cast: asyncpg asks Postgres about other array types on each connection.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import JsonValue
from pydantic_core import to_json

HEADING = re.compile(r"^-- name: (\w+)$", re.MULTILINE)
COMMENT = re.compile(r"^\s*--.*\n", re.MULTILINE)
PARAMETER = re.compile(r"'[^']*'|::|:([a-z_][a-z0-9_]*)")
"""A text or a cast, which stay as they are, or a parameter."""


@dataclass(frozen=True)
class Statement:
    """One statement as Postgres gets it, and the names of its parameters in the order of their numbers."""

    name: str
    text: str
    parameters: tuple[str, ...]

    def arguments(self, values: Mapping[str, Any], request: Any = None) -> list[Any]:
        """The values of the parameters in their order: what is not among ``values`` is a field of the request.

        ``user_id`` is that of its principal. Raises TypeError where a value is missing or is no parameter.
        """
        known: Mapping[str, Any] = values
        if request is not None:
            known = {**vars(request), "user_id": request.principal.user_id, **values}
        try:
            arguments = [known[name] for name in self.parameters]
        except KeyError as missing:
            raise TypeError(f"{self.name} needs {missing}") from None
        if unknown := values.keys() - set(self.parameters):
            raise TypeError(f"{self.name} does not take {', '.join(unknown)}")
        return arguments


class Statements:
    """The statements of one file, as attributes."""

    def __init__(self, sql: str) -> None:
        _, *parts = HEADING.split(sql)
        self._by_name = {name: _statement(name, text) for name, text in zip(parts[::2], parts[1::2], strict=True)}

    @classmethod
    def beside(cls, module_file: str) -> "Statements":
        """Those of ``begin.sql`` for ``begin.py``."""
        return cls(Path(module_file).with_suffix(".sql").read_text(encoding="utf-8"))

    def __getattr__(self, name: str) -> Statement:
        try:
            return self._by_name[name]
        except KeyError:
            raise AttributeError(f"no statement is named {name}") from None

    def __iter__(self) -> Iterator[Statement]:
        return iter(self._by_name.values())


def _statement(name: str, text: str) -> Statement:
    parameters: list[str] = []

    def numbered(match: re.Match[str]) -> str:
        parameter = match[1]
        if parameter is None:
            return match[0]
        if parameter not in parameters:
            parameters.append(parameter)
        return f"${parameters.index(parameter) + 1}"

    numbered_text = PARAMETER.sub(numbered, COMMENT.sub("", text)).strip().removesuffix(";")
    return Statement(name, numbered_text, tuple(parameters))


def json_text(value: JsonValue | Mapping[str, Any] | Sequence[Any]) -> str:
    """A value as the JSON text of a JSONB parameter."""
    return to_json(value).decode()


def boolean_text(value: bool) -> str:
    """A truth value as an element of a text[] parameter."""
    return "true" if value else "false"
