"""Each service may publish and subscribe only what the contracts say: the whole matrix, on a real server."""

import asyncio
import json
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import structlog
from actor_kit.bus import Bus
from actor_kit.metrics import BUS_ERRORS
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from contracts.commands import UpdateConversation
from contracts.errors import Code, TerminalError
from contracts.events import AuditEvent, DeadLetter
from contracts.identity import Principal
from contracts.message import PAYLOAD_BYTES_MAX, Json
from contracts.nats_conf import permissions_object
from contracts.permissions import permissions_of
from contracts.registry import REGISTRY
from contracts.services import Service, inbox_prefix
from contracts.streams import STREAMS
from contracts.subjects import subject_filter
from nats.aio.client import Client
from natter.servers.nats import Nats, NatsUser
from natter.servers.ports import free_port
from natter_testing.servers import RunningServer, temporary_directory

PASSWORDS = {service: secrets.token_hex(8) for service in Service}


@pytest.fixture(scope="module")
def guarded_nats_url() -> Iterator[str]:
    """A server with the permissions on, as `natter up` and deploy/nats.conf have them."""
    with temporary_directory() as directory:
        users = [NatsUser(str(service), PASSWORDS[service], permissions_object(service)) for service in Service]
        server = Nats(directory=directory, port=free_port(), monitoring_port=free_port(), users=users)
        server.initialise()
        running = RunningServer(server, Path(directory) / "nats.log")
        running.start()
        asyncio.run(_provision(server.url))
        yield server.url
        running.stop()


def settings_of(url: str, service: Service) -> ServiceSettings:
    return ServiceSettings(nats_url=url, nats_user=str(service), nats_password=PASSWORDS[service])  # pyright: ignore[reportArgumentType]


async def _provision(url: str) -> None:
    async with Bus.open(settings_of(url, Service.OPERATOR), service=Service.OPERATOR) as bus:
        assert await provision(bus) == []


def concrete(subject: str) -> str:
    """One subject that a filter stands for."""
    return subject.replace("*", "x").replace(">", "x")


def universe() -> set[str]:
    """Every subject that anybody may use, and JetStream's rights that nobody but the operator may."""
    everything = {subject_filter(entry.message) for entry in REGISTRY}
    for service in Service:
        rights = permissions_of(service)
        everything |= {*rights.publish, *rights.subscribe}
    everything -= {"$JS.API.>", "$SRV.>"}
    for stream in STREAMS:
        everything |= {
            f"$JS.API.STREAM.{verb}.{stream.name}" for verb in ("CREATE", "DELETE", "PURGE", "UPDATE", "INFO")
        }
        everything |= {f"$JS.API.STREAM.MSG.GET.{stream.name}", f"$JS.API.STREAM.MSG.DELETE.{stream.name}"}
        everything |= {f"$JS.API.DIRECT.GET.{stream.name}", f"$JS.API.CONSUMER.CREATE.{stream.name}"}
    return {concrete(subject) for subject in everything}


def matches(subject: str, pattern: str) -> bool:
    subject_tokens, pattern_tokens = subject.split("."), pattern.split(".")
    for position, token in enumerate(pattern_tokens):
        if token == ">":
            return len(subject_tokens) > position
        if position >= len(subject_tokens) or token not in {"*", subject_tokens[position]}:
            return False
    return len(subject_tokens) == len(pattern_tokens)


class Probe:
    """A connection of one service that keeps the server's refusals."""

    def __init__(self) -> None:
        self.client = Client()
        self.refused: set[str] = set()

    async def connect(self, url: str, service: Service) -> None:
        await self.client.connect(
            url,
            user=str(service),
            password=PASSWORDS[service],
            inbox_prefix=inbox_prefix(service),
            error_cb=self._on_error,
            allow_reconnect=False,
        )

    async def _on_error(self, error: Exception) -> None:
        text = str(error)
        if "permissions violation" in text.lower():
            self.refused.add(text.split('"')[1].lower())  # nats-py lowers the server's words

    async def settle(self) -> None:
        """Wait until the server has judged all that was sent, and its words have been read."""
        await self.client.flush()
        await asyncio.sleep(0.05)


@pytest.fixture(params=list(Service), ids=str)
async def probe(request: pytest.FixtureRequest, guarded_nats_url: str) -> AsyncIterator[tuple[Service, Probe]]:
    connection = Probe()
    await connection.connect(guarded_nats_url, request.param)
    yield request.param, connection
    await connection.client.close()


async def test_a_service_publishes_what_contracts_say_and_nothing_else(probe: tuple[Service, Probe]) -> None:
    service, connection = probe
    subjects = universe()
    for subject in subjects:
        await connection.client.publish(subject, b"{}")
    await connection.settle()
    allowed = {
        subject for subject in subjects if any(matches(subject, pattern) for pattern in permissions_of(service).publish)
    }
    assert {subject for subject in subjects if subject.lower() not in connection.refused} == allowed


