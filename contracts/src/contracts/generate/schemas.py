"""JSON Schema (2020-12) of every message and reply, and the one schema of what the browser reads."""

from typing import Any, cast

from pydantic.json_schema import models_json_schema

from contracts.errors import Code, ErrorReply
from contracts.events import Reset, RunEvent, TaskChanged
from contracts.generate.files import as_text
from contracts.message import Body, reply_type_of
from contracts.registry import REGISTRY

DIALECT = "https://json-schema.org/draft/2020-12/schema"
BROWSER_BODIES: tuple[type[Body], ...] = (RunEvent, TaskChanged, Reset)


def wire_bodies() -> tuple[type[Body], ...]:
    """Every body that goes over the bus by itself: the messages, their replies, and the error reply."""
    messages = [entry.message for entry in REGISTRY]
    replies = [reply for message in messages if (reply := reply_type_of(message)) is not None]
    return (*messages, *dict.fromkeys(replies), ErrorReply)


def schema_of(body: type[Body]) -> dict[str, Any]:
    """The schema that a reader may rely on: as producers write it, open for fields of newer ones."""
    schema = body.model_json_schema(mode="validation")
    open_up(schema)
    return {"$schema": DIALECT, **schema}


def open_up(node: Any) -> None:
    """Make a producer's schema a reader's: open for unknown fields, without OpenAPI's words and repeated titles."""
    if isinstance(node, list):
        for element in cast("list[Any]", node):
            open_up(element)
    if not isinstance(node, dict):
        return
    schema = cast("dict[str, Any]", node)
    if schema.get("additionalProperties") is False:
        del schema["additionalProperties"]
    schema.pop("discriminator", None)
    for value in schema.values():
        open_up(value)
    fields: dict[str, dict[str, Any]] = schema.get("properties", {})
    for field in fields.values():
        if isinstance(field.get("title"), str):
            del field["title"]


def schema_files() -> dict[str, str]:
    return {f"{body.__name__}.json": as_text(schema_of(body)) for body in wire_bodies()}


def browser_schema() -> str:
    """One schema whose definitions are what the browser gets; TypeScript is made from it."""
    _, schema = models_json_schema([(body, "serialization") for body in BROWSER_BODIES], ref_template="#/$defs/{model}")
    definitions = schema["$defs"]
    open_up(definitions)
    definitions["Code"] = {"enum": [code.value for code in Code], "type": "string", "title": "Code"}
    return as_text({"$schema": DIALECT, "title": "Natter", "$defs": definitions})
