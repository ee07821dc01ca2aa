"""What the environment says to the tests."""

import os
from typing import Literal

from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Settings of the tests, NATTER_TEST_…."""

    model_config = SettingsConfigDict(env_prefix="NATTER_TEST_", frozen=True, extra="ignore")

    servers: Literal["wheels", "containers"] = "wheels"

    @property
    def inherited(self) -> dict[str, str]:
        """The whole environment, for a child process."""
        return dict(os.environ)
