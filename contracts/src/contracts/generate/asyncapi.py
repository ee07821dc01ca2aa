"""contracts/asyncapi.yaml: the bus in AsyncAPI 3.0, one channel per subject template."""

import re
from typing import Any

import yaml

from contracts import golden
from contracts.generate.schemas import definitions_of, wire_bodies
from contracts.message import Message, reply_type_of
from contracts.registry import REGISTRY, Entry
from contracts.services import Service

PARAMETERS = {
    "webhook_id": "The webhook that is told.",
    "user_token": "The user id as unpadded base64url: what users choose never becomes subject syntax.",
    "assistant_id": "The assistant that is to answer.",
    "conversation_id": "The conversation.",
    "run_id": "The run.",
    "service": "The service that publishes it.",
    "action": "What was done.",
    "message": "The name of the message that was given up.",
}


def asyncapi_yaml() -> str:
    document = {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Natter's bus",
            "version": "1.0.0",
            "description": "Commands and queries by request/reply, runs in a work queue, deltas in a stream. "
            "Generated from contracts/; every service may publish and subscribe only what is here.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": {"nats": {"host": "localhost:4222", "protocol": "nats"}},
        "channels": _channels(),
        "operations": _operations(),
        "components": {
            "messages": _messages(),
            "schemas": definitions_of(wire_bodies(), ref_template="#/components/schemas/{model}"),
        },
    }
    header = "# Generated from contracts/ by `make generate`: edit the registry, not this file.\n"
    return header + yaml.safe_dump(document, sort_keys=False, allow_unicode=True, width=120)


def _channel_name(template: str) -> str:
    return re.sub(r"\W+", "_", template).strip("_")


def _channels() -> dict[str, Any]:
    channels: dict[str, Any] = {}
    for entry in REGISTRY:
        message, template = entry.message, entry.message.subject_template
        channel = channels.setdefault(_channel_name(template), {"address": template, "messages": {}})
        channel["messages"][message.__name__] = {"$ref": f"#/components/messages/{message.__name__}"}
        names = re.findall(r"{(\w+)}", template)
        if names:
            channel["parameters"] = {name: {"description": PARAMETERS[name]} for name in names}
        if reply := reply_type_of(message):
            channels[_reply_channel(message)] = {
                "address": None,
                "description": "The caller's private inbox.",
                "messages": {
                    name: {"$ref": f"#/components/messages/{name}"} for name in (reply.__name__, "ErrorReply")
                },
            }
    return channels


def _reply_channel(message: type[Message]) -> str:
    return f"{_channel_name(message.subject_template)}_reply"


def _operations() -> dict[str, Any]:
    operations: dict[str, Any] = {}
    for entry in REGISTRY:
        for service in sorted(entry.senders):
            operations[f"{service}_sends_{entry.message.__name__}"] = _operation(entry, "send", service)
        for service in sorted(entry.receivers):
            operations[f"{service}_receives_{entry.message.__name__}"] = _operation(entry, "receive", service)
    return operations


def _operation(entry: Entry, action: str, service: Service) -> dict[str, Any]:
    message = entry.message
    channel = _channel_name(message.subject_template)
    operation: dict[str, Any] = {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "summary": (message.__doc__ or message.__name__).strip().splitlines()[0],
        "description": f"By {service}. Who may ask: {entry.rule.value.replace('_', ' ')}.",
        "tags": [{"name": service.value}, {"name": entry.kind}],
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message.__name__}"}],
    }
    if reply := reply_type_of(message):
        reply_channel = _reply_channel(message)
        operation["reply"] = {
            "channel": {"$ref": f"#/channels/{reply_channel}"},
            "messages": [
                {"$ref": f"#/channels/{reply_channel}/messages/{name}"} for name in (reply.__name__, "ErrorReply")
            ],
        }
    return operation


def _messages() -> dict[str, Any]:
    headers = {
        "type": "object",
        "properties": {
            "Natter-Schema": {"type": "string", "description": "The version of the message's schema."},
            "traceparent": {"type": "string", "description": "W3C Trace Context."},
        },
    }
    return {
        body.__name__: {
            "name": body.__name__,
            "summary": (body.__doc__ or body.__name__).strip().splitlines()[0],
            "headers": headers,
            "payload": {"$ref": f"#/components/schemas/{body.__name__}"},
            "examples": [{"payload": golden.as_json(golden.example_of(body))}],
        }
        for body in wire_bodies()
    }
