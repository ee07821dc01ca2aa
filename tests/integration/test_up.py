"""`natter up` with the embedded servers and stand-ins for the services: what it promises apart from the chat itself."""

import asyncio
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import psutil
import pytest
from contracts.streams import DEAD_LETTERS
from natter.operator_bus import operator_bus, operator_settings
from natter.stack import SERVICES
from natter.supervision.orphans import find_orphans
from natter_testing.servers import temporary_directory
from natter_testing.stack import WITHOUT_WEB, RunningNatter, natter_up, start

STAND_INS = Path(__file__).parent.parent / "stand_ins"
OF_ANOTHER_PROJECT = {
    "NATS_URL": "nats://127.0.0.1:1",
    "DATABASE_URL": "postgresql://127.0.0.1:1/other",
    "DATABASE_DIRECT_URL": "postgresql://127.0.0.1:1/other",
}


@pytest.fixture
def folder() -> Iterator[Path]:
    with temporary_directory() as directory:
        yield directory


def environment(folder: Path) -> dict[str, str]:
    return {
        "PYTHONPATH": str(STAND_INS),
        "NATTER_ENVIRONMENT": "STAND_IN_*",
        "STAND_IN_DIRECTORY": str(folder),
        "LOG_FORMAT": "json",
    }


def up(folder: Path, *more: str, **extra: str):
    return natter_up(folder / "data", *WITHOUT_WEB, *more, environment={**environment(folder), **extra})


def until(condition: Callable[[], bool], seconds: float = 10.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.05)


def said(natter: RunningNatter, text: str) -> bool:
    return any(text in line for line in natter.output)


def seen_environment(folder: Path, name: str) -> dict[str, str]:
    return json.loads((folder / f"{name}.environment.json").read_text())


async def _execute(url: str, statement: str) -> list[asyncpg.Record]:
    connection = await asyncpg.connect(url)
    try:
        return await connection.fetch(statement)
    finally:
        await connection.close()


def execute(natter: RunningNatter, statement: str) -> list[asyncpg.Record]:
    return asyncio.run(_execute(natter.state.database_url, statement))


def test_it_starts_restarts_what_dies_stops_in_order_and_finds_its_data_again(folder: Path) -> None:
    with up(folder, "--scale", "agent_runner=2") as natter:
        assert [line for line in natter.output if line.startswith("ready ")] == [f"ready {natter.edge_url}"]
        assert {"agent_runner", "agent_runner.2", "nats", "postgres"} <= set(natter.state.processes)
        execute(natter, "create table kept (n int)")
        execute(natter, "insert into kept values (42)")

        before = natter.pid("agent_runner.2")
        os.kill(before, signal.SIGKILL)
        until(lambda: said(natter, "was killed by SIGKILL; starting it again"))
        until(lambda: natter.state.processes["agent_runner.2"] not in {None, before})
        for server in ("postgres", "nats"):
            before = natter.pid(server)
            os.kill(before, signal.SIGKILL)
            until(lambda name=server, old=before: natter.state.processes[name] not in {None, old})
        until(lambda: _answers(natter))

        assert natter.stop() < 10
        assert natter.process.returncode == 0
        assert natter.processes_left() == []
        stopped = [line.split("│")[0].strip() for line in natter.output if "stand-in stopped" in line]
        assert stopped[0] == "auth_edge"
        assert set(stopped[-2:]) == {"task_tools", "conversation_store"}, "these two stop side by side"

    with up(folder) as natter:
        assert execute(natter, "select n from kept")[0]["n"] == 42
        assert natter.stop(signal.SIGINT) < 10
        assert natter.process.returncode == 0


def _answers(natter: RunningNatter) -> bool:
    try:
        return execute(natter, "select n from kept")[0]["n"] == 42
    except (OSError, asyncpg.PostgresError):
        return False


def test_what_a_killed_run_left_behind_is_stopped_by_the_next(folder: Path) -> None:
    with up(folder) as natter:
        execute(natter, "create table kept (n int)")
        natter.process.kill()
        natter.process.wait()
        services = [natter.pid(name) for name in SERVICES]
        deadline = time.monotonic() + 10  # they end with who forked them; what they write to is left
        while any(psutil.pid_exists(pid) for pid in services):
            assert time.monotonic() < deadline
            time.sleep(0.05)
        left = {process.pid: process.name() for process in natter.processes_left()}
        assert {"nats-server", "postgres"} <= set(left.values())
        with up(folder) as again:
            assert said(again, "left over from an earlier run that was killed")
            assert not any(psutil.pid_exists(pid) for pid in left)
            assert execute(again, "select count(*) from kept")[0]["count"] == 0


