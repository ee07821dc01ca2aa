"""JSON Schema (2020-12) of every message and reply, and the one schema of what the browser reads."""

from collections.abc import Sequence
from typing import Any, Literal, cast

from pydantic.json_schema import models_json_schema

from contracts.errors import Code, ErrorReply
from contracts.events import ConversationDeleted, Reset, RunEvent, ScheduleFired, TaskChanged
from contracts.generate.files import as_text
from contracts.message import Body, reply_type_of
from contracts.registry import REGISTRY

DIALECT = "https://json-schema.org/draft/2020-12/schema"
BROWSER_BODIES: tuple[type[Body], ...] = (RunEvent, ConversationDeleted, TaskChanged, ScheduleFired, Reset)


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


def definitions_of(
    bodies: Sequence[type[Body]],
    mode: Literal["validation", "serialization"] = "validation",
    ref_template: str = "#/$defs/{model}",
) -> dict[str, Any]:
    """The schemas of bodies and of what they refer to, by name, as a reader may rely on them."""
    _, schema = models_json_schema([(body, mode) for body in bodies], ref_template=ref_template)
    open_up(schema["$defs"])
    return schema["$defs"]


def bus_schema() -> str:
    """One schema of all that goes over the bus: ``oneOf`` names the bodies, ``$defs`` has them and their parts."""
    names = [{"$ref": f"#/$defs/{body.__name__}"} for body in wire_bodies()]
    definitions = definitions_of(wire_bodies())
    return as_text({"$schema": DIALECT, "title": "Natter's bus", "oneOf": names, "$defs": definitions})


def browser_schema() -> str:
    """One schema whose definitions are what the browser gets; TypeScript is made from it."""
    definitions = definitions_of(BROWSER_BODIES, "serialization")
    definitions["Code"] = {"enum": [code.value for code in Code], "type": "string", "title": "Code"}
    return as_text({"$schema": DIALECT, "title": "Natter", "$defs": definitions})
