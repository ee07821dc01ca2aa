"""The command line. Each command parses what it is given, calls the module that does it, and says what went wrong.

What only a small command needs is imported by that command, so that `natter up` starts sooner.
"""

import asyncio
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer
from contracts.errors import NatterError
from contracts.services import Service
from rich.console import Console
from rich.text import Text

from natter.assistants import read_assistants
from natter.contract_tests.commands import contracts_app
from natter.data_directory import DataDirectory, DataDirectoryInUseError
from natter.dead_letters import dead_letters_app
from natter.demo_user import DemoUserError
from natter.dev.page import find_element
from natter.dev.reload import Reloader
from natter.failing import fail
from natter.migrate import MigrationFailedError
from natter.migrate import migrate as bring_up_to_date
from natter.operating.audit import audit
from natter.operating.runs import runs_app
from natter.operating.service_tokens import service_tokens_app
from natter.operating.status import status
from natter.operating.tail import tail
from natter.operating.usage import usage
from natter.operating.users import users_app
from natter.operator_bus import NoStackError
from natter.output import Output
from natter.plan import plan
from natter.project import ProjectError, make_project
from natter.project import read_assistants as project_assistants
from natter.servers.ports import is_free
from natter.servers.postgres_programs import PostgresFailedError
from natter.settings import Settings
from natter.stack import SERVICES, Options
from natter.supervision.orphans import stop_orphans
from natter.supervision.program import ProgramFailedError
from natter.up import up as run_until_stopped
from natter.web_app import WebAppError, find_web_app

main = typer.Typer(
    name="natter",
    help="A chat assistant that does things for people, run as actors over NATS.",
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    epilog="Ends with 0 when it was done, 1 when it cannot be (why is on standard error), 2 when the command is "
    "written wrongly. `natter COMMAND --help` has examples.",
)
main.add_typer(contracts_app, name="contracts")
main.add_typer(dead_letters_app, name="dead-letters")
main.add_typer(runs_app, name="runs")
main.add_typer(service_tokens_app, name="service-tokens")
main.add_typer(users_app, name="users")
main.command(epilog="Example: natter status --watch")(status)
main.command(epilog="Example: natter tail --user alice")(tail)
main.command(epilog="Example: natter audit --user alice --since 24h")(audit)
main.command(epilog="Example: natter usage --by user --by model --days 7 --prices prices.json")(usage)

DataDir = Annotated[
    Path | None, typer.Option("--data-dir", help="Everything that is kept. Default: $NATTER_DATA_DIR, or ./.natter")
]
Port = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free port")]
REPLICAS_MAX = 16
CLUSTER_SIZES = (1, 3, 5)
MAY_BE_ABSENT = {Service.AGENT_RUNNER}
"""Without runners messages are accepted and wait: to test the contracts, or to run a runner of one's own."""


@main.command()
def up(  # noqa: PLR0913, PLR0917 - one parameter an option
    data_dir: DataDir = None,
    edge_port: Port = 8000,
    relay_port: Port = 8001,
    web_port: Port = 3000,
    no_web: Annotated[bool, typer.Option("--no-web", help="Without the web app: the HTTP interface alone")] = False,
    demo_user: Annotated[bool, typer.Option("--demo-user", help="Make an account, and say how to sign in")] = False,
    assistant: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID=TARGET",
            help="Serve the assistant at path/to/file.py:attribute or package.module:attribute; may be repeated, the "
            "first is the default. Without it: the todo assistant",
        ),
    ] = None,
    scale: Annotated[
        list[str] | None,
        typer.Option(
            metavar="SERVICE=N",
            help="Run N processes of a service, or of one assistant (agent_runner.ID=N); may be repeated",
        ),
    ] = None,
    nats_cluster: Annotated[
        int,
        typer.Option(metavar="N", help="A cluster of so many NATS servers, 3 or 5, each with all that is stored"),
    ] = 1,
    nats_url: Annotated[
        str | None, typer.Option(help="Use this NATS (JetStream on) instead of the embedded one; $NATS_URL is not read")
    ] = None,
    database_url: Annotated[
        str | None, typer.Option(help="Use this Postgres, as its tables' owner; $DATABASE_URL is not read")
    ] = None,
    store_database_url: Annotated[
        str | None,
        typer.Option(envvar="NATTER_STORE_DATABASE_URL", help="The same for the store, where the owner makes no roles"),
    ] = None,
    web_database_url: Annotated[
        str | None, typer.Option(envvar="NATTER_WEB_DATABASE_URL", help="The same for the web app")
    ] = None,
) -> None:
    """Start everything on this machine, and print `ready …` once a message would be answered. Ctrl-C stops it."""
    if demo_user and no_web:
        raise typer.BadParameter("the account is the web app's: it needs the web app", param_hint="--demo-user")
    if nats_cluster not in CLUSTER_SIZES:
        raise typer.BadParameter("a majority decides: 1, 3 or 5 servers", param_hint="--nats-cluster")
    if nats_cluster > 1 and nats_url is not None:
        raise typer.BadParameter("the NATS of --nats-url is run by somebody else", param_hint="--nats-cluster")
    if database_url is None and (store_database_url or web_database_url):
        raise typer.BadParameter("the owner's URL is needed too, to migrate the tables", param_hint="--database-url")
    settings = Settings()
    try:
        assistants = read_assistants(assistant or [], Path.cwd())
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--assistant") from error
    options = Options(
        edge_port=edge_port,
        relay_port=relay_port,
        web_port=web_port,
        with_web=not no_web,
        demo_user=demo_user,
        assistants=assistants,
        scale=_read_scale(scale or [], assistants),
        nats_servers=nats_cluster,
        nats_url=nats_url,
        database_url=database_url,
        store_database_url=store_database_url,
        web_database_url=web_database_url,
    )
    directory = _open(data_dir, settings)
    try:
        with directory.lock():
            _up(options, directory, settings)
    except DataDirectoryInUseError as error:
        fail(str(error))


