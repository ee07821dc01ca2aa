"""What every request passes: headers, cross-origin calls, the log, errors nobody foresaw, and dawdling connections."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import structlog
from auth_edge.app import create_app, open_edge
from auth_edge.server import build_server
from auth_edge.settings import Settings
from auth_edge.testing import RunningEdge, edge_settings, running_edge
from identity.local_issuer import LocalIssuer
from pydantic import ValidationError
from structlog.testing import capture_logs


async def test_every_answer_has_security_headers_and_an_id(edge: RunningEdge) -> None:
    for answer in (
        await edge.call("GET", "/tasks"),
        await edge.client.get("/nothing"),
        await edge.client.get("/healthz"),
    ):
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert len(answer.headers["x-request-id"]) == 32
        assert "server" not in answer.headers


async def test_a_plain_request_id_is_kept_and_another_replaced(edge: RunningEdge) -> None:
    for sent, kept in (("trace-0001", True), ("short", False), ("x" * 65, False), ('"><script>', False)):
        answer = await edge.client.get("/nothing", headers={"X-Request-Id": sent})
        assert (answer.headers["x-request-id"] == sent) == kept
        assert answer.json()["request_id"] == answer.headers["x-request-id"]


async def test_the_log_has_no_token_no_text_and_no_user(edge: RunningEdge) -> None:
    token, text, user = edge.token("alice@example.com"), "my secret plan", "alice@example.com"
    with capture_logs() as lines:
        await edge.call("POST", "/chat", user_id=user, token=token, json={"message": text})
        await edge.call("GET", "/tasks", user_id="bob", token=token)
        await edge.call("POST", "/chatkit", user_id=user, token=token, json={"type": text})
    requests = [line for line in lines if line["event"] == "http.request"]
    assert [(line["status"], line["code"]) for line in requests] == [
        (202, None), (403, "forbidden"), (422, "invalid_request"),
    ]  # fmt: skip
    assert requests[0]["route"] == "/api/{user_id}/chat"
    assert requests[0]["user"] == requests[1]["user"] != user
    assert all(line["duration_ms"] > 0 and line["request_id"] for line in requests)
    written = json.dumps(lines, default=str)
    assert not any(secret in written for secret in (token, text, user, "bob"))


async def test_a_bug_is_a_500_with_a_code_and_leaves_no_text_in_the_log(edge: RunningEdge, store: Any) -> None:
    class SecretError(Exception):
        pass

    async def explode(*_: object, **__: object) -> None:
        raise SecretError("my secret plan")

    object.__setattr__(edge.edge.permits, "take", explode)
    with capture_logs() as lines:
        answer = await edge.call("GET", "/tasks")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    (bug,) = [line for line in lines if line["event"] == "http.bug"]
    assert bug["error"] == "SecretError"
    assert "secret plan" not in json.dumps(lines, default=str) + answer.text


async def test_cross_origin_calls_are_closed_by_default_and_opened_by_list(
    edge: RunningEdge, nats_url: str, tmp_path: Path
) -> None:
    preflight = {"Origin": "https://app.example", "Access-Control-Request-Method": "POST"}
    closed = await edge.client.options("/api/alice/chat", headers=preflight)
    assert closed.status_code == 405
    assert "access-control-allow-origin" not in closed.headers
    async with running_edge(nats_url, tmp_path, cors_origins="https://app.example, https://b.example") as listed:
        opened = await listed.client.options("/api/alice/chat", headers=preflight)
        assert opened.headers["access-control-allow-origin"] == "https://app.example"
        assert "access-control-allow-credentials" not in opened.headers
        other = await listed.client.options("/api/alice/chat", headers={**preflight, "Origin": "https://evil.example"})
        assert "access-control-allow-origin" not in other.headers
        answer = await listed.call("GET", "/tasks", headers={"Origin": "https://b.example"})
        assert answer.headers["access-control-allow-origin"] == "https://b.example"
        assert "Natter-Resume-From" in answer.headers["access-control-expose-headers"]


@pytest.mark.parametrize("origins", ["*", "https://*.example", "app.example", "https://app.example/path"])
def test_a_loose_origin_is_refused(origins: str, tmp_path: Path) -> None:
    with pytest.raises(ValidationError, match=r"(?i)cors_origins"):
        edge_settings("nats://127.0.0.1:4222", LocalIssuer.open(tmp_path), cors_origins=origins)


@asynccontextmanager
async def served(nats_url: str, folder: Path, **values: Any) -> AsyncIterator[tuple[int, LocalIssuer]]:
    """The real server on a free port."""
    issuer = LocalIssuer.open(folder)
    settings: Settings = edge_settings(nats_url, issuer, http_port=0, **values)
    app = create_app(settings)
    async with open_edge(settings, app):
        server = build_server(app, settings)
        serving = asyncio.create_task(server.serve())
        while not server.started:
            await asyncio.sleep(0.01)
        yield server.servers[0].sockets[0].getsockname()[1], issuer
        server.should_exit = True
        await serving


async def test_dawdling_connections_are_closed_and_others_served(nats_url: str, tmp_path: Path, store: Any) -> None:
    async with served(nats_url, tmp_path, headers_timeout_seconds=0.3, body_timeout_seconds=0.3) as (port, issuer):
        head = f"POST /api/alice/chat HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer {issuer.mint('alice')}\r\n"
        slow = [await asyncio.open_connection("127.0.0.1", port) for _ in range(20)]
        for number, (_, writer) in enumerate(slow):
            writer.write((head + "Content-Length: 100\r\n" + ("\r\n{" if number % 2 else "")).encode())
        silent_reader, silent_writer = await asyncio.open_connection("127.0.0.1", port)
        async with httpx.AsyncClient() as client:
            served_meanwhile = await client.get(f"http://127.0.0.1:{port}/healthz")
            assert served_meanwhile.status_code == 200
        async with asyncio.timeout(5):
            answers = [await reader.read() for reader, _ in slow]
            assert await silent_reader.read() == b""
        assert all(answer == b"" for answer in answers[::2])  # the headers never came
        for answer in answers[1::2]:  # the body never came
            assert answer.startswith(b"HTTP/1.1 408")
            assert b'"code":"deadline_exceeded"' in answer
        for _, writer in (*slow, (None, silent_writer)):
            writer.close()
        assert store.asked == []


async def test_endless_headers_are_refused(nats_url: str, tmp_path: Path, store: Any) -> None:
    async with served(nats_url, tmp_path) as (port, _):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"GET / HTTP/1.1\r\nX-Endless: ")
        writer.write(b"x" * 200_000)
        async with asyncio.timeout(5):
            answer = await reader.read(100)
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
        writer.close()


async def test_an_oversized_upload_gets_its_answer_and_then_the_connection_ends(
    nats_url: str, tmp_path: Path, store: Any
) -> None:
    async with served(nats_url, tmp_path) as (port, issuer):
        headers = {"Authorization": f"Bearer {issuer.mint('alice')}"}
        async with httpx.AsyncClient(headers=headers, base_url=f"http://127.0.0.1:{port}/api/alice") as client:
            answer = await client.post("/chat", content=b"x" * 3_000_000)
            assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = "".join(f"{name}: {value}\r\n" for name, value in {"Host": "edge", **headers}.items())
        request = f"POST /api/alice/chat HTTP/1.1\r\n{head}Content-Length: 9999999999\r\n\r\n"
        writer.write(request.encode())
        async with asyncio.timeout(5):
            assert (await reader.read()).startswith(b"HTTP/1.1 413")  # read to the end: the server closed it
        writer.close()


async def test_forwarded_headers_are_believed_from_trusted_proxies_only(nats_url: str, tmp_path: Path) -> None:
    issuer = LocalIssuer.open(tmp_path)
    closed = build_server(create_app(edge_settings(nats_url, issuer)), edge_settings(nats_url, issuer))
    assert not closed.config.proxy_headers
    settings = edge_settings(nats_url, issuer, trusted_proxies="10.0.0.0/8, 127.0.0.1")
    trusting = build_server(create_app(settings), settings)
    assert (trusting.config.proxy_headers, trusting.config.forwarded_allow_ips) == (True, ["10.0.0.0/8", "127.0.0.1"])


def teardown_module() -> None:
    structlog.reset_defaults()
