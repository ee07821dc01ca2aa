"""`natter up`: everything on one machine, until it is told to stop."""

import asyncio
import contextlib
import os
import signal
from collections.abc import AsyncGenerator, Coroutine, Generator, Mapping, Sequence

from actor_kit.bus import Bus
from actor_kit.provision import provision
from contracts.errors import NatterError
from contracts.services import Service

from natter.data_directory import StackState
from natter.demo_user import ensure_demo_user
from natter.discovery import silent_services
from natter.operator_bus import operator_bus, operator_settings
from natter.output import Output
from natter.scaling import Scaler
from natter.stack import MIGRATION_SECONDS_MAX, STOP_ORDER, Stack
from natter.supervision.program import Program, ProgramFailedError
from natter.supervision.supervisor import Supervisor
from natter.supervision.together import together

SERVICES_ANSWER_SECONDS_MAX = 120.0
"""As long as a program may take to start: its first run may stall the runner, and its watchdog start it anew."""
STATE_SECONDS = 0.5
ASKED = frozenset({Service.CONVERSATION_STORE, Service.AGENT_RUNNER})
"""Who must answer `$SRV.PING` before a message would be answered."""
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class StoppedError(Exception):
    """The stack was told to stop while it was starting."""


async def up(stack: Stack, output: Output) -> None:
    """Run a stack until a signal comes; everything is stopped when this returns or raises.

    Raises ProgramFailedError when a program does not start or is given up, PostgresFailedError when the cluster
    cannot be created. A second signal while it stops kills everything at once.
    """
    stop = asyncio.Event()
    preloaded = stack.preloaded()
    supervisor = Supervisor(output.line, preloaded)
    with contextlib.closing(preloaded), _signals(stop, supervisor):
        if stack.settings.preload:
            preloaded.start()
        try:
            await _or_stop(stop, _start(stack, supervisor, output))
            output.ready(stack.url)
            scaler = Scaler(stack, supervisor, output)
            async with _state_kept(scaler, supervisor), scaler.listening():
                await _or_stop(stop, supervisor.run_until_one_is_given_up())
        except StoppedError:
            pass
        finally:
            output.progress("stopping")
            await supervisor.stop(STOP_ORDER)
            output.progress("stopped")


async def _start(stack: Stack, supervisor: Supervisor, output: Output) -> None:
    """NATS and its streams first, which takes a tenth of a second. Postgres, the tables and the store are as long as
    what the other services import, so that these start side by side: the others need no tables to start.
    """
    for server in stack.nats:
        server.initialise()
    await supervisor.start(stack.nats_servers)
    _write_state(stack, supervisor)
    await _provision(stack, output)
    services = stack.services
    store = [program for program in services if program.group == Service.CONVERSATION_STORE]
    others = [program for program in services if program.group != Service.CONVERSATION_STORE]
    output.progress(f"starting {', '.join(program.name for program in (*stack.postgres_server, *services))}")
    await together(_start_store(stack, store, supervisor, output), supervisor.start(others))
    await _wait_until_answered(stack)
    if stack.web:
        output.progress("starting the web app")
        await supervisor.start(stack.web)
        if stack.options.demo_user:
            output.line(
                "natter", await ensure_demo_user(stack.web_url, stack.accounts_url, stack.secrets), is_secret=True
            )
    _write_state(stack, supervisor)


async def _start_store(stack: Stack, store: Sequence[Program], supervisor: Supervisor, output: Output) -> None:
    postgres = stack.embedded_postgres
    if postgres:
        await asyncio.to_thread(postgres.initialise)
        await supervisor.start(stack.postgres_server)
        await asyncio.to_thread(postgres.create_roles_and_database)
    await _run_once("migrate", *stack.migration, output)
    if stack.roles:
        await _run_once("roles", *stack.roles, output)
    await supervisor.start(store)


