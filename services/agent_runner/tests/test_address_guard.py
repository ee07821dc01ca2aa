"""Foreign servers over HTTP, and what they lead to, are not a way into the private network."""

import asyncio
from collections.abc import AsyncIterator

import httpcore2
import httpx2
import pytest
from agent_runner.address_guard import PublicBackend, is_private_url, is_public, keep_public
from agent_runner.connections import http_for
from natterkit import McpServer

PRIVATE = [
    "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "224.0.0.1", "255.255.255.255", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "::ffff:127.0.0.1",
    "::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::", "ff02::1",
]  # fmt: skip


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_this_network_is_private(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.215.14", "8.8.8.8", "2606:4700::1111", "64:ff9b::808:808"])
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(address)


class Listening:
    """A server of the private network that notes who came."""

    def __init__(self) -> None:
        self.visits = 0
        self.port = 0

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.visits += 1
        await reader.read(100)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nsecret")
        writer.close()


@pytest.fixture
async def listening() -> AsyncIterator[Listening]:
    inside = Listening()
    server = await asyncio.start_server(inside.answer, "127.0.0.1", 0)
    inside.port = server.sockets[0].getsockname()[1]
    async with server:
        yield inside


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "127.1", "[::ffff:127.0.0.1]"])
async def test_no_name_of_it_reaches_a_private_server(listening: Listening, host: str) -> None:
    async with keep_public(httpx2.AsyncClient()) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"http://{host}:{listening.port}/")
    assert listening.visits == 0
    assert await is_private_url(f"http://{host}:{listening.port}/")


async def test_the_address_that_was_judged_is_the_one_that_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    connected: list[str] = []

    async def note(_self: object, host: str, *_more: object) -> None:
        connected.append(host)

    async def resolve(_host: str, _port: int) -> list[str]:
        return ["93.184.215.14"]

    monkeypatch.setattr("agent_runner.address_guard.addresses_of", resolve)
    monkeypatch.setattr(httpcore2.AnyIOBackend, "connect_tcp", note)
    await PublicBackend().connect_tcp("rebinding.test", 443)
    assert connected == ["93.184.215.14"]


async def test_a_private_server_may_lead_to_private_addresses_unless_that_is_off(listening: Listening) -> None:
    """What `natter up` and every example need: a server on loopback that the operator has named."""
    config = McpServer(name="calendar", url=f"http://127.0.0.1:{listening.port}/mcp")
    async with (await http_for(config, refuses_private=False))() as client:
        assert (await client.get(f"http://127.0.0.1:{listening.port}/token")).text == "secret"
    async with (await http_for(config, refuses_private=True))() as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"http://127.0.0.1:{listening.port}/token")


async def test_a_public_server_leads_to_no_private_address(
    listening: Listening, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its metadata names an authorization server: the runner would ask it, with what it knows."""

    async def is_private(_url: str) -> bool:
        return False

    monkeypatch.setattr("agent_runner.connections.is_private_url", is_private)
    config = McpServer(name="calendar", url="https://calendar.example/mcp")
    async with (await http_for(config, refuses_private=False))() as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(f"http://127.0.0.1:{listening.port}/.well-known/oauth-authorization-server")
    assert listening.visits == 0
