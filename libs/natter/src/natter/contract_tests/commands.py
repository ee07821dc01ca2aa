"""``natter contracts``: test a running service against its contracts, or play a service from its examples."""

import asyncio
import signal
from pathlib import Path
from typing import Annotated

import typer
from actor_kit.provision import provision
from actor_kit.requests import RequestServer
from contracts.errors import NatterError
from contracts.registry import requests_to
from contracts.services import Service
from pydantic import SecretStr
from rich.console import Console

from natter.contract_tests.connections import Connections, PasswordOf
from natter.contract_tests.mock import ExampleActor
from natter.contract_tests.provider import ProviderTest
from natter.data_directory import DataDirectory
from natter.discovery import silent_services
from natter.settings import Settings

contracts_app = typer.Typer(help="Test a service against the contracts, or play one from their examples.")
console = Console(highlight=False, soft_wrap=True)

NatsUrl = Annotated[str | None, typer.Option(help="The NATS server. Default: the stack of the data directory")]
DataDir = Annotated[Path | None, typer.Option("--data-dir", help="Where the stack keeps its passwords")]


@contracts_app.command("test")
def check_provider(
    service: Annotated[Service, typer.Option(help="The service that is tested")] = Service.CONVERSATION_STORE,
    nats_url: NatsUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Send every example to a running service and check what comes back. Works for a service in any language.

    Stop agent_runner first: it would claim the run that the test claims.
    """
    if not requests_to(service):
        console.print(f"{service} answers no request over the bus: its contract is what it publishes")
        raise typer.Exit(2)
    url, password_of, principal_secret = _bus(nats_url, data_dir)
    raise typer.Exit(asyncio.run(check_contracts(url, password_of, principal_secret)))


async def check_contracts(url: str, password_of: PasswordOf | None, principal_secret: SecretStr | None = None) -> int:
    """Print a line per check; return the exit status: 0 all kept, 1 something broken, 2 cannot be tested here."""
    failed_count = passed_count = 0
    try:
        async with Connections(url, password_of, principal_secret) as connections:
            if not await silent_services(await connections(Service.OPERATOR), {Service.AGENT_RUNNER}):
                console.print("[red]✗[/] agent_runner runs on this bus and would claim the test's run: stop it first")
                return 2
            async for verdict in ProviderTest(connections).run():
                if verdict.problem is None:
                    passed_count += 1
                    console.print(f"[green]✓[/] {verdict.message} {verdict.check}")
                else:
                    failed_count += 1
                    console.print(f"[red]✗[/] {verdict.message} {verdict.check}: {verdict.problem}")
    except NatterError as error:
        console.print(f"[red]✗[/] {error.detail}")
        return 1
    console.print(f"{passed_count} passed, {failed_count} failed")
    return 1 if failed_count else 0


@contracts_app.command("mock")
def play(
    service: Annotated[Service, typer.Argument(help="The service that is played")],
    nats_url: NatsUrl = None,
    data_dir: DataDir = None,
) -> None:
    """Answer as a service would, from the examples, until Ctrl-C. Creates the streams where there are none."""
    url, password_of, _ = _bus(nats_url, data_dir)
    try:
        asyncio.run(_mock(service, url, password_of))
    except NatterError as error:
        console.print(f"[red]✗[/] {error.detail}")
        raise typer.Exit(1) from error


async def _mock(service: Service, url: str, password_of: PasswordOf | None) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with Connections(url, password_of) as connections:
        await provision(await connections(Service.OPERATOR))
        bus = await connections(service)
        async with RequestServer(bus, ExampleActor(service), service=service):
            console.print(f"answering as {service} on {url}; Ctrl-C stops")
            await stop.wait()


@contracts_app.command("nkeys")
def print_nkeys() -> None:
    """Print a new nkey for each party: the public keys for deploy/nats.conf, and each service's own seed."""
    from natter.nkeys import new_environment  # noqa: PLC0415

    pairs = new_environment()
    console.print("# for the NATS server")
    for service, pair in pairs.items():
        console.print(f"NATS_NKEY_{service.upper()}={pair.public}")
    for service, pair in pairs.items():
        console.print(f"\n# for {service} alone: keep it secret\nNATS_NKEY_SEED={pair.seed}")


def _bus(nats_url: str | None, data_dir: Path | None) -> tuple[str, PasswordOf | None, SecretStr | None]:
    """The server, the passwords of its users where the data directory has them, and what proves a principal."""
    if nats_url is not None and data_dir is None:
        return nats_url, None, None
    directory = DataDirectory.open(data_dir or Settings().data_dir)
    state = directory.read_state()
    if nats_url is None and state is None:
        raise typer.BadParameter("no stack has run in this data directory: give --nats-url")
    secrets = directory.read_secrets()
    url = nats_url or (state.nats_url if state else "")
    return url, lambda service: secrets.nats_password(str(service)), SecretStr(secrets.principal_secret)