def test_a_service_that_cannot_start_is_named_with_its_last_words(folder: Path) -> None:
    (folder / "stream_relay.json").write_text(json.dumps({"exit": 3, "say": "CHAT_TOKEN_SECRET: Field required"}))
    done = run_up(folder)
    assert done.returncode == 1
    assert "natter: stream_relay exited with code 3 before it was ready" in done.stderr
    assert done.stderr.rindex("CHAT_TOKEN_SECRET: Field required") > done.stderr.index("its last lines")
    assert "ready" not in done.stdout
    assert find_orphans(folder / "data") == []


def test_a_migration_that_fails_is_named_with_its_last_words(folder: Path) -> None:
    (folder / "conversation_store.json").write_text(json.dumps({"exit": 1, "say": "relation is odd"}))
    done = run_up(folder)
    assert done.returncode == 1
    assert "natter: migrate exited with code 1" in done.stderr
    assert "relation is odd" in done.stderr


def test_a_port_in_use_is_named_with_the_option_that_changes_it(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = run_up(folder, "--relay-port", str(port))
    assert done.returncode == 1
    assert f"port {port} is in use" in done.stderr
    assert "--relay-port" in done.stderr


def test_it_can_be_stopped_while_it_starts(folder: Path) -> None:
    natter = start(folder / "data", WITHOUT_WEB, environment(folder))
    until(lambda: said(natter, "starting postgres, "))
    assert natter.stop(signal.SIGINT) < 10
    assert natter.process.returncode == 0
    assert natter.processes_left() == []
    natter.close()


def test_each_service_gets_its_own_credentials_secrets_stay_private_and_a_second_up_is_refused(folder: Path) -> None:
    providers = folder / "here" / ".." / "providers.json"
    (folder / "here").mkdir()
    providers.write_text(json.dumps([{"name": "acme", "key_variable": "ACME_KEY", "models": ["m"]}]))
    of_models = {"OPENAI_API_KEY": "sk-test", "AGENT_RUNNER_MODEL_PROVIDERS": str(providers), "ACME_KEY": "sk-acme"}
    others = {"AWS_SECRET_ACCESS_KEY": "aws", "GITHUB_TOKEN": "gh", "HTTP_HOST": "0.0.0.0", "METRICS_HOST": "0.0.0.0"}
    of_assistants = {"TODO_CALENDAR": "home", "SHOP_KEY": "s", "AGENT_RUNNER_ENVIRONMENT": "SHOP_*"}
    shell = {**of_models, **others, **of_assistants, **OF_ANOTHER_PROJECT}
    with up(folder, **shell, BETTER_AUTH_SECRET="b" * 40) as natter:
        runner, edge = seen_environment(folder, "agent_runner"), seen_environment(folder, "auth_edge")
        store, relay = seen_environment(folder, "conversation_store"), seen_environment(folder, "stream_relay")
        assert runner["OPENAI_API_KEY"] == "sk-test"
        assert runner["ACME_KEY"] == "sk-acme"
        assert runner["AGENT_RUNNER_MODEL_PROVIDERS"] == str(providers.resolve())
        assert all(not of_models.keys() & other.keys() for other in (edge, store, relay))
        assert (runner["TODO_CALENDAR"], runner["SHOP_KEY"]) == ("home", "s")
        assert all(not {"TODO_CALENDAR", "SHOP_KEY"} & other.keys() for other in (edge, store, relay))
        for everyone in (edge, store, relay, runner):
            assert not {"AWS_SECRET_ACCESS_KEY", "GITHUB_TOKEN"} & everyone.keys()
            assert everyone["METRICS_HOST"] == "127.0.0.1"
        assert (edge["HTTP_HOST"], relay["HTTP_HOST"]) == ("127.0.0.1", "127.0.0.1")
        assert store["DATABASE_URL"].startswith("postgresql://natter_store:")
        assert seen_environment(folder, "migrate")["DATABASE_URL"] == natter.state.database_url
        superuser = json.loads((folder / "data" / "secrets.json").read_text())["postgres_superuser_password"]
        assert not any(superuser in value for told in (edge, runner, relay, store) for value in told.values())
        assert all("DATABASE_URL" not in other for other in (edge, runner, relay))
        assert edge["BETTER_AUTH_SECRET"] == "b" * 40
        assert edge["PUBLIC_STREAM_URL"] == natter.relay_url
        assert edge["CHAT_TOKEN_SECRET"] == relay["CHAT_TOKEN_SECRET"]
        assert len({one["NATS_PASSWORD"] for one in (runner, edge, store, relay)}) == 4
        data = folder / "data"
        for private in (data / "secrets.json", data / "stack.json", data / "nats" / "nats.conf"):
            assert private.stat().st_mode & 0o077 == 0, private
        logs = "".join(path.read_text() for path in (data / "logs").glob("*.log")) + "".join(natter.output)
        for secret in (
            "sk-test",
            "sk-acme",
            "b" * 40,
            edge["NATS_PASSWORD"],
            edge["CHAT_TOKEN_SECRET"],
            store["DATABASE_URL"],
        ):
            assert secret not in logs

        second = run_up(folder)
        assert second.returncode == 1
        assert "in use by another `natter up`" in second.stderr
        doctor_and_migrate_look_after_this_stack(natter)


def doctor_and_migrate_look_after_this_stack(natter: RunningNatter) -> None:
    """The stand-in migrated nothing: `natter migrate`, with the real store, makes the tables of the running stack."""
    for name in ("NATS_URL", "DATABASE_URL"):
        assert said(natter, f"{name} of the environment is not used")
    asyncio.run(_delete_dead_letters(natter))
    doctor = run_command("doctor", natter)
    assert doctor.returncode == 1, doctor.stdout
    assert [line for line in doctor.stdout.splitlines() if line.startswith("✗")] == [
        "✗ streams: stream DEAD_LETTERS is missing"
    ]
    assert "✓ NATS: store and runner answer" in doctor.stdout
    migrate = run_command("migrate", natter)
    assert (migrate.stdout, migrate.returncode) == ("streams and tables are up to date\n", 0), migrate.stderr
    assert execute(natter, "select count(*) from chat.conversation")[0]["count"] == 0


async def _delete_dead_letters(natter: RunningNatter) -> None:
    async with operator_bus(operator_settings(natter.data_dir, None)) as bus:
        await bus.client.request(f"$JS.API.STREAM.DELETE.{DEAD_LETTERS.name}", b"", timeout=5)


def run_command(name: str, natter: RunningNatter) -> subprocess.CompletedProcess[str]:
    """A command about the stack that runs, with another project's servers in the environment."""
    return subprocess.run(
        [sys.executable, "-m", "natter", name, "--data-dir", str(natter.data_dir)],
        env={**os.environ, **OF_ANOTHER_PROJECT},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_servers_of_ones_own_are_used_as_they_are(folder: Path, nats_url: str, empty_database_url: str) -> None:
    addresses = ("--nats-url", nats_url, "--database-url", empty_database_url)
    direct = "postgresql://direct.example/natter"
    with up(folder, *addresses, DATABASE_DIRECT_URL=direct) as natter:
        assert not {"nats", "postgres"} & set(natter.state.processes)
        assert not (folder / "data" / "postgres").exists()
        migration, store = seen_environment(folder, "migrate"), seen_environment(folder, "conversation_store")
        assert migration["DATABASE_DIRECT_URL"] == seen_environment(folder, "roles")["DATABASE_DIRECT_URL"] == direct
        assert migration["DATABASE_URL"] == empty_database_url
        assert urlsplit(store["DATABASE_URL"]).username == "natter_store"
        assert urlsplit(store["DATABASE_DIRECT_URL"]).username == "natter_store"
        passwords = {"DATABASE_STORE_PASSWORD", "DATABASE_WEB_PASSWORD"}
        assert passwords <= seen_environment(folder, "roles").keys()
        assert not passwords & {*store, *migration}
        assert store["NATS_URL"] == nats_url
        assert "NATS_USER" not in store


def up_command(folder: Path, *more: str) -> list[str]:
    return [sys.executable, "-m", "natter", "up", "--data-dir", str(folder / "data"), *WITHOUT_WEB, *more]


def run_up(folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    """Run a `natter up` that is expected to fail."""
    return subprocess.run(
        up_command(folder, *more),
        env={**os.environ, **environment(folder)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
