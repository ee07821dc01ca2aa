"""Keeps requests to foreign servers off the private network: what a name stands for is judged as it is connected to."""

import asyncio
import ipaddress
import socket
from collections.abc import Iterable
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpcore2
import httpx2

ClientT = TypeVar("ClientT", bound=httpx2.AsyncClient)
NAT64 = ipaddress.ip_network("64:ff9b::/96")


def is_public(address: str) -> bool:
    """Whether an IP address is one of the Internet: not of this machine, of its network, of a cloud's metadata."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        embedded = ip.ipv4_mapped or ip.sixtofour or (ip.teredo[1] if ip.teredo else None)
        if ip in NAT64:
            embedded = ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
        if embedded is not None:
            return is_public(str(embedded))
    return ip.is_global and not ip.is_multicast


async def addresses_of(host: str, port: int) -> list[str]:
    """What the name stands for now. Raises OSError."""
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


async def is_private_url(url: str) -> bool:
    """Whether the address's name stands for private addresses alone; False where it stands for nothing."""
    parts = urlsplit(url)
    try:
        found = await addresses_of(parts.hostname or "", parts.port or 443)
    except OSError:
        return False
    return bool(found) and not any(is_public(address) for address in found)


class PrivateAddressError(httpcore2.ConnectError):
    """A name stands for an address that is not of the Internet."""


class PublicBackend(httpcore2.AsyncNetworkBackend):
    """Connects to public addresses only: to the very one that was judged, so that a name cannot change meanwhile."""

    def __init__(self) -> None:
        self._inner: Any = httpcore2.AnyIOBackend()  # pyright: ignore[reportUnknownMemberType] - made at import

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's own parameter
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """Raises httpcore2.ConnectError."""
        try:
            async with asyncio.timeout(timeout):
                found = await addresses_of(host, port)
        except (OSError, TimeoutError) as error:
            raise httpcore2.ConnectError(f"{host} has no address") from error
        if not found or not all(is_public(address) for address in found):
            raise PrivateAddressError(f"{host} is a private address (AGENT_RUNNER_…_PRIVATE_ADDRESSES)")
        return await self._inner.connect_tcp(found[0], port, timeout, local_address, socket_options)


def keep_public(client: ClientT) -> ClientT:
    """The client, which reaches no private address from now on. A proxy named in the environment judges for itself."""
    # httpx has no option for it; the pool reads it whenever it connects.
    transport: Any = client._transport  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]
    transport._pool._network_backend = PublicBackend()  # noqa: SLF001
    return client
