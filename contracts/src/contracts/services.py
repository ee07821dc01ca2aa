"""The parties on the bus. Each has a NATS user of the same name and a private inbox prefix."""

from enum import StrEnum


class Service(StrEnum):
    AUTH_EDGE = "auth_edge"
    CONVERSATION_STORE = "conversation_store"
    AGENT_RUNNER = "agent_runner"
    TASK_TOOLS = "task_tools"
    STREAM_RELAY = "stream_relay"
    OPERATOR = "operator"
    """The command line: creates streams, pings services, replays dead letters."""


def inbox_prefix(service: Service) -> str:
    """The subject prefix of a service's private inboxes; no other service may subscribe to it."""
    return f"_INBOX_{service}"
