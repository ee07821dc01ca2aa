"""A viewer over a bare socket: it reads when it is told to, and its kernel takes as little as can be."""

import asyncio
import socket
from dataclasses import dataclass

import httpx
import psutil

from tests.integration.relay.kit import Event, EventStream, RunningRelay


@dataclass
class RawViewer:
    """An open stream that nobody reads yet."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def open(cls, relay: RunningRelay, path: str, *, receive_buffer_bytes: int) -> "RawViewer":
        host, port = relay.url.removeprefix("http://").split(":")
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        connection.setblocking(False)
        await asyncio.get_running_loop().sock_connect(connection, (host, int(port)))
        reader, writer = await asyncio.open_connection(sock=connection, limit=1024)
        token = relay.headers()["Authorization"]
        writer.write(f"GET {path} HTTP/1.1\r\nHost: relay\r\nAuthorization: {token}\r\n\r\n".encode())
        await writer.drain()
        assert (await reader.readline()).startswith(b"HTTP/1.1 200")
        return cls(reader, writer)

    async def read_events(self, *, pause_seconds: float = 0, bytes_at_once: int = 1 << 30) -> list[Event]:
        """Read now, until the answer ends; with a pause after every so many bytes."""
        while (await self.reader.readline()).strip():
            pass
        body = b""
        async with asyncio.timeout(30):
            while size := int(await self.reader.readline(), 16):
                while size:
                    part = await self.reader.readexactly(min(size, bytes_at_once))
                    body, size = body + part, size - len(part)
                    if pause_seconds:
                        await asyncio.sleep(pause_seconds)
                await self.reader.readexactly(2)
        self.writer.close()
        return [event async for event in EventStream(httpx.Response(200, content=body))]

    def is_held_open_by_the_server(self) -> bool:
        """Say whether the relay, which runs in this process, still has its end of the connection."""
        own = self.writer.get_extra_info("sockname")
        return any(tuple(end.raddr) == tuple(own) for end in psutil.Process().net_connections("tcp") if end.raddr)

    async def is_cut(self) -> bool:
        """Read what its kernel has taken, and say whether the answer stops without its end."""
        last = b""
        try:
            async with asyncio.timeout(30):
                while data := await self.reader.read(1 << 20):
                    last = (last + data)[-5:]
        except ConnectionResetError:
            return True
        return last != b"0\r\n\r\n"

    def close(self) -> None:
        self.writer.close()
