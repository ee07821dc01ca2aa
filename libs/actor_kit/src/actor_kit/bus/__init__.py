"""The bus: request/reply, streams and subscriptions over NATS. The only package that imports nats."""

from actor_kit.bus.connection import Bus
from actor_kit.bus.endpoints import EndpointHandler, Endpoints
from actor_kit.bus.pull import PullConsumer, Pulled
from actor_kit.bus.wire import PublishAck, Received, StoredMessage, Subscription, WrongLastSequence

__all__ = [
    "Bus",
    "EndpointHandler",
    "Endpoints",
    "PublishAck",
    "PullConsumer",
    "Pulled",
    "Received",
    "StoredMessage",
    "Subscription",
    "WrongLastSequence",
]
