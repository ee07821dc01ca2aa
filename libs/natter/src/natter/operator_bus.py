"""The bus as the operator: for commands about a stack that runs."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

from actor_kit.bus import Bus
from actor_kit.settings import ServiceSettings
from contracts.errors import Code, RetryableError
from contracts.services import Service
from pydantic import SecretStr

from natter.data_directory import DataDirectory
from natter.settings import Settings

CONNECT_SECONDS_MAX = 5.0


class NoStackError(Exception):
    """No stack has run in this data directory, so that it says nothing of a bus."""


def operator_settings(data_dir: Path | None, nats_url: str | None) -> ServiceSettings:
    """How to enter the bus: of the stack in a data directory, or the one at `nats_url` with NATS_USER, NATS_PASSWORD.

    Raises NoStackError.
    """
    if nats_url is not None:
        return ServiceSettings().model_copy(update={"nats_url": nats_url})
    directory = DataDirectory.open(data_dir or Settings().data_dir)
    state = directory.read_state()
    if state is None:
        raise NoStackError(f"no stack has run in {directory.root}: give --data-dir or --nats-url")
    if not state.nats_is_embedded:
        return ServiceSettings().model_copy(update={"nats_url": state.nats_url})
    password = SecretStr(directory.read_secrets().nats_password(Service.OPERATOR))
    return ServiceSettings(nats_url=state.nats_url, nats_user=Service.OPERATOR, nats_password=password)


@asynccontextmanager
async def operator_bus(settings: ServiceSettings) -> AsyncGenerator[Bus]:
    """Enter the bus as the operator. Raises RetryableError (bus_unavailable) when that takes too long.

    A service waits for its bus for ever; a person wants to know.
    """
    try:
        bus = await asyncio.wait_for(Bus.connect(settings, service=Service.OPERATOR), CONNECT_SECONDS_MAX)
    except TimeoutError as error:
        raise RetryableError(Code.BUS_UNAVAILABLE, f"NATS cannot be reached at {_without_user(settings)}") from error
    try:
        yield bus
    finally:
        await bus.drain()


def _without_user(settings: ServiceSettings) -> str:
    return settings.nats_url.rpartition("@")[2]
