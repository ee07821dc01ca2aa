"""The data directory: everything that a stack keeps, and the lock that gives it to one `natter up` at a time."""

import contextlib
import fcntl
import json
import os
import secrets
import stat
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from contracts.ids import FIRST_ASSISTANT_ID
from pydantic import BaseModel, Field

SECRET_BYTES = 32


def new_secret() -> str:
    """43 characters that are safe in a URL and in every configuration file."""
    return secrets.token_urlsafe(SECRET_BYTES)


class Secrets(BaseModel):
    """What only this stack knows, made when the data directory is."""

    better_auth_secret: str = Field(default_factory=new_secret, repr=False)
    better_auth_secrets_previous: list[str] = Field(default_factory=list, repr=False)
    """They decrypt what they have encrypted, until it is encrypted with today's."""
    chat_token_secret: str = Field(default_factory=new_secret, repr=False)
    connection_secrets: str = Field(default_factory=new_secret, repr=False)
    """Of the runners, which seal users' tokens: comma-separated, the first seals, all open."""
    principal_secret: str = Field(default_factory=new_secret, repr=False)
    web_audit_secret: str = Field(default_factory=new_secret, repr=False)
    run_token_secret: str = Field(default_factory=new_secret, repr=False)
    postgres_password: str = Field(default_factory=new_secret, repr=False)
    """Of the owner of the tables, who migrates them."""
    postgres_superuser_password: str = Field(default_factory=new_secret, repr=False)
    postgres_store_password: str = Field(default_factory=new_secret, repr=False)
    postgres_web_password: str = Field(default_factory=new_secret, repr=False)
    demo_password: str = Field(default_factory=new_secret, repr=False)
    nats_passwords: dict[str, str] = Field(default_factory=dict, repr=False)

    def nats_password(self, user: str) -> str:
        """The password of a NATS user, made on first use."""
        return self.nats_passwords.setdefault(user, new_secret())


class StackState(BaseModel):
    """What the other commands need to know of the stack that runs, or ran last, in this directory."""

    pid: int
    url: str = ""
    edge_urls: list[str] = []
    relay_urls: list[str] = []
    metrics_urls: dict[str, str] = {}
    """Of /metrics, by the process's name."""
    nats_url: str = ""
    nats_is_embedded: bool = True
    nats_replicas: int | None = 1
    """How many copies of each stream there are to be; None: as NATS_REPLICAS says."""
    database_url: str = Field(default="", repr=False)
    database_is_embedded: bool = True
    jwt_verifier: str = "hs256"
    assistants: list[str] = [FIRST_ASSISTANT_ID]
    processes: dict[str, int | None] = {}
    """Process ids by name."""


class DataDirectoryInUseError(Exception):
    """Another `natter up` runs on this data directory."""


@dataclass(frozen=True)
class DataDirectory:
    """A directory for one stack. Files with secrets are readable by their owner alone."""

    root: Path

    @classmethod
    def open(cls, root: Path) -> "DataDirectory":
        """Create the directory if need be. Raises OSError when that cannot be done."""
        root = root.expanduser().resolve()
        root.mkdir(parents=True, exist_ok=True)
        if not root.stat().st_mode & stat.S_IWOTH:
            root.chmod(0o700)
        return cls(root)

    @property
    def nats(self) -> Path:
        return self.root / "nats"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def issuer(self) -> Path:
        return self.root / "issuer"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @contextlib.contextmanager
    def lock(self) -> Generator[None]:
        """Hold the directory. The lock ends with the process, however that ends. Raises DataDirectoryInUseError."""
        with (self.root / "lock").open("a+") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError as error:
                file.seek(0)
                raise DataDirectoryInUseError(
                    f"{self.root} is in use by another `natter up` (process {file.read().strip() or '?'}): "
                    "stop that one, or give this one another --data-dir"
                ) from error
            file.truncate(0)
            file.write(str(os.getpid()))
            file.flush()
            yield

    def read_secrets(self) -> Secrets:
        """The secrets of this directory; what is missing is made, and kept once `write_secrets` is called."""
        return Secrets.model_validate(_read_json(self.root / "secrets.json"))

    def write_secrets(self, values: Secrets) -> None:
        """Keep the secrets."""
        _write_private(self.root / "secrets.json", values.model_dump_json(indent=2))

    def read_state(self) -> StackState | None:
        """The stack that runs here or ran here last, if there was one."""
        found = _read_json(self.root / "stack.json")
        return StackState.model_validate(found) if found else None

    def write_state(self, state: StackState) -> None:
        """Tell the other commands about the stack."""
        _write_private(self.root / "stack.json", state.model_dump_json(indent=2))


def _read_json(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text()) if path.exists() else {}


def _write_private(path: Path, text: str) -> None:
    """Replace a file at once, so that a reader sees the old or the new, readable by its owner alone."""
    staged = path.with_suffix(f".{os.getpid()}")
    descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    staged.replace(path)
