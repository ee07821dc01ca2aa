"""Released schemas, and what would break a service that was written against them."""

import json
from pathlib import Path
from typing import Any

from contracts.generate.files import CONTRACTS
from contracts.generate.schemas import bus_schema

RELEASED = CONTRACTS / "released.json"
WITHDRAWN: dict[str, str] = {}
"""Bodies of the last release that are gone, and why nobody misses them: a message may go only if no released service
sent it. The next release starts this list anew."""
ADVICE = (
    "Add optional fields only. For anything else leave this message as it is and add a new one under a new name "
    "(CONTRIBUTING.md, “Changing a message”)."
)
NARROWING_LIMITS = {
    "maxLength": -1,
    "maximum": -1,
    "exclusiveMaximum": -1,
    "maxItems": -1,
    "minLength": 1,
    "minimum": 1,
    "exclusiveMinimum": 1,
    "minItems": 1,
}
"""Limits, and the direction in which a change refuses what was valid: smaller (-1) or larger (1)."""


def breaking_changes(released: Path = RELEASED) -> list[str]:
    """One sentence for each change since the release that an older peer would not survive."""
    old, new = json.loads(released.read_text(encoding="utf-8")), json.loads(bus_schema())
    problems: list[str] = []
    for body in old["oneOf"]:
        name = body["$ref"].rpartition("/")[2]
        if body in new["oneOf"]:
            problems += [f"{change}. {ADVICE}" for change in compare(name, body, body, old, new)]
        elif name not in WITHDRAWN:
            problems.append(f"{name} was removed. {ADVICE}")
    return problems


def compare(where: str, old: Any, new: Any, old_root: Any, new_root: Any) -> list[str]:
    """The breaking differences of two schemas, references resolved in their own documents."""
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    if "anyOf" in old or "oneOf" in old:
        return _compare_alternatives(where, old, new, old_root, new_root)
    problems = _compare_values(where, old, new)
    for field, schema in old.get("properties", {}).items():
        if field not in new.get("properties", {}):
            problems.append(f"{where}.{field} was removed")
        else:
            problems += compare(f"{where}.{field}", schema, new["properties"][field], old_root, new_root)
    for field in sorted(set(new.get("required", ())) - set(old.get("required", ()))):
        problems.append(f"{where}.{field} is required now")
    if "items" in old and "items" in new:
        problems += compare(f"{where}[]", old["items"], new["items"], old_root, new_root)
    return problems


def _compare_values(where: str, old: Any, new: Any) -> list[str]:
    """Whether a value that was valid may be invalid now."""
    problems: list[str] = []
    alternatives = new.get("anyOf") or new.get("oneOf") or [new]
    new_types = set[str]().union(*(_types(alternative) for alternative in alternatives))
    if new_types and _types(old) - new_types:
        problems.append(f"{where}: the type {_names(_types(old))} was narrowed to {_names(new_types)}")
    if "const" in new and new.get("const") != old.get("const"):
        problems.append(f"{where}: only {new['const']!r} is allowed now")
    if "enum" in new:
        gone = set(old.get("enum", ())) - set(new["enum"])
        problems += [f"{where}: the value {value!r} was removed" for value in sorted(gone)]
    if "pattern" in new and new["pattern"] != old.get("pattern"):
        problems.append(f"{where}: the pattern was changed")
    for limit, direction in NARROWING_LIMITS.items():
        if limit in new and (limit not in old or (new[limit] - old[limit]) * direction > 0):
            problems.append(f"{where}: {limit} was narrowed to {new[limit]}")
    return problems


def _compare_alternatives(where: str, old: Any, new: Any, old_root: Any, new_root: Any) -> list[str]:
    """Each old alternative must still fit one of the new ones."""
    new_alternatives = new.get("anyOf") or new.get("oneOf") or [new]
    problems: list[str] = []
    for alternative in old.get("anyOf") or old.get("oneOf"):
        tried = [compare(where, alternative, candidate, old_root, new_root) for candidate in new_alternatives]
        if all(tried):
            problems += min(tried, key=len)
    return problems


def _resolved(schema: Any, root: Any) -> Any:
    while "$ref" in schema:
        schema = root["$defs"][schema["$ref"].rpartition("/")[2]]
    return schema


def _types(schema: Any) -> set[str]:
    found = schema.get("type", ())
    return {found} if isinstance(found, str) else set(found)


def _names(types: set[str]) -> str:
    return " or ".join(sorted(types)) or "anything"
