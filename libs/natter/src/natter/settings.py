"""What the environment says to the command line."""

import os
from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict

PRIVATE = (
    "AGENT_RUNNER_CONNECTION_SECRETS",
    "BETTER_AUTH_SECRET",
    "BETTER_AUTH_SECRETS_PREVIOUS",
    "CHAT_TOKEN_SECRET",
    "DATABASE_DIRECT_URL",
    "DATABASE_URL",
    "NATS_PASSWORD",
    "NATS_URL",
    "NATS_USER",
    "NATS_NKEY_SEED",
    "OPENAI_API_KEY",
    "PRINCIPAL_SECRET",
    "RUN_TOKEN_SECRET",
)
"""Variables that only those services get for which they are meant."""


class Settings(BaseSettings):
    """Settings of the command line itself, NATTER_…; those of the services pass through to them."""

    model_config = SettingsConfigDict(env_prefix="NATTER_", frozen=True, extra="ignore")

    data_dir: Path = Path(".natter")
    web_dir: Path | None = None

    @property
    def inherited(self) -> dict[str, str]:
        """The whole environment, for a child process."""
        return dict(os.environ)

    @property
    def shared(self) -> dict[str, str]:
        """The environment for every service: without what is meant for one of them."""
        return {name: value for name, value in os.environ.items() if name not in PRIVATE}

    def given(self, *names: str) -> dict[str, str]:
        """Those of the named variables that are set and not empty."""
        return {name: os.environ[name] for name in names if os.environ.get(name)}
