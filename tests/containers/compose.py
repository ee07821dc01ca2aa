"""One Compose project of docker-compose.yml with a .env of its own, and what is done to it."""

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from natter.servers.ports import free_port
from natter_testing.servers import temporary_directory

ROOT = Path(__file__).parents[2]
BUILD_SECONDS_MAX = 900
UP_SECONDS_MAX = 240
HEALTHY_SECONDS_MAX = 90


@dataclass
class Containers:
    """The project: its name, its .env file, and the address of its web app."""

    project: str
    env_file: Path
    url: str
    files: tuple[str, ...] = ("docker-compose.yml",)
    seconds: dict[str, float] = field(default_factory=dict[str, float])

    def run(self, *arguments: str, seconds_max: float = UP_SECONDS_MAX) -> subprocess.CompletedProcess[str]:
        """Run `docker compose`, and note how long it took."""
        files = [word for file in self.files for word in ("--file", file)]
        command = ["docker", "compose", *files, "--project-name", self.project]
        command += ["--env-file", str(self.env_file), *arguments]
        started = time.monotonic()
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=seconds_max, check=False)
        self.seconds[" ".join(arguments[:4])] = round(time.monotonic() - started, 1)
        return done

    def compose(self, *arguments: str, seconds_max: float = UP_SECONDS_MAX) -> str:
        """Run `docker compose` and return what it prints. Fails the test where it fails."""
        done = self.run(*arguments, seconds_max=seconds_max)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done.stdout

    def kill(self, service: str) -> None:
        """End one container of a service as a crash of it would. It stays away until it is started."""
        command = ["docker", "kill", "--signal", "KILL", self.containers(service)[0]]
        subprocess.run(command, capture_output=True, check=True)

    def containers(self, service: str) -> list[str]:
        """The ids of a service's running containers."""
        return self.compose("ps", "--quiet", service).split()

    def inspected(self, service: str) -> dict[str, Any]:
        """What the engine knows of a service's one container."""
        [container] = self.containers(service)
        done = subprocess.run(["docker", "inspect", container], capture_output=True, check=True)
        return json.loads(done.stdout)[0]

    def address_of_the_web_app(self) -> str:
        """The container's own address: what is behind it is the app, not Docker's proxy of the published port."""
        [network] = self.inspected("web")["NetworkSettings"]["Networks"].values()
        return f"http://{network['IPAddress']}:3000"

    def wait_until_healthy(self) -> None:
        """Wait for every container to say that it is well."""
        deadline = time.monotonic() + HEALTHY_SECONDS_MAX
        while True:
            lines = self.compose("ps", "--format", "json").splitlines()
            states = {each["Name"]: each["Health"] for each in map(json.loads, lines)}
            if set(states.values()) == {"healthy"}:
                return
            assert time.monotonic() < deadline, states
            time.sleep(0.5)


@contextmanager
def built_and_up(*more_files: str) -> Iterator[Containers]:
    """A project that is built and up, on free ports; prints how long each command took. Nothing of it is left."""
    with temporary_directory() as directory:
        ports = {name: free_port() for name in ("WEB_PORTS", "AUTH_EDGE_PORTS", "STREAM_RELAY_PORTS")}
        url = f"http://127.0.0.1:{ports['WEB_PORTS']}"
        text = re.sub(
            r"(?m)^(\w+)=$", lambda name: f"{name[1]}=s{os.urandom(24).hex()}", (ROOT / ".env.example").read_text()
        )
        lines = [f"BETTER_AUTH_URL={url}", *(f"{name}={port}" for name, port in ports.items())]
        env_file = directory / "env"
        env_file.write_text("\n".join([text, *lines]))
        files = ("docker-compose.yml", *more_files)
        stack = Containers(f"natter-test-{os.getpid()}-{len(files)}", env_file, url, files)
        try:
            stack.compose("build", seconds_max=BUILD_SECONDS_MAX)
            stack.compose("up", "--wait")
            yield stack
        finally:
            stack.compose("down", "--volumes", "--timeout", "5")
            print(json.dumps(stack.seconds, indent=1))  # noqa: T201  the figures of a run