async def test_a_service_reads_what_contracts_say_and_nothing_else(probe: tuple[Service, Probe]) -> None:
    service, connection = probe
    subjects = universe() | {">", "live.>", "delta.>", "_INBOX.>"}
    for subject in subjects:
        await connection.client.subscribe(subject)
    await connection.settle()
    allowed = {
        subject
        for subject in subjects
        if any(matches(subject, pattern) for pattern in permissions_of(service).subscribe)
    }
    assert {subject for subject in subjects if subject.lower() not in connection.refused} == allowed


async def test_only_the_operator_may_create_streams(guarded_nats_url: str) -> None:
    for service in set(Service) - {Service.OPERATOR}:
        probe = Probe()
        await probe.connect(guarded_nats_url, service)
        await probe.client.publish("$JS.API.STREAM.CREATE.EVIL", json.dumps({"name": "EVIL"}).encode())
        await probe.settle()
        assert probe.refused == {"$js.api.stream.create.evil"}
        await probe.client.close()


async def test_no_service_reads_anothers_answers(guarded_nats_url: str) -> None:
    for service in Service:
        probe = Probe()
        await probe.connect(guarded_nats_url, service)
        others = {f"{inbox_prefix(other)}.x" for other in Service if other != service}
        for inbox in others:
            await probe.client.subscribe(inbox)
        await probe.settle()
        assert probe.refused == {inbox.lower() for inbox in others}
        await probe.client.close()


async def test_a_refusal_is_seen_in_the_logs_and_the_metrics(guarded_nats_url: str) -> None:
    before = BUS_ERRORS.labels("permissions_violation")._value.get()
    settings = settings_of(guarded_nats_url, Service.STREAM_RELAY)
    with structlog.testing.capture_logs() as logs:
        async with Bus.open(settings, service=Service.STREAM_RELAY) as bus:
            await bus.publish("delta.x.y.z", b"forged")
            await bus.flush()
            await asyncio.sleep(0.05)
    [line] = [line for line in logs if line["event"] == "bus.permissions_violation"]
    assert (line["log_level"], "delta.x.y.z" in line["error"]) == ("error", True)
    assert BUS_ERRORS.labels("permissions_violation")._value.get() == before + 1


async def test_a_wrong_password_does_not_enter(guarded_nats_url: str) -> None:
    address = urlsplit(guarded_nats_url)
    reader, writer = await asyncio.open_connection(address.hostname, address.port)
    await reader.readline()
    credentials = json.dumps({"user": "stream_relay", "pass": "guessed", "verbose": False})
    writer.write(f"CONNECT {credentials}\r\nPING\r\n".encode())
    assert b"Authorization Violation" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_the_server_refuses_a_payload_over_the_bound(guarded_nats_url: str) -> None:
    probe = Probe()
    await probe.connect(guarded_nats_url, Service.AUTH_EDGE)
    assert probe.client.max_payload == PAYLOAD_BYTES_MAX
    await probe.client.close()


async def test_the_bus_says_so_before_it_sends_a_request_over_the_bound(nats_url: str) -> None:
    async with Bus.open(ServiceSettings(nats_url=nats_url), service=Service.AUTH_EDGE) as bus:
        principal = Principal(user_id="alice")
        metadata: Json = {"note": "x" * PAYLOAD_BYTES_MAX}
        with pytest.raises(TerminalError) as refused:
            await bus.request(UpdateConversation(principal=principal, conversation_id="conv_1", metadata=metadata))
    assert refused.value.code == Code.PAYLOAD_TOO_LARGE


def test_the_relay_can_write_nothing() -> None:
    """It reads by direct get and asks the store; no delta, no run, no dead letter of its own."""
    publish = permissions_of(Service.STREAM_RELAY).publish
    assert all(subject.startswith(("$JS.API.DIRECT.GET.", "query.conversation_store.")) for subject in publish)


def test_a_service_writes_dead_letters_in_its_own_name_only() -> None:
    assert subject_filter(DeadLetter, service="agent_runner") in permissions_of(Service.AGENT_RUNNER).publish
    assert subject_filter(DeadLetter) not in permissions_of(Service.AGENT_RUNNER).publish


def test_a_service_notes_for_audit_in_its_own_name_only_and_nobody_but_the_operator_reads_it() -> None:
    writers = {Service.AUTH_EDGE, Service.CONVERSATION_STORE, Service.OPERATOR}
    for service in Service:
        rights = permissions_of(service).publish
        noted = {subject for subject in rights if subject.startswith("audit.")}
        assert noted == ({subject_filter(AuditEvent, service=service)} if service in writers else set())
        if service is not Service.OPERATOR:
            assert not any("AUDIT" in subject for subject in rights)