def _up(options: Options, directory: DataDirectory, settings: Settings) -> None:
    told = settings.given("LOG_FORMAT", "LOG_LEVEL")
    output = Output(directory.logs, log_format=told.get("LOG_FORMAT"), level=told.get("LOG_LEVEL", "info").lower())
    log_format = output.log_format
    try:
        for name in stop_orphans(directory.root):
            output.line("natter", f"stopped {name}, left over from an earlier run that was killed")
        _check_ports(options)
        for line in _unread(options, settings):
            output.line("natter", line)
        web_directory = find_web_app(settings, output.progress) if options.with_web else None
        asyncio.run(run_until_stopped(plan(options, directory, settings, log_format, web_directory), output))
    except ProgramFailedError as error:
        output.close()
        fail(str(error), error.last_lines, f"all of its log: {directory.logs / error.name}.log")
    except (PostgresFailedError, WebAppError, DemoUserError, NoStackError, FileNotFoundError) as error:
        output.close()
        fail(str(error))
    finally:
        output.close()


@main.command(epilog="Example: natter scale agent_runner=3 auth_edge=2")
def scale(
    wanted: Annotated[list[str], typer.Argument(metavar="SERVICE=N", help="Or agent_runner.ID=N of one assistant")],
    data_dir: DataDir = None,
) -> None:
    """Run more or fewer processes of a service of the stack that runs, until it is stopped."""
    from natter.scaling import ScaleError, ask  # noqa: PLC0415

    directory = _open(data_dir, Settings())
    state = directory.read_state()
    numbers = _read_scale(wanted, state.assistants if state else (), param_hint="SERVICE=N")
    try:
        ask(directory, numbers)
    except ScaleError as error:
        fail(str(error))
    sys.stdout.write(f"{', '.join(f'{name}={count}' for name, count in numbers.items())}\n")


@main.command()
def new(name: Annotated[str, typer.Argument(help="The project's directory: letters, digits, - and _")]) -> None:
    """Make a project with an assistant of its own: its code, a test, and how to run both."""
    try:
        project = make_project(Path.cwd(), name)
    except ProjectError as error:
        fail(str(error))
    sys.stdout.write(f"{project} is made. Now:\n\n  cd {name}\n  natter dev\n")


@main.command()
def dev(
    project: Annotated[Path, typer.Option(help="The directory of the project's pyproject.toml")] = Path(),
    port: Port = 3000,
    data_dir: DataDir = None,
) -> None:
    """Run a project's assistants with everything they need, and start their runner anew when a file changes."""
    if find_element() is None:
        fail("the page's ChatKit element is not built: run `npm run build` in web/chatkit-element of the checkout")
    try:
        assistants = project_assistants(project)
    except ProjectError as error:
        fail(str(error))
    settings = Settings()
    options = Options(edge_port=0, relay_port=0, web_port=port, with_web=False, with_page=True, assistants=assistants)
    directory = _open(data_dir or (project / settings.data_dir), settings)
    try:
        with directory.lock(), Reloader(project, directory, _say):
            _up(options, directory, settings)
    except DataDirectoryInUseError as error:
        fail(str(error))


def _say(text: str) -> None:
    sys.stderr.write(f"natter: {text}\n")


@main.command()
def token(
    user: Annotated[str, typer.Option(help="The user id: the token's subject")],
    data_dir: DataDir = None,
    ttl: Annotated[str, typer.Option(help="How long it is good for: 90s, 15m, 2h; a day at most")] = "15m",
) -> None:
    """Print a JWT for a user that the stack of this data directory accepts."""
    from natter import tokens  # noqa: PLC0415

    try:
        seconds = tokens.read_duration_seconds(ttl)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--ttl") from error
    if not user:
        raise typer.BadParameter("a user id has at least one character", param_hint="--user")
    sys.stdout.write(tokens.mint(_open(data_dir, Settings()), user, seconds) + "\n")


