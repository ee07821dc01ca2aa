"""A service played from its golden examples, so that another can be developed alone against a local NATS."""

import json
from dataclasses import dataclass, field
from typing import Any

import structlog
from actor_kit.actor import Actor, Delivery, Handlers
from contracts.ids import new_id
from contracts.message import Message, Reply, reply_type_of
from contracts.registry import requests_to
from contracts.services import Service

from contracts import golden

log = structlog.get_logger()

ECHOED = ("conversation_id", "run_id", "message_id", "task_id", "call_id", "epoch")
"""Fields that an answer repeats from its request, wherever they stand, so that the caller recognises its own."""


@dataclass(frozen=True)
class ExampleActor(Actor):
    """Answers each request of a service with its reply's golden example. Keeps nothing, checks the shape alone."""

    service: Service
    asked: list[Message] = field(default_factory=list[Message])

    @property
    def handlers(self) -> Handlers:
        return dict.fromkeys(requests_to(self.service), self.on_request)

    async def on_request(self, request: Message, _delivery: Delivery) -> Reply:
        self.asked.append(request)
        log.info("mock.answered", request=type(request).__name__)
        reply_type = reply_type_of(type(request))
        assert reply_type is not None  # `requests_to` names requests with a reply alone
        known = {name: value for name in ECHOED if (value := getattr(request, name, None)) is not None}
        # A new conversation gets an id of its own: a caller that makes two must see two.
        if "conversation_id" in type(request).model_fields and "conversation_id" not in known:
            known |= {"conversation_id": new_id("conv"), "run_id": new_id("run"), "message_id": new_id("msg")}
        example = golden.as_json(golden.example_of(reply_type))
        return reply_type.decode(json.dumps(_echo(example, known)).encode())


def _echo(node: Any, known: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        return {name: known.get(name, _echo(value, known)) for name, value in node.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    if isinstance(node, list):
        return [_echo(element, known) for element in node]  # pyright: ignore[reportUnknownVariableType]
    return node
