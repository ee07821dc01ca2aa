"""What makes up Natter on one machine: which programs, with which command and environment, in which order."""

import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from contracts.ids import AssistantId
from contracts.postgres_roles import OWNER, STORE, WEB
from contracts.services import Service

from natter.assistants import TODO, as_text, read_assistants
from natter.data_directory import DataDirectory, Secrets
from natter.passing_on import EVERY_SERVICE, OWN, PYTHON
from natter.servers.nats import Nats
from natter.servers.own_postgres import OwnPostgres
from natter.servers.ports import LOOPBACK
from natter.servers.postgres import DATABASE, Postgres
from natter.settings import Settings
from natter.supervision.orphans import marker
from natter.supervision.preloaded import Preloaded
from natter.supervision.program import Program, answers_ok, in_a_thread

SERVICES = (
    Service.CONVERSATION_STORE,
    Service.TASK_TOOLS,
    Service.AGENT_RUNNER,
    Service.STREAM_RELAY,
    Service.AUTH_EDGE,
)
MODULES = {Service.TASK_TOOLS: ("natter_todo.task_tools", "--http")}
"""What `python -m` runs, where that is not the service's own name."""
STOP_ORDER = (
    {"web", "auth_edge"},
    {"agent_runner", "stream_relay"},
    {"task_tools", "conversation_store"},
    {"nats"},
    {"postgres"},
)
"""Who stops together, step after step: first who takes new work in, last who keeps it."""
CAN_SHARE_PORTS = sys.platform == "linux"
"""Elsewhere the kernel does not give each listener of a port its share."""
DRAIN_SECONDS_MAX = 1.5
"""How long a service may finish its work when all is stopped; what it cannot finish, it takes up at the next start."""


MIGRATION_SECONDS_MAX = 600.0
"""How long the tables may take to be migrated, by `natter up` and by `natter migrate`."""


@dataclass(frozen=True)
class Options:
    """What the caller of `natter up` asked for. Port 0 is any free one."""

    edge_port: int = 8000
    relay_port: int = 8001
    web_port: int = 3000
    with_web: bool = True
    demo_user: bool = False
    with_page: bool = False
    """The page of `natter dev` in the web app's place, for one person and without sign-in."""
    assistants: Mapping[AssistantId, str] = field(default_factory=dict[AssistantId, str])
    """Targets by id, the default one first; none: the todo assistant, or what the environment says."""
    scale: Mapping[str, int] = field(default_factory=dict[str, int])
    """Processes of a service, or of one assistant (``agent_runner.ID``)."""
    nats_servers: int = 1
    """How many NATS servers of ours; more than one are a cluster, and each has all that is stored."""
    nats_url: str | None = None
    database_url: str | None = None
    store_database_url: str | None = None
    web_database_url: str | None = None


def nats_names(count: int) -> list[str]:
    """The names of so many NATS servers: as programs, as servers of the cluster, and of their directories."""
    return ["nats", *(f"nats.{number}" for number in range(2, count + 1))][:count]


@dataclass(frozen=True)
class Replica:
    """One process of a service, and its ports (0: it has none). ``assistant_id``: the one that this runner serves;
    None: those that have no runners of their own.
    """

    service: Service
    number: int
    metrics_port: int
    http_port: int = 0
    assistant_id: AssistantId | None = None

    @property
    def name(self) -> str:
        group = str(self.service) if self.assistant_id is None else f"{self.service}.{self.assistant_id}"
        return group if self.number == 1 else f"{group}.{self.number}"

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.http_port}"

    @property
    def metrics_url(self) -> str:
        return f"http://{LOOPBACK}:{self.metrics_port}/metrics"


