"""The golden wire examples, ``<Name>.v<version>.json``: added with every message and version, never edited."""

import json
import re
from importlib import resources
from typing import Any

from contracts.message import Body, Message

_FILE = re.compile(r"(?P<name>\w+)\.v(?P<version>\d+)\.json")


def file_name(body: type[Body]) -> str:
    """The file of a body's current version; replies have no version of their own, theirs is 1."""
    version = body.schema_version if issubclass(body, Message) else 1
    return f"{body.__name__}.v{version}.json"


def example_of(body: type[Body]) -> bytes:
    """The golden bytes of a body's current version. Raises FileNotFoundError where there is none."""
    return (resources.files(__name__) / file_name(body)).read_bytes()


def all_examples() -> dict[str, list[tuple[int, bytes]]]:
    """Every golden example by name, as (version, bytes), oldest version first."""
    found: dict[str, list[tuple[int, bytes]]] = {}
    for path in sorted(resources.files(__name__).iterdir(), key=lambda path: path.name):
        if match := _FILE.fullmatch(path.name):
            found.setdefault(match["name"], []).append((int(match["version"]), path.read_bytes()))
    return found


def as_json(data: bytes) -> Any:
    return json.loads(data)
