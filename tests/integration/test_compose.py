"""docker-compose.yml, without Docker: every service runs as the file says, with hostnames mapped to loopback ports."""

import asyncio
import json
import os
import re
import signal
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import asyncpg
import httpx
import pytest
import uvicorn
import yaml
from actor_kit.uvicorn_internals import QuietServer
from agent_runner.settings import Settings as RunnerSettings
from natter.servers.nats import Nats
from natter.servers.ports import free_port
from natter.servers.postgres import Postgres
from natter.settings import Settings
from natter.stack import STOP_ORDER
from natter.supervision.program import Program, answers_ok, in_a_thread
from natter.supervision.supervisor import Supervisor
from natter.web_app import find_web_app
from natter_testing.containers import NATS_IMAGE, POSTGRES_IMAGE
from natter_testing.servers import temporary_directory
from natter_todo.settings import Settings as TodoSettings
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

ROOT = Path(__file__).parents[2]
SERVICES = ("conversation_store", "task_tools", "agent_runner", "stream_relay", "auth_edge")
OURS = {
    "actor-kit": "libs/actor_kit",
    "chatkit-protocol": "libs/chatkit_protocol",
    "contracts": "contracts",
    "file-store": "libs/file_store",
    "identity": "libs/identity",
    "natterkit": "libs/natter_assistant",
}
ASSISTANTS = {"agent_runner": ["assistants/support", "assistants/todo"]}
"""What an image holds beside its service: the assistants that are served where nobody names others."""
TASK_TOOLS = "task_tools:8010"
BEHIND_THE_FRONT = {"auth_edge": 8000, "stream_relay": 8001}
"""What HAProxy is in front of, and the port that both have."""
NOT_HANDED_ON = {
    "AGENT_RUNNER_ID": "each replica has its own, or one could claim the other's runs",
    "AGENT_RUNNER_TEST_CRASH_DIRECTORY": "for fault tests",
}


def filled_environment() -> dict[str, str]:
    """What `make env` would write."""
    names = re.findall(r"(?m)^(\w+)=$", (ROOT / ".env.example").read_text())
    return {name: f"s{os.urandom(24).hex()}" for name in names}


def interpolate(value: Any, environment: dict[str, str]) -> Any:
    """Replace ${NAME}, ${NAME:-default}, ${NAME-default} and ${NAME:?message} as Docker Compose does."""
    if isinstance(value, dict):
        return {key: interpolate(part, environment) for key, part in value.items()}
    if isinstance(value, list):
        return [interpolate(part, environment) for part in value]
    if not isinstance(value, str):
        return value

    def replace(match: re.Match[str]) -> str:
        name, operator, rest = match[1], match[2] or "", match[3] or ""
        if environment.get(name):
            return environment[name]
        assert "?" not in operator, f"{name} has no value in .env.example"
        return rest

    return re.sub(r"\$\{(\w+)(:?[-?])?([^}]*)\}", replace, value)


@dataclass
class Composed:
    services: dict[str, Any]
    secrets: dict[str, str]
    ports: dict[str, int]

    def environment_of(self, name: str) -> dict[str, str]:
        """The service's environment as the file gives it, with addresses on loopback and nothing inherited."""
        given: dict[str, str] = self.services[name]["environment"]
        mapped = {key: self.on_loopback(str(value)) for key, value in given.items()}
        for port in ("HTTP_PORT", "METRICS_PORT", "PORT"):
            if port in mapped:
                mapped[port] = str(self.ports[f"{name}:{mapped[port]}"])
        if name == "agent_runner":  # by the address of the file, so that the task tools see the Host that they would
            mapped |= {key: value for key, value in given.items() if TASK_TOOLS in str(value)}
            mapped["http_proxy"] = f"http://127.0.0.1:{self.ports['proxy']}"
        return {"PATH": f"{Path(sys.executable).parent}:{os.defpath}", **mapped}

    def on_loopback(self, value: str) -> str:
        for address, port in self.ports.items():
            value = value.replace(address, f"127.0.0.1:{port}")
        return value.replace("0.0.0.0", "127.0.0.1").replace("127.0.0.1:3000", f"127.0.0.1:{self.ports['web:3000']}")


