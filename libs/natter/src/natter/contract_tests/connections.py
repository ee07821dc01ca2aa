"""Connections to the bus as each party, because each may send only what contracts say it does."""

from collections.abc import Callable
from types import TracebackType
from typing import Self

from actor_kit.bus import Bus
from actor_kit.settings import ServiceSettings
from contracts.services import Service
from pydantic import SecretStr

PasswordOf = Callable[[Service], str]


class Connections:
    """``async with Connections(url, password_of) as bus_of``: ``await bus_of(service)`` is that party's connection.

    Without ``password_of`` all of them enter as the URL says: a bare NATS server, as in a developer's terminal.
    ``principal_secret`` proves to the store for whom requests are; absent: PRINCIPAL_SECRET of the environment.
    """

    def __init__(
        self, nats_url: str, password_of: PasswordOf | None, principal_secret: SecretStr | None = None
    ) -> None:
        self._nats_url = nats_url
        self._principal_secret = principal_secret
        self._password_of = password_of
        self._open: dict[Service, Bus] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _type: type[BaseException] | None, _error: BaseException | None, _traceback: TracebackType | None
    ) -> None:
        for bus in self._open.values():
            await bus.drain()

    async def __call__(self, service: Service) -> Bus:
        if service not in self._open:
            settings = ServiceSettings(nats_url=self._nats_url)
            if self._principal_secret is not None:
                settings = settings.model_copy(update={"principal_secret": self._principal_secret})
            if self._password_of is not None:
                password = SecretStr(self._password_of(service))
                settings = settings.model_copy(update={"nats_user": str(service), "nats_password": password})
            self._open[service] = await Bus.connect(settings, service=service)
        return self._open[service]
