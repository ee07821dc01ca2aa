"""Decides a stack before anything runs: its ports, its secrets, and which servers are ours."""

from collections.abc import Iterable
from pathlib import Path

from contracts.ids import AssistantId
from contracts.services import Service

from contracts import nats_conf
from natter.data_directory import DataDirectory, Secrets
from natter.servers.nats import ROUTES_USER, Nats, NatsUser, Routes
from natter.servers.own_postgres import OwnPostgres
from natter.servers.ports import free_port
from natter.servers.postgres import Postgres
from natter.settings import Settings
from natter.stack import CAN_SHARE_PORTS, SERVICES, Options, Replica, Stack, nats_names

WITH_HTTP = frozenset({Service.AUTH_EDGE, Service.STREAM_RELAY, Service.TASK_TOOLS})


def plan(
    options: Options, directory: DataDirectory, settings: Settings, log_format: str, web_directory: Path | None
) -> Stack:
    """Decide every port and secret of a stack; keeps the secrets in the data directory."""
    secrets = directory.read_secrets()
    given = settings.given("BETTER_AUTH_SECRET", "CHAT_TOKEN_SECRET", "PRINCIPAL_SECRET", "RUN_TOKEN_SECRET")
    replaced = {secrets.better_auth_secret} - {given.get("BETTER_AUTH_SECRET", secrets.better_auth_secret)}
    secrets = secrets.model_copy(
        update={
            **{name.lower(): value for name, value in given.items()},
            "better_auth_secrets_previous": [*secrets.better_auth_secrets_previous, *replaced],
        }
    )
    nats = plan_nats(options.nats_servers, directory, secrets) if options.nats_url is None else []
    directory.write_secrets(secrets)
    return Stack(
        options=options,
        directory=directory,
        secrets=secrets,
        settings=settings,
        log_format=log_format,
        nats=nats,
        postgres=_postgres(options, directory, settings, secrets),
        replicas=[replica for service in SERVICES for replica in _replicas(service, options)],
        web_port=options.web_port or free_port(),
        web_directory=web_directory,
    )


def plan_nats(count: int, directory: DataDirectory, secrets: Secrets) -> list[Nats]:
    """One server, or several that are a cluster. Each has a directory of its own, and a lone one none of theirs."""
    users = [NatsUser(user, secrets.nats_password(user), nats_conf.permissions_object(user)) for user in Service]
    if count == 1:
        return [Nats(directory.nats, free_port(), free_port(), users=users)]
    ports = [free_port() for _ in range(count)]
    return [
        Nats(
            directory.nats / name,
            free_port(),
            free_port(),
            users=users,
            name=name,
            routes=Routes(port, ports, secrets.nats_password(ROUTES_USER)),
        )
        for name, port in zip(nats_names(count), ports, strict=True)
    ]


def replicas_of_group(
    service: Service, assistant_id: AssistantId | None, numbers: Iterable[int], http_port: int = 0
) -> list[Replica]:
    """The processes of these numbers of a service, or of an assistant's runners, each with an operators' port.

    ``http_port`` (0: any free one) is number 1's, and that of the others where they can share it.
    """
    shared = (http_port or free_port()) if service in WITH_HTTP else 0
    return [
        Replica(
            service,
            number,
            free_port(),
            shared if number == 1 or CAN_SHARE_PORTS or not shared else free_port(),
            assistant_id,
        )
        for number in numbers
    ]


def _postgres(
    options: Options, directory: DataDirectory, settings: Settings, secrets: Secrets
) -> Postgres | OwnPostgres:
    if options.database_url is not None:
        direct = settings.given("DATABASE_DIRECT_URL").get("DATABASE_DIRECT_URL")
        urls = (options.database_url, direct, options.store_database_url, options.web_database_url)
        return OwnPostgres(*urls, secret=secrets.postgres_password)
    return Postgres(
        directory.postgres,
        free_port(),
        secrets.postgres_password,
        superuser_password=secrets.postgres_superuser_password,
        store_password=secrets.postgres_store_password,
        web_password=secrets.postgres_web_password,
    )


def _replicas(service: Service, options: Options) -> list[Replica]:
    asked = {Service.AUTH_EDGE: options.edge_port, Service.STREAM_RELAY: options.relay_port}.get(service, 0)
    count = options.scale.get(service, _default_count(service, options))
    replicas = replicas_of_group(service, None, range(1, count + 1), asked)
    for assistant_id in options.assistants if service is Service.AGENT_RUNNER else ():
        count = options.scale.get(f"{service}.{assistant_id}", 0)
        replicas += replicas_of_group(service, assistant_id, range(1, count + 1))
    return replicas


def _default_count(service: Service, options: Options) -> int:
    """One; none where each assistant has runners of its own."""
    own = [f"{service}.{assistant_id}" in options.scale for assistant_id in options.assistants]
    return 0 if service is Service.AGENT_RUNNER and own and all(own) else 1