@main.command()
def migrate(
    data_dir: DataDir = None,
    nats_url: Annotated[str | None, typer.Option(help="Another NATS, entered with NATS_USER and NATS_PASSWORD")] = None,
    database_url: Annotated[
        str | None, typer.Option(help="Another Postgres than the stack's; $DATABASE_URL is not read")
    ] = None,
) -> None:
    """Create the streams that are missing and bring the tables to the current revision. `natter up` does it too."""
    try:
        drifts = bring_up_to_date(data_dir, nats_url, database_url)
    except (NoStackError, MigrationFailedError) as error:
        fail(str(error))
    except NatterError as error:
        fail(error.detail)
    if drifts:
        fail("the streams exist, but are not as wanted", tuple(drifts))
    sys.stdout.write("streams and tables are up to date\n")


@main.command(epilog="Example: natter backup /backups/2026-12-01")
def backup(
    folder: Annotated[Path, typer.Argument(help="A new folder; it will hold secrets")],
    files: Annotated[bool, typer.Option("--files/--no-files", help="The bytes of files as well")] = True,
    data_dir: DataDir = None,
) -> None:
    """Keep the database of the stack that runs, its secrets and files in a folder. The stack goes on meanwhile."""
    from natter.backup import BackupError, back_up  # noqa: PLC0415

    try:
        copied = back_up(_open(data_dir, Settings()), folder, with_files=files)
    except BackupError as error:
        fail(str(error))
    sys.stdout.write(f"{folder}: {f'with {copied}' if copied else 'without files'}\n")


@main.command(epilog="Example: natter restore /backups/2026-12-01 --yes")
def restore(
    folder: Annotated[Path, typer.Argument(help="What `natter backup` has written")],
    data_dir: DataDir = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask")] = False,
) -> None:
    """Put a backup in the place of a data directory's database and secrets, while no stack runs on it, and put back
    those files that the file store does not have.
    """
    from natter.backup import BackupError  # noqa: PLC0415
    from natter.backup import restore as put_back  # noqa: PLC0415

    directory = _open(data_dir, Settings())
    if not yes:
        typer.confirm(f"Replace the database in {directory.root}?", abort=True)
    try:
        copied = put_back(directory, folder)
    except BackupError as error:
        fail(str(error))
    sys.stdout.write(f"restored{f', {copied} put back' if copied else ''}\n")


@main.command()
def doctor(data_dir: DataDir = None) -> None:
    """Check this machine, the data directory, and the stack that runs on it. Ends with 1 when something is wrong."""
    from natter.doctor import examine  # noqa: PLC0415

    console = Console(highlight=False, soft_wrap=True)
    signs = {True: ("✓", "green"), False: ("✗", "red"), None: ("·", "yellow")}
    findings = examine(_open(data_dir, Settings()))
    is_well = True
    for finding in findings:
        sign, colour = signs[finding.is_well]
        console.print(Text.assemble((sign, colour), f" {finding.what}: {finding.detail}"))
        is_well = is_well and finding.is_well is not False
    if not is_well:
        raise typer.Exit(1)


def _open(data_dir: Path | None, settings: Settings) -> DataDirectory:
    path = data_dir or settings.data_dir
    try:
        return DataDirectory.open(path)
    except OSError as error:
        fail(f"{path} cannot be the data directory: {error.strerror}")


def _read_scale(entries: list[str], assistants: Iterable[str], param_hint: str = "--scale") -> dict[str, int]:
    scale: dict[str, int] = {}
    runners = [f"{Service.AGENT_RUNNER}.{assistant_id}" for assistant_id in assistants]
    names = [*SERVICES, *runners]
    for entry in entries:
        name, _, count = entry.partition("=")
        least = 0 if name in MAY_BE_ABSENT or name in runners else 1
        if name not in names or not count.isdigit() or not least <= int(count) <= REPLICAS_MAX:
            hint = f"write SERVICE=N with one of {', '.join(names)} and N from 1 (agent_runner: 0) to {REPLICAS_MAX}"
            raise typer.BadParameter(f"{entry!r}: {hint}", param_hint=param_hint)
        scale[name] = int(count)
    return scale


def _unread(options: Options, settings: Settings) -> list[str]:
    """What to say of servers that the environment names: they may be another project's, and `up` would migrate them."""
    asked = {"NATS_URL": ("--nats-url", options.nats_url), "DATABASE_URL": ("--database-url", options.database_url)}
    return [
        f"{name} of the environment is not used; to use that server, give {flag}"
        for name, (flag, url) in asked.items()
        if url is None and settings.given(name)
    ]


def _check_ports(options: Options) -> None:
    asked = {"--edge-port": options.edge_port, "--relay-port": options.relay_port}
    if options.with_page:
        asked["--port"] = options.web_port
    if options.with_web:
        asked["--web-port"] = options.web_port
    for option, port in asked.items():
        if port and not is_free(port):
            fail(f"port {port} is in use by another program: choose another with {option}, or 0 for any free one")
    ports = [port for port in asked.values() if port]
    if len(set(ports)) < len(ports):
        fail(f"{', '.join(asked)} must be different ports")


if __name__ == "__main__":
    main()
