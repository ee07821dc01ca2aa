"""What is generated is valid by the public tools, and a breaking change is caught with advice."""

import json
import subprocess
from pathlib import Path

import jsonschema
import pytest
from contracts.generate.files import CONTRACTS
from contracts.generate.release import RELEASED, WITHDRAWN, breaking_changes, compare
from contracts.generate.schemas import schema_of, wire_bodies
from contracts.generate.table import subject_table
from contracts.message import Body
from contracts.registry import REGISTRY

from contracts import golden


@pytest.mark.thorough
def test_asyncapi_is_valid_under_the_public_validator() -> None:
    """AsyncAPI's own parser, from npm (`make install` brings it)."""
    command = ["node", "validate-asyncapi.mjs", "asyncapi.yaml"]
    done = subprocess.run(command, cwd=CONTRACTS, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr
    assert "0 errors" in done.stdout


@pytest.mark.parametrize("body", wire_bodies(), ids=lambda body: body.__name__)
def test_every_golden_example_is_valid_under_its_schema(body: type[Body]) -> None:
    schema = schema_of(body)
    jsonschema.Draft202012Validator.check_schema(schema)
    jsonschema.validate(golden.as_json(golden.example_of(body)), schema)


def test_the_subject_table_names_every_message() -> None:
    table = subject_table()
    assert all(f"| `{entry.message.__name__}` |" in table for entry in REGISTRY)


def test_nothing_breaks_a_service_that_was_written_against_the_release() -> None:
    assert len(bodies_of(RELEASED)) >= len(REGISTRY), "run `python -m contracts.generate release`"
    assert breaking_changes() == []


def test_what_was_withdrawn_was_released_and_is_gone() -> None:
    assert WITHDRAWN.keys() <= bodies_of(RELEASED)
    assert not WITHDRAWN.keys() & {body.__name__ for body in wire_bodies()}


def bodies_of(schema: Path) -> set[str]:
    return {body["$ref"].rpartition("/")[2] for body in json.loads(schema.read_text(encoding="utf-8"))["oneOf"]}


BASE = {
    "type": "object",
    "properties": {
        "title": {"type": "string", "maxLength": 200},
        "kind": {"enum": ["a", "b"]},
        "note": {"anyOf": [{"type": "string"}, {"type": "null"}]},
    },
    "required": ["title"],
}


def changed(**properties: object) -> dict[str, object]:
    return BASE | {"properties": BASE["properties"] | properties}


@pytest.mark.parametrize(
    ("new", "problem"),
    [
        (BASE | {"properties": {"title": BASE["properties"]["title"]}}, "M.kind was removed"),
        (changed(title={"type": "integer"}), "M.title: the type string was narrowed to integer"),
        (changed(title={"type": "string", "maxLength": 100}), "M.title: maxLength was narrowed to 100"),
        (changed(title={"type": "string", "maxLength": 200, "pattern": "a"}), "M.title: the pattern was changed"),
        (changed(kind={"enum": ["a"]}), "M.kind: the value 'b' was removed"),
        (changed(note={"type": "string"}), "M.note: the type null was narrowed to string"),
        (BASE | {"required": ["title", "kind"]}, "M.kind is required now"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_breaking_change_is_named(new: dict[str, object], problem: str) -> None:
    assert problem in compare("M", BASE, new, BASE, new)


@pytest.mark.parametrize(
    "new",
    [
        BASE,
        changed(more={"type": "string"}),
        changed(title={"type": "string", "maxLength": 300}),
        changed(title={"anyOf": [{"type": "string", "maxLength": 200}, {"type": "null"}]}),
        changed(kind={"enum": ["a", "b", "c"]}),
    ],
)
def test_an_added_optional_field_or_a_wider_type_breaks_nothing(new: dict[str, object]) -> None:
    assert compare("M", BASE, new, BASE, new) == []


def test_a_removed_message_is_named_with_advice(tmp_path: Path) -> None:
    released = tmp_path / "released.json"
    document = {"oneOf": [{"$ref": "#/$defs/OldMessage"}], "$defs": {"OldMessage": BASE}}
    released.write_text(json.dumps(document), encoding="utf-8")
    [problem] = breaking_changes(released)
    assert problem.startswith("OldMessage was removed. Add optional fields only.")
