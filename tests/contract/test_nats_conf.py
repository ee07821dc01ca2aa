"""deploy/nats.conf as it is committed starts a real server, and each service enters with its own nkey."""

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import yaml
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from contracts.generate.files import REPOSITORY
from contracts.services import Service
from natter.nkeys import KeyPair, new_environment, new_key_pair
from natter.servers.nats import Nats, binary
from natter.servers.ports import free_port
from natter_testing.servers import temporary_directory
from pydantic import SecretStr

REFUSED_SECONDS = 2.0


@dataclass
class Deployed:
    """A server of one of the two files, whose data outlives a restart."""

    configuration: Path
    directory: Path
    keys: dict[Service, KeyPair] = field(default_factory=new_environment)
    passwords: dict[Service, str] = field(default_factory=lambda: {each: f"secret-of-{each}" for each in Service})
    port: int = field(default_factory=free_port)
    monitoring_port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def has_keys(self) -> bool:
        return self.configuration.name == "nats.conf"

    def start(self) -> None:
        environment = {f"NATS_NKEY_{service.upper()}": pair.public for service, pair in self.keys.items()}
        environment |= {f"NATS_PASSWORD_{service.upper()}": password for service, password in self.passwords.items()}
        environment["NATS_STORE_DIR"] = str(self.directory / "jetstream")
        command = [str(binary()), "--config", str(self.configuration), "--addr", "127.0.0.1", "--port", str(self.port)]
        command += ["--http_port", str(self.monitoring_port)]
        with (self.directory / "log").open("wb") as log:
            self.process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
        _wait_for(self.directory / "log", self.process)

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(10)


@pytest.fixture(params=["nats.conf", "nats-passwords.conf"])
def deployed(request: pytest.FixtureRequest) -> Iterator[Deployed]:
    with temporary_directory() as directory:
        server = Deployed(REPOSITORY / "deploy" / request.param, Path(directory))
        try:
            server.start()
            yield server
        finally:
            server.stop()


def _wait_for(log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while "Server is ready" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def settings_of(deployed: Deployed, service: Service) -> ServiceSettings:
    url = f"nats://127.0.0.1:{deployed.port}"
    if deployed.has_keys:
        return ServiceSettings(nats_url=url, nats_nkey_seed=SecretStr(deployed.keys[service].seed))
    password = SecretStr(deployed.passwords[service])
    return ServiceSettings(nats_url=url, nats_user=str(service), nats_password=password)


async def test_every_service_enters_and_does_its_own_work(deployed: Deployed) -> None:
    async with Bus.open(settings_of(deployed, Service.OPERATOR), service=Service.OPERATOR) as operator:
        assert await provision(operator) == []
    for service in set(Service) - {Service.OPERATOR}:
        async with Bus.open(settings_of(deployed, service), service=service) as bus:
            await bus.flush()
    runner = settings_of(deployed, Service.AGENT_RUNNER)
    async with Bus.open(runner, service=Service.AGENT_RUNNER) as bus:
        ack = await bus.publish_stored("delta.dXNlcg.conv_1.run_1", b"{}")
        messages, _ = await bus.direct_get("DELTAS", "delta.dXNlcg.>")
    assert [message.sequence for message in messages] == [ack.sequence]


async def test_one_service_s_credential_is_changed_while_the_others_run(deployed: Deployed) -> None:
    """As the runbook says: the new one to the server, which is restarted, and then to the service."""
    relay, runner = Service.STREAM_RELAY, Service.AGENT_RUNNER
    async with Bus.open(settings_of(deployed, Service.OPERATOR), service=Service.OPERATOR) as operator:
        await provision(operator)
    before = settings_of(deployed, runner)
    async with Bus.open(settings_of(deployed, relay), service=relay) as viewer:
        async with Bus.open(before, service=runner) as bus:
            ack = await bus.publish_stored("delta.dXNlcg.conv_1.run_1", b"{}")
        deployed.stop()
        deployed.keys[runner], deployed.passwords[runner] = new_key_pair(), "another-secret"
        deployed.start()
        with pytest.raises(TimeoutError):  # a service goes on trying
            await asyncio.wait_for(Bus.connect(before, service=runner), REFUSED_SECONDS)
        async with Bus.open(settings_of(deployed, runner), service=runner) as bus:
            assert (await bus.publish_stored("delta.dXNlcg.conv_1.run_1", b"{}")).sequence == ack.sequence + 1
        async with asyncio.timeout(10):
            while not viewer.is_connected:
                await asyncio.sleep(0.05)
        messages, _ = await viewer.direct_get("DELTAS", "delta.dXNlcg.>")
    assert [message.sequence for message in messages] == [ack.sequence, ack.sequence + 1]


def test_a_seed_is_not_shown_where_a_pair_is_logged() -> None:
    pair = new_key_pair()
    assert pair.seed not in repr(pair)
    assert (pair.public[0], pair.seed[:2]) == ("U", "SU")


def test_the_monitor_of_every_configuration_is_for_this_machine_alone(tmp_path: Path) -> None:
    """It shows every connection and subject without a password."""
    for name in ("nats.conf", "nats-passwords.conf"):
        text = (REPOSITORY / "deploy" / name).read_text()
        assert "http: 127.0.0.1:8222" in text
        assert "0.0.0.0:8222" not in text
    embedded = Nats(tmp_path, 4222, 8222)
    embedded.initialise()
    assert json.loads(embedded.configuration_file.read_text())["http"] == "127.0.0.1:8222"
    compose = yaml.safe_load((REPOSITORY / "docker-compose.yml").read_text())
    assert "ports" not in compose["services"]["nats"]
