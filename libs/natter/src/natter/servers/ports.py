"""Ports of the loopback interface."""

import secrets
import socket

LOOPBACK = "127.0.0.1"
FIRST_PORT, LAST_PORT = 20_000, 32_000
"""Below the ports that Linux (32768 to 60999) and macOS (from 49152) give to outgoing connections: one of those could
take a port between our looking and a server's listening."""
PORTS_TRIED_MAX = 1_000

_given: set[int] = set()


def free_port() -> int:
    """Return a TCP port that nobody listens on and that this process did not return before.

    Another program may still take it before the caller does. Raises OSError when none is found.
    """
    for _ in range(PORTS_TRIED_MAX):
        port = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT)
        if port not in _given and is_free(port):
            _given.add(port)
            return port
    raise OSError(f"no free port was found from {FIRST_PORT} to {LAST_PORT}")


def is_free(port: int) -> bool:
    """Say whether a server could listen on this port of the loopback interface now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
        return True
