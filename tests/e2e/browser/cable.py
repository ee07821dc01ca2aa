"""A network cable that a test can pull: a TCP forwarder in front of the web app."""

import contextlib
import socket
import threading
from collections.abc import Callable, Generator

BUFFER_BYTES = 65_536
ACCEPT_SECONDS = 0.1


class Cable:
    """Forwards a port of its own to `target_port` on loopback, as long as it is plugged in."""

    def __init__(self, target_port: int) -> None:
        self.target_port = target_port
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.listener.settimeout(ACCEPT_SECONDS)
        self.port: int = self.listener.getsockname()[1]
        self.is_plugged = True
        self.is_closed = False
        self.ends: set[socket.socket] = set()
        self.lock = threading.Lock()
        self.threads: list[threading.Thread] = []
        self._start(self._accept)

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def pull(self) -> None:
        """Break every connection, and refuse new ones."""
        self.is_plugged = False
        with self.lock:
            for end in self.ends:
                shut(end)

    def plug(self) -> None:
        """Forward again."""
        self.is_plugged = True

    def close(self) -> None:
        """End the forwarder and all of its connections."""
        self.is_closed = True
        self.pull()
        for thread in self.threads:
            thread.join()
        self.listener.close()

    def _start(self, target: Callable[..., None], *arguments: socket.socket) -> threading.Thread:
        thread = threading.Thread(target=target, args=arguments, daemon=True)
        thread.start()
        self.threads.append(thread)
        return thread

    def _accept(self) -> None:
        while not self.is_closed:
            with contextlib.suppress(TimeoutError):
                client, _ = self.listener.accept()
                client.settimeout(None)
                self._start(self._carry, client)

    def _carry(self, client: socket.socket) -> None:
        """One connection, both ways, to its end."""
        with client, socket.create_connection(("127.0.0.1", self.target_port)) as server:
            with self.lock:
                if not self.is_plugged:
                    return
                self.ends |= {client, server}
            answers = self._start(pump, server, client)
            pump(client, server)
            answers.join()
            with self.lock:
                self.ends -= {client, server}


def pump(source: socket.socket, target: socket.socket) -> None:
    """Carry bytes until either end is shut; then shut both, so that the other direction ends as well."""
    with contextlib.suppress(OSError):
        while data := source.recv(BUFFER_BYTES):
            target.sendall(data)
    shut(source)
    shut(target)


def shut(end: socket.socket) -> None:
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)


@contextlib.contextmanager
def cable_to(target_port: int) -> Generator[Cable]:
    """A cable, until the block ends."""
    cable = Cable(target_port)
    try:
        yield cable
    finally:
        cable.close()
