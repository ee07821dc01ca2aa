"""What the environment says about the task tools server."""

from actor_kit.settings import ServiceSettings
from identity.secret import HmacSecret
from pydantic import Field
from pydantic_settings import SettingsConfigDict


class Settings(ServiceSettings):
    """Over HTTP every request proves its user with a run token; over stdio whoever starts the process names one."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True, hide_input_in_errors=True
    )

    http_host: str = Field("127.0.0.1", validation_alias="HTTP_HOST")
    http_port: int = Field(8010, ge=0, le=65535, validation_alias="HTTP_PORT")
    hosts_allowed: str = Field("", validation_alias="TASK_TOOLS_HOSTS_ALLOWED")
    """Host header values beside loopback, comma-separated; against DNS rebinding. ``*`` allows any."""
    run_token_secret: HmacSecret | None = Field(None, validation_alias="RUN_TOKEN_SECRET")
    user_id: str | None = Field(None, min_length=1, max_length=255, validation_alias="TASK_TOOLS_USER_ID")
    """The user over stdio. The process holds NATS credentials that may act for any user: its starter is trusted."""
