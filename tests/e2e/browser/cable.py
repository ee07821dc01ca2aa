"""A network cable that a test can pull: a TCP forwarder in front of the web app."""

import contextlib
import socket
import threading
from collections.abc import Generator

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
        self.thread = threading.Thread(target=self._accept, daemon=True)
        self.thread.start()

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def pull(self) -> None:
        """Break every connection, and refuse new ones."""
        self.is_plugged = False
        self._break()

    def plug(self) -> None:
        """Forward again."""
        self.is_plugged = True

    def close(self) -> None:
        """End the forwarder and all of its connections."""
        self.is_closed = True
        self.thread.join()
        self.listener.close()
        self._break()

    def _break(self) -> None:
        with self.lock:
            ends, self.ends = self.ends, set()
        for end in ends:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while not self.is_closed:
            with contextlib.suppress(TimeoutError):
                client, _ = self.listener.accept()
                if not self.is_plugged:
                    client.close()
                    continue
                server = socket.create_connection(("127.0.0.1", self.target_port))
                with self.lock:
                    self.ends |= {client, server}
                for source, target in ((client, server), (server, client)):
                    threading.Thread(target=self._pump, args=(source, target), daemon=True).start()

    def _pump(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(BUFFER_BYTES):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        with self.lock:
            known = {source, target} & self.ends
            self.ends -= known
        for end in known:
            end.close()


@contextlib.contextmanager
def cable_to(target_port: int) -> Generator[Cable]:
    """A cable, until the block ends."""
    cable = Cable(target_port)
    try:
        yield cable
    finally:
        cable.close()
