"""The fixtures of the relay's integration tests."""

from tests.integration.relay.conftest import books, bus, plain_bus, relay, run

__all__ = ["books", "bus", "plain_bus", "relay", "run"]
