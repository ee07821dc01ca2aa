"""Ports that are handed out are free, and are handed out once."""

import socket

from natter.servers import ports
from natter.servers.ports import free_port, is_free


def test_no_port_is_given_twice_and_none_that_a_connection_could_take() -> None:
    given = [free_port() for _ in range(500)]
    assert len(set(given)) == 500
    assert all(ports.FIRST_PORT <= port < 32_768 for port in given)


def test_a_port_that_somebody_listens_on_is_not_free() -> None:
    for address in ("127.0.0.1", "0.0.0.0"):
        with socket.create_server((address, 0)) as taken:
            assert not is_free(taken.getsockname()[1])