async def _run_once(name: str, command: Sequence[str], environment: Mapping[str, str], output: Output) -> None:
    lines: list[str] = []
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        said, _ = await asyncio.wait_for(process.communicate(), MIGRATION_SECONDS_MAX)
    except TimeoutError:
        raise ProgramFailedError(name, f"did not end within {MIGRATION_SECONDS_MAX:g} s", lines) from None
    finally:
        if process.returncode is None:
            process.kill()
    for line in said.decode(errors="replace").splitlines():
        lines.append(line)
        output.line(name, line)
    if process.returncode != 0:
        raise ProgramFailedError(name, f"exited with code {process.returncode}", lines[-20:])


@contextlib.asynccontextmanager
async def _operator_bus(stack: Stack) -> AsyncGenerator[Bus]:
    try:
        async with operator_bus(operator_settings(stack.directory.root, None)) as bus:
            yield bus
    except NatterError as error:
        raise ProgramFailedError("nats", f"cannot be used: {error.detail}", []) from error


async def _provision(stack: Stack, output: Output) -> None:
    async with _operator_bus(stack) as bus:
        for difference in await provision(bus, assistants=stack.assistants_offered, replicas=len(stack.nats) or None):
            output.line("natter", f"NATS differs from what is wanted: {difference}")


async def _wait_until_answered(stack: Stack) -> None:
    """Return when every service that must answer does. Raises ProgramFailedError."""
    asked = {service for service in ASKED if stack.replicas_of(service)}
    missing: Sequence[str] = sorted(asked)
    async with _operator_bus(stack) as bus:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(SERVICES_ANSWER_SECONDS_MAX):
                while missing := sorted(await silent_services(bus, asked)):
                    pass
    if missing:
        raise ProgramFailedError(missing[0], f"did not answer on NATS within {SERVICES_ANSWER_SECONDS_MAX:g} s", [])


def _write_state(stack: Stack, supervisor: Supervisor) -> None:
    stack.directory.write_state(
        StackState(
            pid=os.getpid(),
            url=stack.url,
            edge_urls=stack.urls_of(Service.AUTH_EDGE),
            relay_urls=stack.urls_of(Service.STREAM_RELAY),
            metrics_urls={replica.name: replica.metrics_url for replica in stack.replicas},
            nats_url=stack.nats_url,
            nats_is_embedded=bool(stack.nats),
            nats_replicas=len(stack.nats) or None,
            database_url=stack.database_url,
            database_is_embedded=stack.embedded_postgres is not None,
            jwt_verifier=stack.jwt_verifier,
            assistants=stack.assistants_offered,
            processes={supervised.program.name: supervised.pid for supervised in supervisor.running},
        )
    )


@contextlib.asynccontextmanager
async def _state_kept(scaler: Scaler, supervisor: Supervisor) -> AsyncGenerator[None]:
    """Keep the process ids in stack.json right while services die and start again."""

    async def keep() -> None:
        known = None
        while True:
            now = ([supervised.pid for supervised in supervisor.running], scaler.stack.replicas)
            if now != known:
                _write_state(scaler.stack, supervisor)
                known = now
            await asyncio.sleep(STATE_SECONDS)

    task = asyncio.create_task(keep())
    try:
        yield
    finally:
        task.cancel()


async def _or_stop(stop: asyncio.Event, work: Coroutine[None, None, None]) -> None:
    """Do the work unless the stack is told to stop first. Raises StoppedError then."""
    doing = asyncio.create_task(work)
    stopping = asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({doing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not doing.done():
            raise StoppedError
        await doing
    finally:
        doing.cancel()
        stopping.cancel()
        await asyncio.gather(doing, stopping, return_exceptions=True)


@contextlib.contextmanager
def _signals(stop: asyncio.Event, supervisor: Supervisor) -> Generator[None]:
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            supervisor.kill()
        stop.set()

    for number in STOP_SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in STOP_SIGNALS:
            loop.remove_signal_handler(number)
