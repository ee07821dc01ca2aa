"""docker-compose.yml in real containers: built, started, used, scaled, killed, stopped and started again."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from natter.servers.ports import free_port
from natter_testing.servers import temporary_directory

pytestmark = pytest.mark.timeout(1500)

ROOT = Path(__file__).parents[2]
BUILD_SECONDS_MAX = 900
UP_SECONDS_MAX = 240
HEALTHY_SECONDS_MAX = 90
SERVICES = ("web", "auth_edge", "stream_relay", "agent_runner", "task_tools", "conversation_store", "nats", "postgres")


@dataclass
class Containers:
    """One Compose project of its own: its name, its .env file, and the address of its web app."""

    project: str
    env_file: Path
    url: str
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def compose(self, *arguments: str, seconds_max: float = UP_SECONDS_MAX) -> str:
        """Run `docker compose` and return what it prints. Fails the test where it fails."""
        command = ["docker", "compose", "--project-name", self.project, "--env-file", str(self.env_file), *arguments]
        started = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds_max, check=False)
        self.seconds[" ".join(arguments)] = time.monotonic() - started
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def containers(self, service: str) -> list[str]:
        """The ids of a service's running containers."""
        return self.compose("ps", "--quiet", service).split()

    def wait_until_healthy(self) -> None:
        """Wait for every container to say that it is well."""
        deadline = time.monotonic() + HEALTHY_SECONDS_MAX
        while True:
            lines = self.compose("ps", "--format", "json").splitlines()
            states = {each["Name"]: each["Health"] for each in map(json.loads, lines)}
            if set(states.values()) == {"healthy"}:
                return
            assert time.monotonic() < deadline, states
            time.sleep(1)


@dataclass(frozen=True)
class Alice:
    """A person with an account, who talks to the assistant through the web app."""

    http: httpx.Client
    user_id: str

    def say(self, message: str) -> str:
        """Send a message and read the whole stream of its answer; where nobody answers, again with the same key."""
        key = {"Idempotency-Key": os.urandom(8).hex()}
        deadline = time.monotonic() + HEALTHY_SECONDS_MAX
        while True:
            try:
                begun = self.http.post(f"/api/{self.user_id}/chat", json={"message": message}, headers=key)
                if begun.status_code == 202:
                    stream = self.http.get(begun.json()["stream_url"])
                    if "run.completed" in stream.text or stream.status_code == 204:
                        return stream.text
            except httpx.TransportError:
                pass
            assert time.monotonic() < deadline, "nobody answers"
            time.sleep(1)

    def tasks(self) -> list[str]:
        """The titles of all tasks, sorted."""
        answer = self.http.get(f"/api/{self.user_id}/tasks")
        assert answer.status_code == 200, answer.text
        return sorted(task["title"] for task in answer.json()["data"])


@pytest.fixture(scope="module")
def containers() -> Iterator[Containers]:
    with temporary_directory() as directory:
        ports = {name: free_port() for name in ("WEB_PORTS", "AUTH_EDGE_PORTS", "STREAM_RELAY_PORTS")}
        url = f"http://127.0.0.1:{ports['WEB_PORTS']}"
        text = re.sub(
            r"(?m)^(\w+)=$", lambda name: f"{name[1]}=s{os.urandom(24).hex()}", (ROOT / ".env.example").read_text()
        )
        lines = [f"BETTER_AUTH_URL={url}", *(f"{name}={port}" for name, port in ports.items())]
        env_file = directory / "env"
        env_file.write_text("\n".join([text, *lines]))
        stack = Containers(f"natter-test-{os.getpid()}", env_file, url)
        try:
            stack.compose("build", seconds_max=BUILD_SECONDS_MAX)
            stack.compose("up", "--wait")
            yield stack
        finally:
            stack.compose("down", "--volumes", "--timeout", "5")
            print(json.dumps(stack.seconds, indent=1))  # noqa: T201  the figures of a run


@pytest.fixture(scope="module")
def alice(containers: Containers) -> Iterator[Alice]:
    with httpx.Client(base_url=containers.url, headers={"Origin": containers.url}, timeout=30, trust_env=False) as http:
        account = {"email": "alice@example.com", "password": "a long password", "name": "Alice"}
        signed_up = http.post("/api/auth/sign-up/email", json=account)
        assert signed_up.status_code == 200, signed_up.text
        yield Alice(http, signed_up.json()["user"]["id"])


# One story: each test goes on where the one before it ended.


def test_a_message_through_the_web_app_is_answered_and_its_tool_is_called(alice: Alice) -> None:
    assert "run.completed" in alice.say("add a task: buy milk")
    assert alice.tasks() == ["buy milk"]


def test_every_container_is_confined(containers: Containers) -> None:
    for service in SERVICES:
        [name] = containers.containers(service)
        inspected = subprocess.run(["docker", "inspect", name], capture_output=True, check=True)
        host = json.loads(inspected.stdout)[0]["HostConfig"]
        assert host["ReadonlyRootfs"], service
        assert host["CapDrop"] == ["ALL"], service
        assert host["Memory"] > 0, service
        assert host["PidsLimit"] > 0, service
        assert "no-new-privileges:true" in host["SecurityOpt"], service


def test_a_service_is_scaled_and_one_of_it_killed(containers: Containers, alice: Alice) -> None:
    containers.compose("up", "--wait", "--no-recreate", "--scale", "agent_runner=3")
    runners = containers.containers("agent_runner")
    assert len(runners) == 3
    subprocess.run(["docker", "kill", "--signal", "KILL", runners[0]], capture_output=True, check=True)
    for number in range(4):
        alice.say(f"add a task: after the kill {number}")
    assert alice.tasks() == sorted(["buy milk", *(f"after the kill {number}" for number in range(4))])


@pytest.mark.parametrize("server", ["nats", "postgres"])
def test_a_server_that_is_restarted_loses_nothing(containers: Containers, alice: Alice, server: str) -> None:
    before = alice.tasks()
    containers.compose("restart", server)
    alice.say(f"add a task: after {server}")
    assert alice.tasks() == sorted([*before, f"after {server}"])


def test_everything_is_there_after_a_stop_and_a_start(containers: Containers, alice: Alice) -> None:
    before = alice.tasks()
    containers.compose("stop")
    containers.compose("up", "--wait")
    containers.wait_until_healthy()
    assert alice.tasks() == before
    assert "run.completed" in alice.say("list my tasks")
