"""What the environment says about the support desk."""

import tempfile
from pathlib import Path

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """Read once, when the assistant is loaded."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True)

    refunds_file: Path = Field(
        default_factory=lambda: Path(tempfile.gettempdir()) / "natter_support.sqlite",
        validation_alias="SUPPORT_REFUNDS_FILE",
    )
    """Where refunds are written down: a file of SQLite, one for all runners of this machine."""
