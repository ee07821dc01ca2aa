"""Property-based: whatever fits or does not fit the OpenAPI document, the answer is one that the document names."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from auth_edge.app import create_app
from auth_edge.openapi import build_openapi
from auth_edge.settings import Settings
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import load_all_checks
from schemathesis.specs.openapi import checks as openapi_checks

from tests.integration.edge.served import ServedEdge, served_edge

load_all_checks()
USER = "alice"


@pytest.fixture(scope="module")
def edge(
    module_nats_url: str, module_database_url: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ServedEdge]:
    budgets = ("requests_per_minute_max", "turns_per_minute_max", "concurrent_runs_max")
    unlimited = dict.fromkeys(budgets, 1_000_000)
    with served_edge(module_nats_url, module_database_url, tmp_path_factory.mktemp("edge"), **unlimited) as served:
        yield served


DOCUMENT: dict[str, Any] = build_openapi(create_app(Settings.model_construct()))
schema = schemathesis.openapi.from_dict(DOCUMENT)


OPERATIONS = [
    pytest.param(path, method, mode, id=f"{method.upper()} {path} {mode.value}")
    for path, methods in DOCUMENT["paths"].items()
    for method in methods
    for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)
    if path.startswith("/api/") or mode is GenerationMode.POSITIVE
]


def name_of(parameter: dict[str, Any]) -> str:
    """A parameter's name, where the document refers to it as well."""
    reference = str(parameter.get("$ref", ""))
    return (DOCUMENT["components"]["parameters"][reference.rpartition("/")[2]] if reference else parameter)["name"]


@pytest.mark.parametrize(("path", "method", "mode"), OPERATIONS)
@given(data=st.data())
@settings(
    max_examples=12,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[*HealthCheck],  # pyright: ignore[reportArgumentType] - its metaclass hides the members
)
def test_every_answer_is_one_that_the_document_names(
    path: str, method: str, mode: GenerationMode, data: st.DataObject, edge: ServedEdge
) -> None:
    case: schemathesis.Case = data.draw(schema[path][method].as_strategy(generation_mode=mode))
    if "user_id" in case.path_parameters:
        case.path_parameters["user_id"] = USER
    # A token for each request: nothing expires while the test runs.
    known = {name_of(parameter) for parameter in DOCUMENT["paths"][path][method].get("parameters", [])}
    # A reader ignores what it does not know: a parameter that the document does not have is no reason to refuse.
    ignores = [openapi_checks.negative_data_rejection] if {*(case.query or {})} - known else []
    headers = {"Authorization": f"Bearer {edge.issuer.mint(USER)}"}
    case.call_and_validate(
        base_url=edge.url,
        headers=headers,
        allow_redirects=False,
        excluded_checks=[
            # What the document says about a header or an item is wider than what the store holds.
            openapi_checks.positive_data_acceptance,
            openapi_checks.ignored_auth,
            *ignores,
        ],
    )


def test_the_document_describes_every_code_of_the_interface() -> None:
    for path, methods in DOCUMENT["paths"].items():
        for operation in methods.values():
            if path.startswith("/api/{user_id}"):
                assert {"401", "403", "422", "429", "503"} <= set(operation["responses"])
                assert operation["security"] == [{"bearer": []}]
            assert operation["summary"]
            assert re.fullmatch(r"[a-z_]+", operation["operationId"])
