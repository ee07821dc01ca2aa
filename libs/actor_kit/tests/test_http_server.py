"""The HTTP server: connections that dawdle, flood or take nothing end, and every refusal says why in one form."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx
from actor_kit.http_server import build_server, turn_away
from actor_kit.uvicorn_internals import STOP_NOTICE_SECONDS, BoundedProtocol, Bounds
from natter.servers.ports import free_port
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

WAIT_SECONDS_MAX = 5
LARGE_BYTES = 8 * 1024 * 1024


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with what was sent; /large with more than any buffer of the system holds, /early without reading, /never
    not at all, /half with its beginning.
    """
    request = Request(scope, receive)
    if request.url.path == "/half":
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        await send({"type": "http.response.body", "body": b"he", "more_body": True})
    if request.url.path in {"/half", "/never"}:
        await asyncio.Event().wait()
    if request.url.path == "/large":
        response: Response = PlainTextResponse("x" * LARGE_BYTES)
    else:
        response = PlainTextResponse("" if request.url.path == "/early" else await request.body())
    await response(scope, receive, send)


@dataclass
class Connection:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    def send(self, text: str) -> None:
        self.writer.write(text.encode())

    async def answer(self) -> tuple[int, dict[str, str], bytes]:
        """Status, headers (names in lower case) and body of the next answer."""
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode()
            status, *lines = head.strip().split("\r\n")
            headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
            body = await self.reader.readexactly(int(headers["content-length"]))
        return int(status.split()[1]), headers, body

    async def end(self) -> bytes:
        """What comes until the server ends the connection."""
        async with asyncio.timeout(WAIT_SECONDS_MAX):
            return await self.reader.read()


@asynccontextmanager
async def served(**bounds: Any) -> AsyncIterator[int]:
    """The server on a free port."""
    server = build_server(
        app, host="127.0.0.1", port=0, bounds=Bounds(**{"connections_max": 10, **bounds}), drain_timeout_seconds=1
    )
    serving = asyncio.create_task(server.serve())
    while not server.started:
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        await serving


@asynccontextmanager
async def connected(port: int, **options: Any) -> AsyncIterator[Connection]:
    connection = Connection(*await asyncio.open_connection("127.0.0.1", port, **options))
    try:
        yield connection
    finally:
        connection.writer.close()


GET = "GET / HTTP/1.1\r\nHost: here\r\n\r\n"


async def test_past_the_bound_a_connection_gets_a_problem_with_a_code_and_others_go_on() -> None:
    async with served(connections_max=2) as port, connected(port) as first, connected(port) as second:
        for connection in (first, second):
            connection.send(GET)
            assert (await connection.answer())[0] == 200
        async with connected(port) as third:
            third.send(GET)
            status, headers, body = await third.answer()
            assert (status, headers["content-type"]) == (503, "application/problem+json")
            assert (headers["retry-after"], headers["cache-control"]) == ("1", "no-store")
            problem = json.loads(body)
            assert (problem["status"], problem["code"], problem["title"]) == (503, "overloaded", "Service Unavailable")
            assert await third.end() == b""
        first.writer.close()
        await first.writer.wait_closed()
        async with connected(port) as fourth:
            await asyncio.sleep(0.05)
            fourth.send(GET)
            second.send(GET)
            assert ((await fourth.answer())[0], (await second.answer())[0]) == (200, 200)


async def test_headers_may_dawdle_on_no_request_of_a_connection() -> None:
    async with served(headers_timeout_seconds=0.2) as port, connected(port) as silent, connected(port) as second:
        second.send(GET)
        assert (await second.answer())[0] == 200
        second.send("GET / HTTP/1.1\r\nX-Slow: ")
        assert (await silent.end(), await second.end()) == (b"", b"")


async def test_what_is_not_http_and_headers_without_end_get_a_problem_with_a_code() -> None:
    async with served() as port:
        for sent in ("not http\r\n\r\n", "GET / HTTP/1.1\r\nX-Endless: " + "x" * 70_000):
            async with connected(port) as connection:
                connection.send(sent)
                status, headers, body = await connection.answer()
                assert (status, headers["content-type"]) == (400, "application/problem+json")
                assert json.loads(body)["code"] == "invalid_request"


async def test_an_answer_that_nobody_takes_is_cut() -> None:
    async with served(send_timeout_seconds=0.2) as port, connected(port, limit=1024) as connection:
        connection.send("GET /large HTTP/1.1\r\nHost: here\r\n\r\n")
        await asyncio.sleep(0.6)
        try:
            got = await connection.end()
        except ConnectionError:
            got = b""
        assert len(got) < LARGE_BYTES


async def test_a_slow_upload_behind_an_answered_request_is_not_cut_off(monkeypatch: Any) -> None:
    """Both requests come in one packet: the second one's body is not the rest of a refused one."""
    monkeypatch.setattr("actor_kit.uvicorn_internals.LINGER_SECONDS", 0.05)
    async with served() as port, connected(port) as connection:
        connection.send(GET + "POST / HTTP/1.1\r\nHost: here\r\nContent-Length: 5\r\n\r\nhe")
        assert (await connection.answer())[0] == 200
        await asyncio.sleep(0.2)
        connection.send("llo")
        assert (await connection.answer())[2] == b"hello"