@dataclass(frozen=True)
class Stack:
    """One Natter, with every port and secret decided."""

    options: Options
    directory: DataDirectory
    secrets: Secrets
    settings: Settings
    log_format: str
    nats: Sequence[Nats]
    """None where NATS is somebody else's."""
    postgres: Postgres | OwnPostgres
    replicas: Sequence[Replica]
    web_port: int
    web_directory: Path | None

    @property
    def nats_url(self) -> str:
        return ",".join(server.url for server in self.nats) or str(self.options.nats_url)

    @property
    def database_url(self) -> str:
        return self.postgres.url

    @property
    def embedded_postgres(self) -> Postgres | None:
        """Postgres, if it is ours to run."""
        return self.postgres if isinstance(self.postgres, Postgres) else None

    @property
    def web_url(self) -> str:
        return f"http://{LOOPBACK}:{self.web_port}"

    @property
    def accounts_url(self) -> str:
        """The database, as the web app enters it."""
        return self._database_environment(WEB)["DATABASE_URL"]

    @property
    def url(self) -> str:
        """Where a person begins: the web app, or the edge when there is none."""
        return (
            self.web_url
            if self.options.with_web or self.options.with_page
            else self.replicas_of(Service.AUTH_EDGE)[0].url
        )

    @property
    def assistants(self) -> Mapping[AssistantId, str]:
        """What is served, by id; the first is the default."""
        named = self.settings.given("AGENT_RUNNER_ASSISTANTS").get("AGENT_RUNNER_ASSISTANTS", "")
        return self.options.assistants or read_assistants(named.replace(",", " ").split(), Path.cwd()) or TODO

    @property
    def assistants_offered(self) -> list[AssistantId]:
        """Who may be written to: all that are served, where the environment does not say otherwise."""
        named = self.settings.given("CONVERSATION_STORE_ASSISTANTS").get("CONVERSATION_STORE_ASSISTANTS", "")
        return list(self.options.assistants) or named.replace(",", " ").split() or list(self.assistants)

    @property
    def jwt_verifier(self) -> str:
        """With the web app tokens are signed by its key; without it, by the secret that both sides know."""
        return "jwks" if self.options.with_web else "hs256"

    def replicas_of(self, service: Service) -> list[Replica]:
        return [replica for replica in self.replicas if replica.service == service]

    def urls_of(self, service: Service) -> list[str]:
        """Where a service is reached: replicas that share a port have one address."""
        return list(dict.fromkeys(replica.url for replica in self.replicas_of(service)))

    @property
    def nats_servers(self) -> list[Program]:
        """NATS, if it is ours to run."""
        return [
            Program(name, server.command, self._shared_environment(), in_a_thread(server.is_ready), self.directory.root)
            for name, server in zip(nats_names(len(self.nats)), self.nats, strict=True)
        ]

    @property
    def postgres_server(self) -> list[Program]:
        """Its program."""
        postgres = self.embedded_postgres
        if postgres is None:
            return []
        probe = in_a_thread(postgres.is_ready)
        return [
            Program(
                *("postgres", postgres.command, self._shared_environment(), probe, postgres.directory),
                run_as=postgres.run_as,
                stop_signal=signal.SIGINT,
                stop_seconds_max=4.0,
            )
        ]

    @property
    def services(self) -> list[Program]:
        """Every process of the four services."""
        return [
            Program(
                replica.name,
                [sys.executable, "-m", *MODULES.get(replica.service, (str(replica.service),))],
                self.environment_of(replica),
                answers_ok(f"http://{LOOPBACK}:{replica.metrics_port}/readyz"),
                self.directory.root,
                stop_seconds_max=DRAIN_SECONDS_MAX + 0.5,
                is_forked=self.settings.preload,
            )
            for replica in self.replicas
        ]

    def preloaded(self) -> Preloaded:
        """The process that services are forked from. All of them carry its environment as what they began with."""
        return Preloaded(environment=self._shared_environment(*PYTHON))

    @property
    def migration(self) -> tuple[list[str], dict[str, str]]:
        """The command and environment that bring the database to the current revision."""
        return [sys.executable, "-m", "conversation_store", "migrate"], {
            **self._shared_environment(*EVERY_SERVICE, *OWN[Service.CONVERSATION_STORE]),
            **self.bus_environment(Service.CONVERSATION_STORE),
            **self._database_environment(),
        }

    @property
    def roles(self) -> tuple[list[str], dict[str, str]] | None:
        """What gives store and web app roles in a Postgres of the operator's own, whose tables are migrated."""
        if isinstance(self.postgres, Postgres):
            return None
        return [sys.executable, "-m", "conversation_store", "roles"], {
            **self._shared_environment(*EVERY_SERVICE, *OWN[Service.CONVERSATION_STORE]),
            **self.postgres.roles_environment,
        }

    @property
    def web(self) -> list[Program]:
        """The web app, or the page of `natter dev`, if one is wanted."""
        if self.options.with_page:
            return [self._page]
        if not self.options.with_web or self.web_directory is None:
            return []
        next_command = self.web_directory / "node_modules" / "next" / "dist" / "bin" / "next"
        command = ["node", str(next_command), "start", "--hostname", LOOPBACK, "--port", str(self.web_port)]
        environment = {
            **self._shared_environment(*OWN["web"]),
            **self._database_environment(WEB),
            "BETTER_AUTH_SECRET": self.secrets.better_auth_secret,
            "BETTER_AUTH_SECRETS_PREVIOUS": ",".join(self.secrets.better_auth_secrets_previous),
            "BETTER_AUTH_URL": self.web_url,
            "WEB_AUDIT_SECRET": self.secrets.web_audit_secret,
            "AUTH_EDGE_URL": self.replicas_of(Service.AUTH_EDGE)[0].url,
            "STREAM_RELAY_URL": self.replicas_of(Service.STREAM_RELAY)[0].url,
            "NODE_ENV": "production",
            "NEXT_MANUAL_SIG_HANDLE": "1",  # web/server/stopping.ts stops it
        }
        return [Program("web", command, environment, answers_ok(f"{self.web_url}/readyz"), self.web_directory)]

    @property
    def _page(self) -> Program:
        environment = {
            **self._shared_environment(*PYTHON),
            "NATTER_PAGE_PORT": str(self.web_port),
            "NATTER_PAGE_EDGE_URL": self.replicas_of(Service.AUTH_EDGE)[0].url,
            "NATTER_PAGE_RELAY_URL": self.replicas_of(Service.STREAM_RELAY)[0].url,
            "NATTER_PAGE_SECRET": self.secrets.better_auth_secret,
        }
        command = [sys.executable, "-m", "natter.dev.page"]
        return Program("web", command, environment, answers_ok(f"{self.web_url}/readyz"), self.directory.root)

    def environment_of(self, replica: Replica) -> dict[str, str]:
        """The whole environment of one service process."""
        return {
            **self._shared_environment(*self._names_of(replica)),
            "METRICS_HOST": LOOPBACK,
            "METRICS_PORT": str(replica.metrics_port),
            "DRAIN_TIMEOUT_SECONDS": str(DRAIN_SECONDS_MAX),
            **self.bus_environment(replica.service),
            **self._own_environment(replica),
        }

    def bus_environment(self, user: Service) -> dict[str, str]:
        """How to reach NATS as this user."""
        if not self.nats:
            return {"NATS_URL": self.nats_url, **self.settings.given("NATS_USER", "NATS_PASSWORD", "NATS_NKEY_SEED")}
        return {"NATS_URL": self.nats_url, "NATS_USER": user, "NATS_PASSWORD": self.secrets.nats_password(user)}

    def _shared_environment(self, *names: str) -> dict[str, str]:
        """What a program is told that reads the variables of these names."""
        colour = {"LOG_COLOUR": "true"} if self.log_format == "console" and sys.stderr.isatty() else {}
        return {
            "LOG_FORMAT": self.log_format,
            **colour,
            **self.settings.passed_on(*names),
            **marker(self.directory.root),
        }

    def _names_of(self, replica: Replica) -> tuple[str, ...]:
        """The variables that a service's process reads; of a runner also those that its assistants do.

        The runner of `natter dev` is its developer's own program, and gets what any other gets from their shell.
        """
        names = (*EVERY_SERVICE, *OWN[replica.service])
        if replica.service is not Service.AGENT_RUNNER:
            return names
        if self.options.with_page:
            return ("*",)
        ids = self._served_by(replica)
        return (*names, *(f"{assistant_id.upper()}_*" for assistant_id in ids), *self.settings.of_assistants)

    def _database_environment(self, role: str = OWNER) -> dict[str, str]:
        """The database for one role."""
        if isinstance(self.postgres, Postgres):
            return {"DATABASE_URL": self.postgres.url_of(DATABASE, role)}
        return self.postgres.environment_of(role)

    def _own_environment(self, replica: Replica) -> dict[str, str]:
        http = {
            "HTTP_HOST": LOOPBACK,
            "HTTP_PORT": str(replica.http_port),
            "HTTP_SHARES_PORT": str(CAN_SHARE_PORTS).lower(),  # also with those that `natter scale` adds
        }
        match replica.service:
            case Service.AUTH_EDGE:
                relay_url = self.replicas_of(Service.STREAM_RELAY)[0].url
                return {
                    **http,
                    **self._jwt_environment(),
                    "WEB_AUDIT_SECRET": self.secrets.web_audit_secret,
                    "PUBLIC_STREAM_URL": "" if self.options.with_web or self.options.with_page else relay_url,
                }
            case Service.STREAM_RELAY:
                return {**http, **self._jwt_environment()}
            case Service.AGENT_RUNNER:
                tools_url = self.replicas_of(Service.TASK_TOOLS)[0].url
                return {
                    **self.settings.given("OPENAI_API_KEY"),
                    **self.settings.model_providers,
                    "AGENT_RUNNER_ASSISTANTS": as_text(self.assistants),
                    "AGENT_RUNNER_SERVES": ",".join(self._served_by(replica)),
                    "AGENT_RUNNER_TASK_TOOLS_URL": f"{tools_url}/mcp",
                    "AGENT_RUNNER_CONNECTION_SECRETS": self.secrets.connection_secrets,
                    **(
                        {"AGENT_RUNNER_PUBLIC_URL": self.web_url}
                        if self.options.with_web or self.options.with_page
                        else {}
                    ),
                }
            case Service.TASK_TOOLS:
                return http
            case Service.CONVERSATION_STORE:
                return {
                    **self._database_environment(STORE),
                    "CONVERSATION_STORE_ASSISTANTS": ",".join(self.assistants_offered),
                    "PRINCIPAL_SECRET": self.secrets.principal_secret,
                    "RUN_TOKEN_SECRET": self.secrets.run_token_secret,
                }
            case _:
                return {}

    def _served_by(self, replica: Replica) -> list[AssistantId]:
        if replica.assistant_id is not None:
            return [replica.assistant_id]
        scale = self.options.scale
        return [one for one in self.assistants if f"{Service.AGENT_RUNNER}.{one}" not in scale]

    def _jwt_environment(self) -> dict[str, str]:
        shared = {
            "CHAT_TOKEN_SECRET": self.secrets.chat_token_secret,
            "PRINCIPAL_SECRET": self.secrets.principal_secret,
            "JWT_VERIFIER": self.jwt_verifier,
        }
        if self.jwt_verifier == "hs256":
            return {**shared, "BETTER_AUTH_SECRET": self.secrets.better_auth_secret}
        from identity.local_issuer import LocalIssuer  # noqa: PLC0415

        # Two sources of keys, one algorithm: the web app's, and the local issuer of `natter token`.
        local = LocalIssuer.open(self.directory.issuer).jwks_url
        return {**shared, "JWT_ALGORITHMS": "EdDSA", "JWT_JWKS_URL": f"{local},{self.web_url}/api/auth/jwks"}
