"""What the environment says to the tests."""

import os
import secrets
from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of the tests, NATTER_TEST_…."""

    model_config = SettingsConfigDict(env_prefix="NATTER_TEST_", frozen=True, extra="ignore")

    servers: Literal["wheels", "containers"] = "wheels"

    @staticmethod
    def provide_secrets() -> None:
        """The secrets that services share, for those in this process and for its children."""
        os.environ.setdefault("PRINCIPAL_SECRET", secrets.token_hex(32))
        os.environ.setdefault("RUN_TOKEN_SECRET", secrets.token_hex(32))

    @property
    def shared_secrets(self) -> dict[str, str]:
        """The same, for a child with an environment of its own."""
        self.provide_secrets()
        return {name: os.environ[name] for name in ("PRINCIPAL_SECRET", "RUN_TOKEN_SECRET")}

    @property
    def inherited(self) -> dict[str, str]:
        """The whole environment, for a child process."""
        return dict(os.environ)
