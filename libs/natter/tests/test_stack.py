"""Which processes make up a stack, and what each of them is told."""

from pathlib import Path

import pytest
from contracts.services import Service
from natter.assistants import read_assistants
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


def test_replicas_have_one_address_and_each_an_operators_port_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scale = {"auth_edge": 3, "agent_runner": 2}
    asked = Options(edge_port=8000, relay_port=8001, web_port=3000, scale=scale)
    made = plan(asked, DataDirectory.open(tmp_path), Settings(), "json", tmp_path)
    names = [replica.name for replica in made.replicas]
    assert names == [
        *("conversation_store", "task_tools", "agent_runner", "agent_runner.2"),
        *("stream_relay", "auth_edge", "auth_edge.2", "auth_edge.3"),
    ]
    ports = [replica.metrics_port for replica in made.replicas]
    assert len(ports) == len(set(ports)) == 8
    assert made.urls_of(Service.AUTH_EDGE) == ["http://127.0.0.1:8000"]
    told = environments(made)
    assert [told[name]["HTTP_SHARES_PORT"] for name in ("auth_edge", "auth_edge.3", "stream_relay")] == [
        *("true", "true", "true")
    ]
    monkeypatch.setattr("natter.plan.CAN_SHARE_PORTS", False)
    elsewhere = plan(asked, DataDirectory.open(tmp_path), Settings(), "json", tmp_path)
    assert len(elsewhere.urls_of(Service.AUTH_EDGE)) == 3


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
    [server] = stack(tmp_path).nats
    users = {user["user"]: user for user in server.configuration()["authorization"]["users"]}
    assert set(users) == {str(service) for service in Service}
    assert users["stream_relay"]["permissions"]["subscribe"]["allow"]
    assert not any(subject.startswith("delta.") for subject in users["stream_relay"]["permissions"]["publish"]["allow"])


def test_a_cluster_of_nats_has_routes_that_need_a_password_and_everybody_knows_all_its_servers(tmp_path: Path) -> None:
    made = stack(tmp_path, nats_servers=3)
    assert [program.name for program in made.nats_servers] == ["nats", "nats.2", "nats.3"]
    assert len({server.directory for server in made.nats}) == 3
    for server in made.nats:
        cluster = server.configuration()["cluster"]
        assert cluster["listen"].startswith("127.0.0.1:")
        assert len(cluster["authorization"]["password"]) >= 43
        assert len(cluster["routes"]) == 3
        assert cluster["authorization"]["password"] not in made.secrets.nats_password("auth_edge")
    urls = ",".join(server.url for server in made.nats)
    told = environments(made)
    assert {told[str(service)]["NATS_URL"] for service in Service if str(service) in told} == {urls}


def test_without_being_told_the_todo_assistant_is_served(tmp_path: Path) -> None:
    told = environments(stack(tmp_path))
    assert told["agent_runner"]["AGENT_RUNNER_ASSISTANTS"] == "todo=natter_todo:assistant"
    assert told["agent_runner"]["AGENT_RUNNER_SERVES"] == "todo"
    assert told["conversation_store"]["CONVERSATION_STORE_ASSISTANTS"] == "todo"


def test_what_is_named_is_served_and_offered_and_nothing_else(tmp_path: Path) -> None:
    assistants = {"support": "/code/support.py:agent", "todo": "natter_todo:assistant"}
    told = environments(stack(tmp_path, assistants=assistants, scale={"agent_runner": 2}))
    for runner in ("agent_runner", "agent_runner.2"):
        served = "support=/code/support.py:agent,todo=natter_todo:assistant"
        assert told[runner]["AGENT_RUNNER_ASSISTANTS"] == served
        assert told[runner]["AGENT_RUNNER_SERVES"] == "support,todo"
    assert told["conversation_store"]["CONVERSATION_STORE_ASSISTANTS"] == "support,todo"


def test_an_assistant_may_have_runners_of_its_own(tmp_path: Path) -> None:
    assistants = dict.fromkeys(("support", "sales", "todo"), "a:b")
    scale = {"agent_runner.support": 2, "agent_runner.sales": 0}
    told = environments(stack(tmp_path, assistants=assistants, scale=scale))
    served = {name: one["AGENT_RUNNER_SERVES"] for name, one in told.items() if name.startswith("agent_runner")}
    assert served == {"agent_runner": "todo", "agent_runner.support": "support", "agent_runner.support.2": "support"}
    each = {f"agent_runner.{name}": 1 for name in assistants}
    told = environments(stack(tmp_path, assistants=assistants, scale=each))
    assert {name for name in told if name.startswith("agent_runner")} == each.keys()


def test_the_environment_may_name_the_assistants(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AGENT_RUNNER_ASSISTANTS", "a=pack.a:agent b=pack.b:agent")
    assert list(stack(tmp_path).assistants_offered) == ["a", "b"]
    monkeypatch.setenv("CONVERSATION_STORE_ASSISTANTS", "b")
    assert list(stack(tmp_path).assistants_offered) == ["b"]
    assert list(stack(tmp_path, assistants={"c": "d:e"}).assistants_offered) == ["c"]


def test_the_file_of_an_assistant_is_found_from_where_one_stands(tmp_path: Path) -> None:
    entries = ["support=./desk/support.py:agent", "other=pack.age:thing", "third=/abs/one.py:agent"]
    assert read_assistants(entries, tmp_path) == {
        "support": f"{tmp_path.resolve()}/desk/support.py:agent",
        "other": "pack.age:thing",
        "third": "/abs/one.py:agent",
    }


@pytest.mark.parametrize(
    ("entries", "said"),
    [
        (["support"], "ID=path/to/file.py:attribute"),
        (["support="], "ID=path/to/file.py:attribute"),
        (["Support=a:b"], "small letter"),
        (["a.b=a:b"], "small letter"),
        (["a=b:c", "a=d:e"], "twice"),
        (["a=./with blank/x.py:agent"], "no blank"),
    ],
)
def test_what_names_no_assistant_is_refused_with_how_to_write_it(entries: list[str], said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=said):
        read_assistants(entries, tmp_path)