async def test_the_rest_of_a_body_that_was_answered_early_is_not_waited_for(monkeypatch: Any) -> None:
    monkeypatch.setattr("actor_kit.uvicorn_internals.LINGER_SECONDS", 0.05)
    async with served() as port, connected(port) as connection:
        connection.send("POST /early HTTP/1.1\r\nHost: here\r\nContent-Length: 99\r\n\r\nhe")
        assert (await connection.answer())[0] == 200
        assert await connection.end() == b""


async def test_a_request_that_a_stopping_server_cannot_answer_may_be_tried_again() -> None:
    async with AsyncExitStack() as stack:
        server = AsyncExitStack()
        port = await server.enter_async_context(served())
        never = await stack.enter_async_context(connected(port))
        half = await stack.enter_async_context(connected(port))
        never.send("GET /never HTTP/1.1\r\nHost: here\r\n\r\n")
        half.send("GET /half HTTP/1.1\r\nHost: here\r\n\r\n")
        await half.reader.readuntil(b"he")
        await server.aclose()
        status, headers, body = await never.answer()
        assert (status, json.loads(body)["code"]) == (503, "deadline_exceeded")
        assert (headers["content-type"], headers["retry-after"]) == ("application/problem+json", "1")
        assert await never.end() == b""
        assert await half.end() == b""


async def test_a_server_that_stops_answers_what_is_on_its_way_and_ends_each_connection() -> None:
    async with AsyncExitStack() as stack:
        server = AsyncExitStack()
        port = await server.enter_async_context(served())
        kept, idle = [await stack.enter_async_context(connected(port)) for _ in range(2)]
        kept.send(GET)
        assert "connection" not in (await kept.answer())[1]
        stopping = asyncio.create_task(server.aclose())
        await asyncio.sleep(0.1)
        late = await stack.enter_async_context(connected(port))
        for connection in (kept, late):
            connection.send(GET)
            status, headers, _ = await connection.answer()
            assert (status, headers["connection"]) == (200, "close")
            assert await connection.end() == b""
        await asyncio.sleep(STOP_NOTICE_SECONDS)
        idle.send(GET)  # the listener is closed, this connection is not yet
        assert (await idle.answer())[0] == 200
        await stopping


async def test_no_request_is_reset_by_a_server_that_stops_under_load() -> None:
    """Half of the clients keep their connections, half open one for each request; those refused had sent nothing."""
    seen: list[str] = []

    async def client(port: int, *, keeps: bool) -> None:
        async with httpx.AsyncClient(timeout=WAIT_SECONDS_MAX, trust_env=False) as http:
            headers = {} if keeps else {"Connection": "close"}
            while True:
                try:
                    answer = await http.post(f"http://127.0.0.1:{port}/", content="hello", headers=headers)
                except httpx.TransportError as error:
                    seen.append(type(error).__name__)
                    return
                assert (answer.status_code, answer.text) == (200, "hello")

    async with served(connections_max=100) as port:
        clients = [asyncio.create_task(client(port, keeps=number % 2 == 0)) for number in range(20)]
        await asyncio.sleep(0.3)
    await asyncio.gather(*clients)
    assert seen == ["ConnectError"] * 20


async def test_a_server_without_connections_stops_at_once() -> None:
    loop = asyncio.get_running_loop()
    async with served():
        began = loop.time()
    assert loop.time() - began < STOP_NOTICE_SECONDS


def test_a_server_has_its_bounds_and_believes_only_its_proxies() -> None:
    server = build_server(
        app, host="127.0.0.1", port=0, bounds=Bounds(1), drain_timeout_seconds=0.2, trusted_proxies=["::1"]
    )
    assert (server.config.http.func, server.config.http.args) == (BoundedProtocol, (Bounds(1), turn_away))  # type: ignore[union-attr]
    assert (server.config.proxy_headers, server.config.forwarded_allow_ips) == (True, ["::1"])
    assert server.config.timeout_graceful_shutdown == 1


async def test_servers_may_share_a_port_and_one_goes_on_alone() -> None:
    port = free_port()
    servers = [
        build_server(
            app,
            host="127.0.0.1",
            port=port,
            bounds=Bounds(connections_max=10),
            drain_timeout_seconds=1,
            notice_seconds=0,
            shares_port=True,
        )
        for _ in range(2)
    ]
    serving = [asyncio.create_task(server.serve()) for server in servers]
    async with asyncio.timeout(WAIT_SECONDS_MAX):
        while not all(server.started for server in servers):
            await asyncio.sleep(0.01)
        servers[0].should_exit = True
        await serving[0]
        for _ in range(5):
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.get(f"http://127.0.0.1:{port}/early")).status_code == 200
        servers[1].should_exit = True
        await serving[1]
