"""A TCP proxy in front of Postgres that loses connections as a cloud does: before a statement, or before its answer."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit


@dataclass
class PostgresProxy:
    """Forwards to Postgres. ``is_away``: connections are refused at once, as while a compute wakes up.

    ``cut_before``: the next message that holds this text is not delivered, the connection is cut instead.
    ``cut_after``: it is delivered, and the connection is cut before the answer comes back. Each cuts once, and calls
    ``on_cut`` at that moment.
    ``arms``: once a message holds the first text, the second one is what is cut after.
    ``dies_after``: it is delivered, then ``end_server`` ends Postgres; the answer and Postgres' last words arrive
    together, the end of the connection a moment later.
    """

    upstream_host: str
    upstream_port: int
    is_away: bool = False
    cut_before: bytes | None = None
    cut_after: bytes | None = None
    dies_after: bytes | None = None
    arms: tuple[bytes, bytes] | None = None
    cuts: int = 0
    on_cut: Callable[[], None] = lambda: None
    end_server: Callable[[], Awaitable[object]] | None = None
    writers: set[asyncio.StreamWriter] = field(default_factory=set)
    port: int = 0

    def url_of(self, url: str) -> str:
        """The URL of a database, through the proxy."""
        parts = urlsplit(url)
        return url.replace(f"@{parts.hostname}:{parts.port}", f"@127.0.0.1:{self.port}", 1)

    def cut_all(self) -> None:
        """Lose every connection."""
        for writer in list(self.writers):
            writer.transport.abort()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self.is_away:
            writer.transport.abort()
            return
        self.writers.add(writer)
        try:
            from_server, to_server = await asyncio.open_connection(self.upstream_host, self.upstream_port)
            answers = asyncio.create_task(self._forward_answers(from_server, writer))
            try:
                await self._forward_messages(reader, from_server, to_server, answers, writer)
            finally:
                answers.cancel()
                to_server.close()
        except (ConnectionError, OSError):
            pass
        finally:
            self.writers.discard(writer)
            with suppress(ConnectionError, OSError):
                writer.close()

    async def _forward_messages(
        self,
        reader: asyncio.StreamReader,
        from_server: asyncio.StreamReader,
        to_server: asyncio.StreamWriter,
        answers: asyncio.Task[None],
        writer: asyncio.StreamWriter,
    ) -> None:
        while data := await reader.read(65536):
            if self.arms is not None and self.arms[0] in data:
                self.cut_after, self.arms = self.arms[1], None
            if self.cut_before is not None and self.cut_before in data:
                self.cut_before = None
                self._cut()
                writer.transport.abort()
                return
            if self.dies_after is not None and self.dies_after in data:
                self.dies_after = None
                answers.cancel()
                await asyncio.wait([answers])
                to_server.write(data)
                await self._pass_on_last_words(from_server, writer)
                return
            is_last = self.cut_after is not None and self.cut_after in data
            if is_last:
                self.cut_after = None
                answers.cancel()
            to_server.write(data)
            await to_server.drain()
            if is_last:
                self._cut()
                await asyncio.sleep(0.2)  # Postgres has done it; its answer never arrives
                writer.transport.abort()
                return

    async def _pass_on_last_words(self, from_server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answer = await from_server.read(65536)
        assert self.end_server is not None
        await self.end_server()
        writer.write(answer + await from_server.read())
        await writer.drain()
        self._cut()
        await asyncio.sleep(0.2)
        writer.transport.abort()

    def _cut(self) -> None:
        self.cuts += 1
        self.on_cut()

    @staticmethod
    async def _forward_answers(from_server: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError, OSError):
            while data := await from_server.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()


@asynccontextmanager
async def postgres_proxy(url: str) -> AsyncGenerator[PostgresProxy]:
    """A proxy in front of the server of a URL, on a free port."""
    parts = urlsplit(url)
    proxy = PostgresProxy(parts.hostname or "127.0.0.1", parts.port or 5432)
    server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        server.close()
        proxy.cut_all()
        await asyncio.sleep(0)
