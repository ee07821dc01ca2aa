"""What the environment says to the command line."""

import os
from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of the command line itself; those of the services pass through to them."""

    model_config = SettingsConfigDict(env_prefix="NATTER_", frozen=True)

    test_servers: Literal["wheels", "containers"] = "wheels"

    @property
    def inherited(self) -> dict[str, str]:
        """The whole environment, for a child process."""
        return dict(os.environ)
