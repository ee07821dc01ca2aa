"""deploy/nats.conf as it is committed starts a real server, and each service enters with its own nkey."""

import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from contracts.generate.files import REPOSITORY
from contracts.services import Service
from natter.nkeys import KeyPair, new_environment, new_key_pair
from natter.servers.nats import binary
from natter.servers.ports import free_port
from natter_testing.servers import temporary_directory
from pydantic import SecretStr


@dataclass(frozen=True)
class Deployed:
    url: str
    keys: dict[Service, KeyPair]
    passwords: dict[Service, str]


@pytest.fixture(params=["nats.conf", "nats-passwords.conf"])
def deployed(request: pytest.FixtureRequest) -> Iterator[Deployed]:
    keys = new_environment()
    passwords = {service: f"secret-of-{service}" for service in Service}
    environment = {f"NATS_NKEY_{service.upper()}": pair.public for service, pair in keys.items()}
    environment |= {f"NATS_PASSWORD_{service.upper()}": password for service, password in passwords.items()}
    port, monitoring_port = free_port(), free_port()
    configuration = REPOSITORY / "deploy" / request.param
    with temporary_directory() as directory:
        command = [str(binary()), "--config", str(configuration), "--addr", "127.0.0.1", "--port", str(port)]
        command += ["--http_port", str(monitoring_port)]
        environment["NATS_STORE_DIR"] = str(Path(directory) / "jetstream")
        with (Path(directory) / "log").open("wb") as log:
            process = subprocess.Popen(command, env=os.environ | environment, stdout=log, stderr=log)
        try:
            _wait_for(Path(directory) / "log", process)
            with_keys = keys if request.param == "nats.conf" else {}
            yield Deployed(f"nats://127.0.0.1:{port}", with_keys, passwords)
        finally:
            process.terminate()
            process.wait(10)


def _wait_for(log: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 10
    while "Server is ready" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)


def settings_of(deployed: Deployed, service: Service) -> ServiceSettings:
    if deployed.keys:
        seed = SecretStr(deployed.keys[service].seed)
        return ServiceSettings(nats_url=deployed.url, nats_nkey_seed=seed)
    password = SecretStr(deployed.passwords[service])
    return ServiceSettings(nats_url=deployed.url, nats_user=str(service), nats_password=password)


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


def test_a_seed_is_not_shown_where_a_pair_is_logged() -> None:
    pair = new_key_pair()
    assert pair.seed not in repr(pair)
    assert (pair.public[0], pair.seed[:2]) == ("U", "SU")
