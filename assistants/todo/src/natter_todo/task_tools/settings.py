"""What the environment says about the task tools server."""

from actor_kit.settings import ServiceSettings
from pydantic import Field
from pydantic_settings import SettingsConfigDict


class Settings(ServiceSettings):
    """Over HTTP every call brings the token of its run, which the store judges.

    Over stdio whoever starts the process names the user, and has PRINCIPAL_SECRET, which the store believes.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True, hide_input_in_errors=True
    )

    http_host: str = Field("127.0.0.1", validation_alias="HTTP_HOST")
    http_port: int = Field(8010, ge=0, le=65535, validation_alias="HTTP_PORT")
    http_shares_port: bool = Field(False, validation_alias="HTTP_SHARES_PORT")
    hosts_allowed: str = Field("", validation_alias="TASK_TOOLS_HOSTS_ALLOWED")
    """Host header values beside loopback, comma-separated; against DNS rebinding. ``*`` allows any."""
    user_id: str | None = Field(None, min_length=1, max_length=255, validation_alias="TASK_TOOLS_USER_ID")
    """The user over stdio. With PRINCIPAL_SECRET the process may act for any user: its starter is trusted."""
