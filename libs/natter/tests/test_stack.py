"""Which processes make up a stack, and what each of them is told."""

from pathlib import Path

import pytest
from contracts.services import Service
from natter.data_directory import DataDirectory
from natter.plan import plan
from natter.settings import Settings
from natter.stack import Options, Stack


def stack(folder: Path, **options: object) -> Stack:
    asked = Options(edge_port=0, relay_port=0, web_port=0, **options)  # pyright: ignore[reportArgumentType]
    return plan(asked, DataDirectory.open(folder), Settings(), "json", folder / "web")


def environments(made: Stack) -> dict[str, dict[str, str]]:
    return {program.name: dict(program.environment) for program in [*made.services, *made.web]}


def test_with_the_web_app_tokens_are_signed_by_its_key_or_the_local_one(tmp_path: Path) -> None:
    made = stack(tmp_path)
    told = environments(made)
    for service in ("auth_edge", "stream_relay"):
        assert told[service]["JWT_VERIFIER"] == "jwks"
        assert told[service]["JWT_ALGORITHMS"] == "EdDSA"
        local, of_the_web = told[service]["JWT_JWKS_URL"].split(",")
        assert local.startswith("file:///")
        assert of_the_web == f"{made.web_url}/api/auth/jwks"
        assert "BETTER_AUTH_SECRET" not in told[service]
    assert told["auth_edge"]["PUBLIC_STREAM_URL"] == ""
    assert told["web"]["AUTH_EDGE_URL"] == made.replicas_of(Service.AUTH_EDGE)[0].url
    assert made.url == made.web_url


def test_without_it_they_are_signed_with_the_shared_secret_and_streams_are_on_the_relay(tmp_path: Path) -> None:
    made = stack(tmp_path, with_web=False)
    told = environments(made)
    assert "web" not in told
    for service in ("auth_edge", "stream_relay"):
        assert told[service]["JWT_VERIFIER"] == "hs256"
        assert told[service]["BETTER_AUTH_SECRET"] == made.secrets.better_auth_secret
        assert "JWT_JWKS_URL" not in told[service]
    relay = made.replicas_of(Service.STREAM_RELAY)[0].url
    assert told["auth_edge"]["PUBLIC_STREAM_URL"] == relay
    assert made.url == made.replicas_of(Service.AUTH_EDGE)[0].url


def test_replicas_have_ports_of_their_own(tmp_path: Path) -> None:
    scale = {"auth_edge": 3, "agent_runner": 2}
    asked = Options(edge_port=8000, relay_port=8001, web_port=3000, scale=scale)
    made = plan(asked, DataDirectory.open(tmp_path), Settings(), "json", tmp_path)
    names = [replica.name for replica in made.replicas]
    assert names == [
        *("conversation_store", "task_tools", "agent_runner", "agent_runner.2"),
        *("stream_relay", "auth_edge", "auth_edge.2", "auth_edge.3"),
    ]
    assert made.replicas_of(Service.AUTH_EDGE)[0].http_port == 8000
    ports = [port for replica in made.replicas for port in (replica.http_port, replica.metrics_port) if port]
    assert len(ports) == len(set(ports)) == 8 + 5


def test_secrets_are_made_once_and_a_given_one_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = stack(tmp_path).secrets, stack(tmp_path).secrets
    assert first == second
    values = [first.better_auth_secret, first.chat_token_secret, first.run_token_secret, first.postgres_password]
    assert len({*values, *first.nats_passwords.values()}) == 4 + len(Service)
    assert all(len(value) >= 43 for value in values)
    monkeypatch.setenv("BETTER_AUTH_SECRET", "g" * 40)
    assert stack(tmp_path).secrets.better_auth_secret == "g" * 40
    monkeypatch.delenv("BETTER_AUTH_SECRET")
    assert stack(tmp_path).secrets.better_auth_secret == "g" * 40
    assert stack(tmp_path).secrets.better_auth_secrets_previous == [first.better_auth_secret]


def test_the_embedded_nats_lets_each_user_do_its_own_alone(tmp_path: Path) -> None:
    made = stack(tmp_path)
    assert made.nats is not None
    users = {user["user"]: user for user in made.nats.configuration()["authorization"]["users"]}
    assert set(users) == {str(service) for service in Service}
    assert users["stream_relay"]["permissions"]["subscribe"]["allow"]
    assert not any(subject.startswith("delta.") for subject in users["stream_relay"]["permissions"]["publish"]["allow"])
