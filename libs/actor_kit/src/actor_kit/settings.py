"""The settings that every service shares; a service's own `Settings` inherits them."""

from typing import Annotated, Final, Literal, Self

from contracts.assistants import ASSISTANTS_MAX
from contracts.ids import FIRST_ASSISTANT_ID, AssistantId
from contracts.streams import AUDIT, DAY_SECONDS, FILES, RUNS_MAILBOX
from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

HTTP_URL_SCHEMES: Final = ("https://", "http://")


def split(text: str) -> list[str]:
    """The parts of a comma-separated list, without blanks; of an address without a slash at its end."""
    return [part.strip().rstrip("/") for part in text.split(",") if part.strip()]


def _check_origins(text: str) -> str:
    for origin in split(text):
        if not origin.startswith(HTTP_URL_SCHEMES) or origin.count("/") != 2 or "*" in origin:
            raise ValueError("each origin is scheme://host[:port], without a wildcard")
    return text


Origins = Annotated[str, AfterValidator(_check_origins)]
"""Web origins, comma-separated, without wildcards; see `split`."""


SECRET_BYTES_MIN: Final = 32
"""RFC 7518, 3.2: an HS256 key has at least the size of the hash."""


def _require_length(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < SECRET_BYTES_MIN:
        raise ValueError(f"the secret must have at least {SECRET_BYTES_MIN} bytes")
    return secret


SigningSecret = Annotated[SecretStr, AfterValidator(_require_length)]


class ServiceSettings(BaseSettings):
    """Where the bus is and how to enter it, how to log, and where operators look. Read from the environment."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    nats_url: str = Field(default="nats://127.0.0.1:4222", description="NATS servers, comma-separated.")
    nats_user: str | None = Field(default=None, description="NATS user; the service's name by convention.")
    nats_password: SecretStr | None = Field(default=None, description="Password of the NATS user.")
    nats_nkey_seed: SecretStr | None = Field(default=None, description="Seed of an nkey, instead of user and password.")
    principal_secret: SigningSecret | None = Field(
        default=None, description="Proves to the store for which verified user a request is."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="Lowest level logged.")
    log_format: Literal["json", "console"] = Field(default="json", description="One JSON object a line, or for people.")
    log_colour: bool | None = Field(
        default=None, description="Colours in lines for people; by default where they go to a terminal."
    )
    metrics_host: str = Field(default="127.0.0.1", description="Address of the operators' port.")
    metrics_port: int = Field(default=0, ge=0, le=65535, description="/metrics, /healthz, /readyz; 0 turns it off.")
    metrics_token: SecretStr | None = Field(default=None, description="With it, /metrics needs it as a bearer token.")
    metrics_hosts_allowed: str = Field(
        default="",
        description="Host header values of the operators' port beside loopback, comma-separated; empty: none where it"
        " is on loopback, any elsewhere.",
    )
    otel_exporter_otlp_endpoint: str = Field(default="", description="Send traces there (OTLP over HTTP); empty: none.")
    otel_exporter_otlp_traces_endpoint: str = Field(default="", description="The same, for traces alone.")
    otel_sdk_disabled: bool = Field(default=False, description="Send no traces, whatever else is set.")
    drain_timeout_seconds: float = Field(default=8.0, gt=0, description="How long work may finish after SIGTERM.")
    loop_stall_seconds_max: float = Field(
        default=20.0,
        ge=0,
        description="A process whose event loop stands still this long logs its stacks and ends; 0: never.",
    )

    @property
    def otlp_endpoint(self) -> str:
        return self.otel_exporter_otlp_traces_endpoint or self.otel_exporter_otlp_endpoint


def split_names(value: object) -> object:
    """The names in a text, separated by commas or blanks; anything else as it is."""
    return tuple(value.replace(",", " ").split()) if isinstance(value, str) else value


def _check_once_each(ids: tuple[str, ...]) -> tuple[str, ...]:
    if len(set(ids)) < len(ids):
        raise ValueError("names an assistant twice")
    return ids


AssistantIds = Annotated[
    tuple[AssistantId, ...],
    NoDecode,
    BeforeValidator(split_names),
    AfterValidator(_check_once_each),
    Field(max_length=ASSISTANTS_MAX),
]
"""Ids of assistants, separated by commas or blanks, each once."""


class AssistantSettings(BaseSettings):
    """Which assistants are offered. The store and provisioning read it: each assistant has a queue of its own."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True)

    assistants: Annotated[AssistantIds, Field(min_length=1)] = Field(
        default=(FIRST_ASSISTANT_ID,),
        validation_alias="CONVERSATION_STORE_ASSISTANTS",
        description="Assistants that people may write to, separated by commas; the first is the default.",
    )


class ProvingSettings(ServiceSettings):
    """Of a service that speaks for users, or is asked: the edge, the relay and the store share PRINCIPAL_SECRET."""

    @model_validator(mode="after")
    def _has_principal_secret(self) -> Self:
        if self.principal_secret is None:
            raise ValueError("PRINCIPAL_SECRET is required")
        return self


class LeaseSettings(BaseSettings):
    """One figure for two: a run's lease, and how long its queue waits for an ack. Runners and provisioning read it."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    lease_seconds: float = Field(
        default=RUNS_MAILBOX.ack_wait_seconds,
        ge=1,
        le=600,
        validation_alias="AGENT_RUNNER_LEASE_SECONDS",
        description="How long a claim on a run holds without being renewed, and a delivery of RUNS without an ack.",
    )


class StreamSettings(BaseSettings):
    """How often NATS keeps what it stores, and how long what is to be looked up later. Provisioning reads it."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True)

    nats_replicas: int = Field(
        default=1,
        ge=1,
        le=5,
        description="Servers of a NATS cluster that keep each stream: 3 of three outlive the loss of one.",
    )
    nats_files_bytes_max: int = Field(
        default=FILES.max_bytes, ge=1, description="What the object store of NATS may hold of attachments, in bytes."
    )
    audit_retention_days: float = Field(
        default=AUDIT.max_age_seconds / DAY_SECONDS, gt=0, le=36_500, description="How long AUDIT keeps its events."
    )
