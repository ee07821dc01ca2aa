"""The OpenAPI document of the interface: what FastAPI derives, with the answers and headers that every route has."""

import warnings
from typing import Any, Final

import yaml
from actor_kit.problems import MEDIA_TYPE, TITLES, Problem
from chatkit.types import ChatKitReq
from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import TypeAdapter
from pydantic.json_schema import PydanticJsonSchemaWarning

from auth_edge.http.documented import GUARDED_STATUSES, HEADERS, PROBLEM_EXAMPLES, header_references, problems

_REFERENCE: Final = "#/components/schemas/{model}"
_BEARER: Final = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
_USER_ID: Final = {
    "name": "user_id",
    "in": "path",
    "required": True,
    "description": "The token's own user (its `sub`), percent-encoded.",
    "schema": {"type": "string"},
    "example": "alice",
}
_TAGS: Final = {
    "assistants": "Who may be written to.",
    "chat": "Send a message over REST.",
    "chatkit": "The ChatKit protocol, and its chat-only token.",
    "conversations": "What was said.",
    "shared": "What links show to whoever has them.",
    "runs": "Answers, while they are written and after.",
    "schedules": "Turns that begin at a time.",
    "tasks": "The todo list.",
    "attachments": "Files, of people and of runs.",
    "connections": "What the assistant may use elsewhere for you.",
    "webhooks": "Addresses that are told when runs end.",
    "services": "For other systems, with a service token.",
    "operator": "What operators look at, over all users; each look at a user is audited.",
    "user": "Everything of a user: take it along, or erase it.",
    "operations": "For who operates the service.",
}
_RATE_HEADERS: Final = ("RateLimit", "RateLimit-Policy")


def build_openapi(app: FastAPI) -> dict[str, Any]:
    """The document (OpenAPI 3.1) as plain data; also kept as `app.openapi_schema`."""
    if app.openapi_schema is None:
        document = get_openapi(
            title=app.title,
            version=app.version,
            description=app.description,
            routes=app.routes,
            contact={"name": "Whoever operates this Natter"},
            tags=[{"name": name, "description": description} for name, description in _TAGS.items()],
            license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
            servers=[{"url": "/", "description": "The origin of the web app, or auth_edge itself"}],
        )
        document["components"]["headers"] = HEADERS
        document["components"]["parameters"] = {"user_id": _USER_ID}
        document["components"]["securitySchemes"] = {"bearer": _BEARER}
        document["components"]["responses"] = {_name(status): response for status, response in _problems().items()}
        _add_schemas(document["components"]["schemas"])
        for path, operations in document["paths"].items():
            for operation in operations.values():
                of_user = path.startswith("/api/{user_id}")
                _complete(operation, of_user=of_user, is_guarded=of_user or path.startswith("/api/operator/"))
        app.openapi_schema = document
    return app.openapi_schema


def to_yaml(document: dict[str, Any]) -> str:
    """The document as it is committed."""
    head = "# Generated from auth_edge by `make generate`; do not edit.\n"
    return head + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _add_schemas(schemas: dict[str, Any]) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", PydanticJsonSchemaWarning)  # of a default in chatkit's Action
        chatkit = TypeAdapter[Any](ChatKitReq).json_schema(ref_template=_REFERENCE)
    for name, schema in chatkit.pop("$defs").items():
        schemas.setdefault(name, schema)
        _require_its_type(schema)
    schemas["ChatKitRequest"] = {"title": "ChatKitRequest", **chatkit}
    schemas["Problem"] = Problem.model_json_schema(ref_template=_REFERENCE)
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)


def _require_its_type(schema: dict[str, Any]) -> None:
    """Say that the member by which a schema is told from others must be sent. To chatkit's classes it is a default,
    but a request without it is refused.
    """
    kind = schema.get("properties", {}).get("type", {})
    if "const" in kind:
        kind.pop("default", None)
        schema["required"] = ["type", *schema.get("required", ())]


def _complete(operation: dict[str, Any], *, of_user: bool, is_guarded: bool) -> None:
    responses: dict[str, Any] = operation["responses"]
    if MEDIA_TYPE not in responses.get("422", {}).get("content", {}):
        responses.pop("422", None)  # FastAPI's own
    operation["security"] = [{"bearer": []}] if is_guarded else []
    if of_user:
        operation["parameters"] = [{"$ref": "#/components/parameters/user_id"}, *operation.get("parameters", ())]
    for response in responses.values():
        names = ("X-Request-Id", *_RATE_HEADERS) if is_guarded else ("X-Request-Id",)
        response["headers"] = {**response.get("headers", {}), **header_references(*names)}
    errors = [status for status in responses if MEDIA_TYPE in responses[status].get("content", {})]
    for status in [*errors, *(GUARDED_STATUSES if is_guarded else ())]:
        responses[str(status)] = {"$ref": f"#/components/responses/{_name(int(status))}"}
    operation["responses"] = dict(sorted(responses.items()))


def _problems() -> dict[int, dict[str, Any]]:
    answers = problems(*PROBLEM_EXAMPLES)
    for answer in answers.values():
        answer["headers"] |= header_references("X-Request-Id", *_RATE_HEADERS)
    return {int(status): answer for status, answer in answers.items()}


def _name(status: int) -> str:
    return TITLES[status].replace(" ", "")
