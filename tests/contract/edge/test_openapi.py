"""The committed OpenAPI document is what the app says, valid, and complete enough to work from."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from actor_kit.problems import STATUS, TITLES
from auth_edge.app import create_app
from auth_edge.openapi import build_openapi, to_yaml
from auth_edge.settings import Settings
from contracts.errors import Code
from openapi_spec_validator import validate

COMMITTED = Path(__file__).parents[3] / "contracts" / "conversation-openapi.yaml"
DOCUMENT: dict[str, Any] = yaml.safe_load(COMMITTED.read_text(encoding="utf-8"))


def operations() -> Iterator[Any]:
    for path, methods in DOCUMENT["paths"].items():
        for method, operation in methods.items():
            yield pytest.param(path, operation, id=f"{method.upper()} {path}")


def resolve(value: dict[str, Any]) -> dict[str, Any]:
    """The thing itself, where the document has a reference to it."""
    if "$ref" not in value:
        return value
    found: Any = DOCUMENT
    for name in value["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return found


def test_the_document_is_generated_and_up_to_date() -> None:
    app = create_app(Settings.model_construct())
    assert to_yaml(build_openapi(app)) == COMMITTED.read_text(encoding="utf-8"), "run: make generate"


ALSO_NAMES_ANOTHER = {"add_task", "create_schedule", "add_attachment", "list_attachments"}
"""Within their bodies or queries."""


def test_the_document_is_valid_openapi_3_1() -> None:
    validate(DOCUMENT)
    assert DOCUMENT["openapi"].startswith("3.1.")


def test_every_reference_leads_somewhere() -> None:
    def walk(value: Any) -> None:
        if isinstance(value, dict):
            resolve(value)
            for part in value.values():
                walk(part)
        elif isinstance(value, list):
            for part in value:
                walk(part)

    walk(DOCUMENT)


@pytest.mark.parametrize(("path", "operation"), list(operations()))
def test_an_operation_is_described_whole(path: str, operation: dict[str, Any]) -> None:
    assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"])
    assert operation["summary"]
    assert operation["description"]
    assert set(operation["tags"]) <= {tag["name"] for tag in DOCUMENT["tags"]}
    responses = {status: resolve(response) for status, response in operation["responses"].items()}
    for status, response in responses.items():
        assert response["description"]
        assert "X-Request-Id" in response["headers"]
        if int(status) >= 400 and path.startswith("/api/"):
            (media_type,) = response["content"]
            assert media_type == "application/problem+json"
            assert response["content"][media_type]["example"]["status"] == int(status)
    if path.startswith("/api/{user_id}"):
        assert operation["security"] == [{"bearer": []}]
        assert {"401", "403", "408", "413", "422", "429", "503"} <= set(responses)
        names_another = "_id}" in path.removeprefix("/api/{user_id}") or "/chat" in path
        assert ("404" in responses) == (names_another or operation["operationId"] in ALSO_NAMES_ANOTHER)
        assert "Retry-After" in responses["429"]["headers"]
        assert "Retry-After" in responses["503"]["headers"]
        assert "WWW-Authenticate" in responses["401"]["headers"]
        assert all("RateLimit" in response["headers"] for response in responses.values())
    elif path.startswith("/api/operator/"):
        assert operation["security"] == [{"bearer": []}]
        assert {"401", "403", "429", "503"} <= set(responses)
        assert ("404" in responses) == ("{" in path)
    else:
        assert operation["security"] == []
    if "requestBody" in operation:
        assert all(content["schema"] for content in operation["requestBody"]["content"].values())


def test_the_member_that_tells_schemas_apart_must_be_sent() -> None:
    def unions(value: Any) -> Iterator[dict[str, Any]]:
        if isinstance(value, dict):
            if "discriminator" in value:
                yield value
            value = list(value.values())
        if isinstance(value, list):
            for part in value:
                yield from unions(part)

    found = list(unions(DOCUMENT))
    assert DOCUMENT["components"]["schemas"]["ChatKitRequest"] in found
    for union in found:
        for choice in union["oneOf"]:
            assert union["discriminator"]["propertyName"] in resolve(choice)["required"]


def test_each_operation_has_its_own_name() -> None:
    names = [parameters.values[1]["operationId"] for parameters in operations()]
    assert len(names) == len(set(names))


def test_every_code_of_the_edge_has_a_status_that_is_described() -> None:
    assert set(STATUS.values()) <= set(TITLES)
    assert all(isinstance(code, Code) for code in STATUS)