@pytest.fixture
def composed() -> Composed:
    secrets = filled_environment()
    services = interpolate(yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"], secrets)
    names = [
        "nats:4222",
        "nats:8222",
        "postgres:5432",
        TASK_TOOLS,
        "proxy",
        "stream_relay:8001",
        "auth_edge:8000",
        "web:3000",
    ]
    names += ["stream_relay:8001", "auth_edge:8000", *(f"{name}:9090" for name in ("migrate", *SERVICES))]
    ports = {name: free_port() for name in names}
    fronts = {f"front:{port}": ports[f"{name}:{port}"] for name, port in BEHIND_THE_FRONT.items()}
    return Composed(services, secrets, ports | fronts)


@asynccontextmanager
async def named_proxy(composed: Composed) -> AsyncIterator[None]:
    """What Docker's DNS does for the runner: it reaches the task tools by their name, and they see that name."""

    async def forward(scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        address = f"http://127.0.0.1:{composed.ports[TASK_TOOLS]}{urlsplit(scope['path']).path}"
        async with httpx.AsyncClient(trust_env=False, timeout=30) as client:
            answer = await client.request(
                request.method, address, headers=request.headers, content=await request.body()
            )
        await Response(answer.content, answer.status_code, dict(answer.headers))(scope, receive, send)

    # h11: uvicorn's other parser takes no address with an underscore in it.
    config = uvicorn.Config(forward, port=composed.ports["proxy"], http="h11", log_config=None, lifespan="off")
    server = QuietServer(config)
    serving = asyncio.create_task(server.serve())
    try:
        yield
    finally:
        server.should_exit = True
        await serving


def show(name: str, line: str) -> None:
    sys.stdout.write(f"{name} | {line}\n")


@pytest.fixture
async def running(composed: Composed) -> AsyncIterator[Composed]:
    supervisor = Supervisor(show)
    with temporary_directory() as directory:
        try:
            await supervisor.start([nats(composed, directory), postgres(composed, directory)])
            as_the_image_does(composed, cluster_of(composed, directory))
            run_once(composed, "roles")
            run_once(composed, "migrate")
            async with named_proxy(composed):
                await supervisor.start([service(composed, name, directory) for name in SERVICES] + [web(composed)])
                yield composed
        finally:
            await supervisor.stop(STOP_ORDER)


def nats(composed: Composed, directory: Path) -> Program:
    """NATS with the very file that the container gets."""
    given = composed.services["nats"]
    source = ROOT / given["volumes"][0].partition(":")[0]
    text = source.read_text().replace("0.0.0.0:4222", f"127.0.0.1:{composed.ports['nats:4222']}")
    text = text.replace("127.0.0.1:8222", f"127.0.0.1:{composed.ports['nats:8222']}")
    (directory / "nats").mkdir()
    server = Nats(directory / "nats", composed.ports["nats:4222"], composed.ports["nats:8222"])
    server.configuration_file.write_text(text)
    assert given["command"][0] == "--config"
    assert given["environment"]["NATS_STORE_DIR"] == "/data"
    environment = given["environment"] | {"NATS_STORE_DIR": str(directory / "nats" / "jetstream")}
    return Program("nats", server.command, environment, in_a_thread(server.is_ready))


def cluster_of(composed: Composed, directory: Path) -> Postgres:
    return Postgres(directory / "postgres", composed.ports["postgres:5432"], "of nobody", durable=False)


def postgres(composed: Composed, directory: Path) -> Program:
    cluster = cluster_of(composed, directory)
    cluster.initialise()
    probe = in_a_thread(cluster.is_ready)
    return Program("postgres", cluster.command, {}, probe, cluster.directory, cluster.run_as, signal.SIGINT)


def as_the_image_does(composed: Composed, cluster: Postgres) -> None:
    given = composed.services["postgres"]["environment"]
    user, password = given["POSTGRES_USER"], given["POSTGRES_PASSWORD"]
    cluster.execute(f"create role {user} superuser login password '{password}'")
    cluster.execute(f"create database {given['POSTGRES_DB']} owner {user}")


def run_once(composed: Composed, name: str, **instead: str) -> None:
    """What the file's one-shot container does."""
    command, environment = composed.services[name]["command"], composed.environment_of(name) | instead
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def service(composed: Composed, name: str, directory: Path) -> Program:
    ready = answers_ok(f"http://127.0.0.1:{composed.ports[f'{name}:9090']}/readyz")
    return Program(name, composed.services[name]["command"], composed.environment_of(name), ready, directory)


def web(composed: Composed) -> Program:
    """The web app with the container's environment; of the two forms of its build, the one that is there already."""
    directory = find_web_app(Settings(), lambda text: show("web", text))
    assert composed.services["web"]["command"] == ["node", "server.js"]
    command = ["node", "node_modules/next/dist/bin/next", "start", "--hostname", "127.0.0.1"]
    ready = answers_ok(f"http://127.0.0.1:{composed.ports['web:3000']}/readyz")
    environment = composed.environment_of("web") | {"PATH": os.environ["PATH"]}
    return Program("web", command, environment, ready, directory)


@pytest.mark.browser
@pytest.mark.timeout(120, func_only=True)  # the first to need the web app builds it
async def test_a_message_is_answered_by_services_that_run_as_the_file_says(running: Composed) -> None:
    origin = f"http://127.0.0.1:{running.ports['web:3000']}"
    async with httpx.AsyncClient(base_url=origin, headers={"Origin": origin}, timeout=20, trust_env=False) as client:
        account = {"email": "alice@example.com", "password": "a long password", "name": "Alice"}
        signed_up = await client.post("/api/auth/sign-up/email", json=account)
        assert signed_up.status_code == 200, signed_up.text
        signed_in = await client.post("/api/auth/sign-in/email", json=account)
        user_id = signed_in.json()["user"]["id"]
        begun = await client.post(f"/api/{user_id}/chat", json={"message": "add a task: buy milk"})
        assert begun.status_code == 202, begun.text
        stream = await client.get(begun.json()["stream_url"])
        assert "run.completed" in stream.text
        tasks = await client.get(f"/api/{user_id}/tasks")
        assert [task["title"] for task in tasks.json()["data"]] == ["buy milk"]


@pytest.fixture
async def postgres_alone(composed: Composed) -> AsyncIterator[Composed]:
    supervisor = Supervisor(show)
    with temporary_directory() as directory:
        try:
            await supervisor.start([postgres(composed, directory)])
            as_the_image_does(composed, cluster_of(composed, directory))
            yield composed
        finally:
            await supervisor.stop(STOP_ORDER)


async def refused(url: str, *statements: str) -> list[str]:
    """Those of the statements that this role may not execute."""
    connection = await asyncpg.connect(url)
    outcomes: list[str] = []
    try:
        for statement in statements:
            try:
                await connection.execute(statement)
            except asyncpg.InsufficientPrivilegeError:
                outcomes.append(statement)
    finally:
        await connection.close()
    return outcomes


async def test_a_volume_from_when_one_role_was_everybody_gets_the_roles_in_place(postgres_alone: Composed) -> None:
    composed = postgres_alone
    migration = ("python", "-m", "conversation_store", "migrate")
    composed.services["migrate"]["command"] = migration  # without the streams: there is no NATS here
    roles, store, web = (composed.environment_of(one)["DATABASE_URL"] for one in ("roles", "conversation_store", "web"))
    run_once(composed, "migrate", DATABASE_URL=roles)
    superuser = await asyncpg.connect(roles)
    await superuser.execute(
        "insert into chat.\"user\" (user_id) values ('alice'); create schema auth; create table auth.user (id text);"
        " insert into auth.user values ('alice')"
    )
    await superuser.close()
    for _ in range(2):
        run_once(composed, "roles")
        run_once(composed, "migrate")

    all_rows = "select set_config('app.system', 'on', false); select 1 / count(*) from chat.\"user\""
    to_the_store = (
        "alter table chat.message disable row level security",
        "select * from auth.user",
        "set role natter_owner",
        "set role natter",
        "alter role natter_store bypassrls",
    )
    assert await refused(store, all_rows, *to_the_store) == [*to_the_store]
    to_the_web = ("select * from chat.message", "create table chat.mine (n int)", "set role natter_store")
    theirs = ("select 1 / count(*) from auth.user", "alter table auth.user add n int")
    assert await refused(web, *theirs, *to_the_web) == [*to_the_web]
    owner = composed.environment_of("migrate")["DATABASE_URL"]
    its_own = ("alter table chat.message add later int", "alter function chat.check_token(bigint) rename to checks")
    to_the_owner = ("select * from auth.user", "set role natter", "create role mine")
    assert await refused(owner, *its_own, *to_the_owner) == [*to_the_owner]


def test_an_env_of_before_gets_the_secrets_that_are_new_and_keeps_its_own(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    for name in (".env.example", "scripts/new_env.py"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    command = [sys.executable, str(tmp_path / "scripts" / "new_env.py")]
    subprocess.run(command, check=True, capture_output=True)
    made = (tmp_path / ".env").read_text()
    assert (tmp_path / ".env").stat().st_mode & 0o777 == 0o600
    before = re.sub(r"(?m)^(POSTGRES_PASSWORD_\w+=.*|PRINCIPAL_SECRET=.*)\n", "", made).rstrip("\n")
    (tmp_path / ".env").write_text(before)
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    now = (tmp_path / ".env").read_text()
    assert now.startswith(before + "\n")
    assert set(re.findall(r"(?m)^(\w+)=s\w{48}$", now)) == set(filled_environment())
    assert "POSTGRES_PASSWORD_STORE" in said
    again = subprocess.run(command, check=False, capture_output=True, text=True)
    assert (again.returncode, (tmp_path / ".env").read_text()) == (1, now)


def names_in_the_readme() -> set[str]:
    """The runner's variables in its README's tables; `…_X` stands for AGENT_RUNNER_X."""
    files = ("services/agent_runner/README.md", "assistants/todo/README.md")
    text = "\n".join((ROOT / file).read_text() for file in files)
    named = re.findall(r"`(AGENT_RUNNER_|…_)([A-Z_]+)`", "\n".join(re.findall(r"(?m)^\| (`.*?) \|", text)))
    return {f"AGENT_RUNNER_{name}" for _, name in named}


def test_every_setting_of_the_runner_is_in_its_readme_and_handed_on(composed: Composed) -> None:
    settings = (RunnerSettings, TodoSettings)
    aliases = {str(field.validation_alias) for one in settings for field in one.model_fields.values()}
    names = {alias for alias in aliases if alias.startswith("AGENT_RUNNER_")}
    assert names_in_the_readme() == names
    given = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]["agent_runner"]
    environment = {name: f"of {name}" for name in names - set(NOT_HANDED_ON)}
    web_app = {"BETTER_AUTH_URL": "of the web app"}
    handed_on = interpolate(given["environment"], {**composed.secrets, **environment, **web_app})
    expected = environment | {"AGENT_RUNNER_PUBLIC_URL": web_app["BETTER_AUTH_URL"]}
    assert {name: value for name, value in handed_on.items() if name.startswith("AGENT_RUNNER_")} == expected


def test_each_secret_is_given_to_those_who_need_it_and_to_nobody_else(composed: Composed) -> None:
    given = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    holders = {
        "BETTER_AUTH_SECRET": {"auth_edge", "stream_relay", "web"},
        "WEB_AUDIT_SECRET": {"auth_edge", "web"},
        "CHAT_TOKEN_SECRET": {"auth_edge", "stream_relay"},
        "PRINCIPAL_SECRET": {"auth_edge", "stream_relay", "conversation_store"},
        "RUN_TOKEN_SECRET": {"conversation_store"},
        "AGENT_RUNNER_CONNECTION_SECRETS": {"agent_runner"},
        "POSTGRES_PASSWORD": {"postgres", "roles"},
        "POSTGRES_PASSWORD_OWNER": {"roles", "migrate"},
        "POSTGRES_PASSWORD_STORE": {"roles", "conversation_store"},
        "POSTGRES_PASSWORD_WEB": {"roles", "web"},
        "NATS_PASSWORD_OPERATOR": {"nats", "migrate"},
        "NATS_PASSWORD_ROUTES": set(),  # of docker-compose.cluster.yml
        **{f"NATS_PASSWORD_{name.upper()}": {"nats", name} for name in SERVICES},
    }
    assert set(holders) == set(composed.secrets)
    for secret, services in holders.items():
        asks = f"${{{secret}:?"
        assert {name for name, one in given.items() if asks in str(one.get("environment"))} == services, secret


def test_every_image_exists_runs_unprivileged_and_checks_its_health(composed: Composed) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    targets = set(re.findall(r"(?m)^FROM runtime AS (\w+)$", dockerfile))
    used = {one["build"]["target"] for one in composed.services.values() if "build" in one}
    assert used == targets | {"web"} == {"auth_edge", "conversation_store", "agent_runner", "stream_relay", "web"}
    runtime = dockerfile[dockerfile.index("AS runtime") :]
    of_the_web = runtime[runtime.index("AS web\n") :]
    assert "\nUSER 10001\n" in runtime
    assert "\nUSER node\n" in of_the_web
    assert "USER root" not in runtime
    assert runtime.count("\nHEALTHCHECK ") == 2
    assert "\nHEALTHCHECK " in of_the_web


@pytest.mark.parametrize("target", ["auth_edge", "conversation_store", "agent_runner", "stream_relay"])
def test_an_image_holds_the_libraries_of_its_service_and_no_others(target: str) -> None:
    dockerfile = (ROOT / "Dockerfile").read_text()
    stage = re.search(rf"(?ms)^FROM build AS build-{target}$(.*?)^FROM", dockerfile)
    assert stage is not None
    installed = re.findall(r"\./([\w/]+)", stage[1])
    assert "actor_kit[otlp]" in stage[1]  # so that a collector's address is all that traces need
    wanted, seen = [f"services/{target}", *ASSISTANTS.get(target, [])], set[str]()
    while wanted:
        path = wanted.pop()
        if path in seen:
            continue
        seen.add(path)
        project = tomllib.loads((ROOT / path / "pyproject.toml").read_text())["project"]
        wanted += [OURS[name] for name in project["dependencies"] if name in OURS]
    assert set(installed) == seen


def test_images_for_several_platforms_and_those_of_the_tests_are_the_ones_that_compose_runs(composed: Composed) -> None:
    baked = re.search(r"service = \[(.*?)\]", (ROOT / "docker-bake.hcl").read_text())
    assert baked is not None
    built = {one["build"]["target"] for one in composed.services.values() if "build" in one}
    assert set(re.findall(r'"(\w+)"', baked[1])) == built
    images = (NATS_IMAGE, POSTGRES_IMAGE)
    assert tuple(composed.services[name]["image"] for name in ("nats", "postgres")) == images


def test_services_may_be_scaled(composed: Composed) -> None:
    for name in SERVICES:
        assert "container_name" not in composed.services[name]
        assert "volumes" not in composed.services[name]
        assert "ports" not in composed.services[name]


def test_the_front_is_in_front_of_what_has_a_port(composed: Composed) -> None:
    configuration = (ROOT / "deploy" / "haproxy" / "haproxy.cfg").read_text()
    for name, port in BEHIND_THE_FRONT.items():
        assert composed.services[name]["environment"]["HTTP_PORT"] == str(port)
        assert f"server-template {name} 16 {name}:{port}" in configuration
        assert re.search(rf"listen {name}\n    bind :{port}\n", configuration)
    addresses = [composed.services["web"]["environment"][name] for name in ("AUTH_EDGE_URL", "STREAM_RELAY_URL")]
    assert addresses == [f"http://front:{port}" for port in BEHIND_THE_FRONT.values()]
    published = [published.rpartition(":")[2] for published in composed.services["front"]["ports"]]
    assert published == [str(port) for port in BEHIND_THE_FRONT.values()]


def test_everybody_knows_all_servers_of_the_cluster_and_they_each_other(composed: Composed) -> None:
    added = yaml.safe_load((ROOT / "docker-compose.cluster.yml").read_text())["services"]
    cluster = interpolate(added, composed.secrets)
    servers = [name for name in cluster if name.startswith("nats")]
    assert servers == ["nats", "nats_2", "nats_3"]
    for name in servers:
        environment = cluster[name]["environment"]
        assert environment["NATS_SERVER_NAME"] == name
        assert [urlsplit(route).hostname for route in json.loads(environment["NATS_ROUTES"])] == servers
    asking = {name for name, one in composed.services.items() if "NATS_URL" in one.get("environment", {})}
    assert asking == {*SERVICES, "migrate"}
    for name in asking:
        assert cluster[name]["environment"]["NATS_URL"] == ",".join(f"nats://{server}:4222" for server in servers)
    assert cluster["migrate"]["environment"]["NATS_REPLICAS"] == "3"
    text = (ROOT / "deploy" / "nats-cluster.conf").read_text()
    named = {variable for server in servers for variable in cluster[server]["environment"]}
    assert set(re.findall(r"\$(\w+)", text)) == named


def test_base_images_are_pinned_by_digest_where_a_registry_tells_them(tmp_path: Path) -> None:
    """With a `docker` that answers as a registry would: none can be reached from everywhere."""
    digest = f"sha256:{'7' * 64}"
    docker = tmp_path / "docker"
    docker.write_text(f"#!/bin/sh\necho {digest}\n")
    docker.chmod(0o755)
    env_file = tmp_path / "env"
    env_file.write_text("OTHER=kept\nNATS_IMAGE=nats:1\n")
    environment = {"PATH": f"{tmp_path}:{os.environ['PATH']}"}
    for _ in range(2):
        subprocess.run(
            [ROOT / "scripts" / "image_digests.sh", env_file], env=environment, check=True, capture_output=True
        )
    lines = dict(line.split("=", 1) for line in env_file.read_text().splitlines())
    text = (ROOT / "Dockerfile").read_text() + (ROOT / "docker-compose.yml").read_text()
    names = set(re.findall(r"\b([A-Z]+_IMAGE)\b", text))
    assert lines.pop("OTHER") == "kept"
    assert set(lines) == names == {"PYTHON_IMAGE", "NODE_IMAGE", "NATS_IMAGE", "POSTGRES_IMAGE", "HAPROXY_IMAGE"}
    assert all(value.endswith(f"@{digest}") for value in lines.values())
    assert names - {"NATS_IMAGE", "POSTGRES_IMAGE", "HAPROXY_IMAGE"} <= set(
        re.findall(r'variable "(\w+)"', (ROOT / "docker-bake.hcl").read_text())
    )


def test_a_collector_is_named_to_the_web_app_and_to_every_service() -> None:
    services = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name in ("web", *SERVICES):
        given = interpolate(services[name]["environment"]["OTEL_EXPORTER_OTLP_ENDPOINT"], {})
        assert given == "", name
        assert services[name]["environment"]["OTEL_TRACES_SAMPLER"] == "${OTEL_TRACES_SAMPLER:-parentbased_always_on}"
