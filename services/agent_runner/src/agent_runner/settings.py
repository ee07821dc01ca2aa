"""What the environment says about the runner: models, bounds, tool servers."""

import json
import os
import re
import socket
from functools import cached_property
from pathlib import Path
from typing import Literal, Self

import uuid_utils
from actor_kit.settings import LeaseSettings, ServiceSettings
from file_store import FileStoreSettings
from natterkit import McpServer
from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import SettingsConfigDict

from agent_runner.providers import (
    PROVIDERS_VARIABLE,
    ModelConfig,
    ModelOptions,
    ProviderConfig,
    ReasoningConfig,
    read_providers,
)

DEMO_MODEL = "demo"
DEFAULT_OPENAI_MODEL = "gpt-5-mini"
CONNECTION_SECRET_CHARACTERS_MIN = 32
ASSISTANT_ID = r"[a-z][a-z0-9_]{0,31}"
DEFAULT_ASSISTANTS = "todo=natter_todo:assistant"


class OperatorsMcpServer(McpServer):
    """An MCP server that the operator adds: to these assistants, or to the first one where none is named."""

    assistants: frozenset[str] = frozenset()


class Settings(LeaseSettings, ServiceSettings, FileStoreSettings):
    """Read once at start; every bound has its unit in its name."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True, hide_input_in_errors=True
    )

    runner_id: str = Field(
        default_factory=lambda: f"{socket.gethostname()[:31]}-{uuid_utils.uuid7().hex[-12:]}".replace(".", "-"),
        pattern=r"^[A-Za-z0-9_-]{1,64}$",
        validation_alias="AGENT_RUNNER_ID",
    )
    slots: int = Field(1_500, ge=1, le=10_000, validation_alias="AGENT_RUNNER_SLOTS")
    memory_mib_max: int = Field(1_024, ge=64, validation_alias="AGENT_RUNNER_MEMORY_MIB_MAX")
    lease_renewal_seconds: float = Field(2, gt=0, le=60, validation_alias="AGENT_RUNNER_LEASE_RENEWAL_SECONDS")

    # the assistants
    assistants: str = Field(DEFAULT_ASSISTANTS, validation_alias="AGENT_RUNNER_ASSISTANTS")
    serves: str = Field("", validation_alias="AGENT_RUNNER_SERVES")

    # the model
    openai_api_key: SecretStr | None = Field(None, validation_alias="OPENAI_API_KEY")
    openai_base_url: str | None = Field(None, validation_alias="OPENAI_BASE_URL")
    model: str | None = Field(None, max_length=100, validation_alias="AGENT_RUNNER_MODEL")
    model_api: Literal["responses", "chat_completions"] = Field("responses", validation_alias="AGENT_RUNNER_MODEL_API")
    model_providers: str = Field("", validation_alias=PROVIDERS_VARIABLE)
    helper_model: str | None = Field(None, max_length=100, validation_alias="AGENT_RUNNER_HELPER_MODEL")
    models_allowed: str = Field("", validation_alias="AGENT_RUNNER_MODELS_ALLOWED")
    model_reasoning: dict[str, ReasoningConfig] = Field(
        default_factory=dict, validation_alias="AGENT_RUNNER_MODEL_REASONING"
    )
    model_first_token_seconds_max: float = Field(60, gt=0, validation_alias="AGENT_RUNNER_FIRST_TOKEN_SECONDS_MAX")
    model_next_token_seconds_max: float = Field(30, gt=0, validation_alias="AGENT_RUNNER_NEXT_TOKEN_SECONDS_MAX")
    model_attempts_max: int = Field(4, ge=1, le=10, validation_alias="AGENT_RUNNER_MODEL_ATTEMPTS_MAX")
    model_retry_seconds_max: float = Field(20, ge=0, validation_alias="AGENT_RUNNER_MODEL_RETRY_SECONDS_MAX")
    demo_word_delay_ms: float = Field(20, ge=0, le=10_000, validation_alias="AGENT_RUNNER_DEMO_WORD_DELAY_MS")

    # bounds of a run
    run_seconds_max: float = Field(600, gt=0, validation_alias="AGENT_RUNNER_RUN_SECONDS_MAX")
    run_turns_max: int = Field(16, ge=1, le=200, validation_alias="AGENT_RUNNER_RUN_TURNS_MAX")
    run_tokens_max: int = Field(400_000, ge=1, validation_alias="AGENT_RUNNER_RUN_TOKENS_MAX")

    # what the model sees of the conversation
    session: Literal["store", "openai"] = Field("store", validation_alias="AGENT_RUNNER_SESSION")
    history_messages_max: int = Field(15, ge=0, le=1_000, validation_alias="AGENT_RUNNER_HISTORY_MESSAGES_MAX")
    history_tokens_max: int = Field(32_000, ge=100, validation_alias="AGENT_RUNNER_HISTORY_TOKENS_MAX")

    # tools
    mcp_servers: str = Field("", validation_alias="AGENT_RUNNER_MCP_SERVERS")
    mcp_private_addresses: Literal["allow", "refuse"] = Field(
        "allow", validation_alias="AGENT_RUNNER_MCP_PRIVATE_ADDRESSES"
    )
    tools_refresh_seconds: float = Field(300, gt=0, validation_alias="AGENT_RUNNER_TOOLS_REFRESH_SECONDS")
    tools_wait_seconds_max: float = Field(10, ge=0, le=60, validation_alias="AGENT_RUNNER_TOOLS_WAIT_SECONDS_MAX")
    tool_output_characters_max: int = Field(20_000, ge=100, validation_alias="AGENT_RUNNER_TOOL_OUTPUT_CHARACTERS_MAX")
    tool_image_bytes_max: int = Field(
        8_388_608, ge=0, le=33_554_432, validation_alias="AGENT_RUNNER_TOOL_IMAGE_BYTES_MAX"
    )
    model_sees_images: bool = Field(True, validation_alias="AGENT_RUNNER_MODEL_SEES_IMAGES")

    public_url: str = Field("http://127.0.0.1:3000", pattern=r"^https?://", validation_alias="AGENT_RUNNER_PUBLIC_URL")
    """Where browsers reach the web app: links to consent pages lead there, and authorization servers lead back."""
    connection_secrets: SecretStr | None = Field(None, validation_alias="AGENT_RUNNER_CONNECTION_SECRETS")
    consent_seconds_max: int = Field(3_600, ge=1, le=604_800, validation_alias="AGENT_RUNNER_CONSENT_SECONDS_MAX")

    # ends of runs, told to addresses of users
    webhook_private_addresses: Literal["allow", "refuse"] = Field(
        "refuse", validation_alias="AGENT_RUNNER_WEBHOOK_PRIVATE_ADDRESSES"
    )
    webhook_pause_seconds_first: float = Field(5, gt=0, le=600, validation_alias="AGENT_RUNNER_WEBHOOK_PAUSE_SECONDS")

    test_crash_directory: Path | None = Field(None, validation_alias="AGENT_RUNNER_TEST_CRASH_DIRECTORY")
    """For fault tests only: where a file named after a crash point makes the next runner that reaches it die."""

    @model_validator(mode="after")
    def _renews_in_time(self) -> Self:
        if self.lease_renewal_seconds > self.lease_seconds / 2:
            raise ValueError("AGENT_RUNNER_LEASE_RENEWAL_SECONDS is more than half of AGENT_RUNNER_LEASE_SECONDS")
        return self

    @model_validator(mode="after")
    def _can_name_its_assistants(self) -> Self:
        try:
            self.assistants_served()
        except ValueError as error:
            raise ValueError(f"AGENT_RUNNER_ASSISTANTS: {error}") from error
        return self

    @model_validator(mode="after")
    def _can_name_its_models(self) -> Self:
        listed = {model.id for provider in self.providers for model in provider.models}
        named = {
            "AGENT_RUNNER_MODEL": {self.model} - {None, DEMO_MODEL},
            "AGENT_RUNNER_HELPER_MODEL": {self.helper_model} - {None},
            "AGENT_RUNNER_MODELS_ALLOWED": _names(self.models_allowed),
        }
        for variable, names in named.items():
            unknown = sorted(str(name) for name in names - listed)
            if self.model_providers and unknown:
                raise ValueError(f"{variable}: {PROVIDERS_VARIABLE} lists no model “{unknown[0]}”")
        return self

    @model_validator(mode="after")
    def _can_name_its_servers(self) -> Self:
        try:
            self.mcp_server_configs()
        except (ValidationError, TypeError) as error:
            raise ValueError(f"AGENT_RUNNER_MCP_SERVERS holds no list of MCP servers: {_reason(error)}") from error
        except OSError as error:
            raise ValueError(f"AGENT_RUNNER_MCP_SERVERS names a file that cannot be read: {error.strerror}") from error
        except ValueError as error:
            raise ValueError(f"AGENT_RUNNER_MCP_SERVERS: {error}") from error
        return self

    @model_validator(mode="after")
    def _can_seal_tokens(self) -> Self:
        secrets = self.connection_secret_list
        if any(len(secret) < CONNECTION_SECRET_CHARACTERS_MIN for secret in secrets):
            raise ValueError(
                f"AGENT_RUNNER_CONNECTION_SECRETS: each has at least {CONNECTION_SECRET_CHARACTERS_MIN} characters"
            )
        needing = [config.name for config in self.mcp_server_configs() if config.oauth is not None]
        if needing and not secrets:
            raise ValueError(f"AGENT_RUNNER_CONNECTION_SECRETS is missing: the MCP server {needing[0]} has oauth")
        return self

    @property
    def connection_secret_list(self) -> tuple[str, ...]:
        """The secrets that seal users' tokens: the first seals, all open."""
        text = self.connection_secrets.get_secret_value() if self.connection_secrets else ""
        return tuple(secret.strip() for secret in text.split(",") if secret.strip())

    @cached_property
    def providers(self) -> tuple[ProviderConfig, ...]:
        """What AGENT_RUNNER_MODEL_PROVIDERS lists; without it the one that OPENAI_API_KEY and OPENAI_BASE_URL name, or
        none. Raises ValueError.
        """
        if self.model_providers:
            return read_providers(self.model_providers, os.environ)
        if self.openai_api_key is None and self.openai_base_url is None:
            return ()
        default = self.model if self.model not in (None, DEMO_MODEL) else DEFAULT_OPENAI_MODEL
        names = dict.fromkeys([str(default), *sorted(_names(self.models_allowed))])
        return (
            ProviderConfig(
                name="openai",
                base_url=self.openai_base_url,
                api=self.model_api,
                models=tuple(self._model_config(name) for name in names),
                takes_any_model=True,
                key=self.openai_api_key,
            ),
        )

    def _model_config(self, name: str) -> ModelConfig:
        """Any name: unlike in the list of providers, no id can be given in its place."""
        return ModelConfig.model_construct(
            name=name, id=name, settings=ModelOptions(reasoning=self.model_reasoning.get(name))
        )

    @property
    def refuses_private_addresses(self) -> bool:
        """Whether MCP servers over HTTP may not be on the private network; those that get the run's token may."""
        return self.mcp_private_addresses == "refuse"

    @property
    def model_name(self) -> str:
        """The model that answers when a run asks for none: the demo model where there is no provider."""
        if not self.providers:
            return DEMO_MODEL  # whatever model is named: nobody could answer as it
        return self.model or self.providers[0].models[0].id

    @property
    def model_names_allowed(self) -> tuple[str, ...]:
        """The models that a run may ask for where its assistant names none, the default first: those of
        AGENT_RUNNER_MODELS_ALLOWED; without it all that the providers list.
        """
        listed = [model.id for provider in self.providers for model in provider.models]
        allowed = _names(self.models_allowed) or set(listed)
        return tuple(dict.fromkeys([self.model_name, *(name for name in listed if name in allowed)]))

    def assistant_targets(self) -> dict[str, str]:
        """What AGENT_RUNNER_ASSISTANTS says: ``id=target``, separated by commas or blanks. Raises ValueError."""
        targets: dict[str, str] = {}
        for entry in self.assistants.replace(",", " ").split():
            assistant_id, _, target = entry.partition("=")
            if not target or not re.fullmatch(ASSISTANT_ID, assistant_id):
                raise ValueError(f"“{entry}” is not id=target, with an id of a-z, 0-9 and _ that begins with a letter")
            if assistant_id in targets:
                raise ValueError(f"two assistants have the id “{assistant_id}”")
            targets[assistant_id] = target
        if not targets:
            raise ValueError("it names no assistant")
        return targets

    def assistants_served(self) -> tuple[str, ...]:
        """The ids that this process serves; AGENT_RUNNER_SERVES may name some of them. Raises ValueError."""
        known = tuple(self.assistant_targets())
        wanted = tuple(self.serves.replace(",", " ").split())
        unknown = [assistant_id for assistant_id in wanted if assistant_id not in known]
        if unknown:
            raise ValueError(f"AGENT_RUNNER_SERVES: AGENT_RUNNER_ASSISTANTS names no “{unknown[0]}”")
        return wanted or known

    def mcp_server_configs(self) -> tuple[OperatorsMcpServer, ...]:
        """What AGENT_RUNNER_MCP_SERVERS lists: JSON, or the path of a file that holds it.

        Raises ValidationError, ValueError, OSError.
        """
        text = self.mcp_servers.strip()
        if text and text[0] not in "[{":
            text = Path(text).expanduser().read_text(encoding="utf-8")
        configs = tuple(OperatorsMcpServer.model_validate(entry) for entry in json.loads(text or "[]"))
        if len({config.name for config in configs}) < len(configs):
            raise ValueError("two MCP servers have the same name")
        return configs


def _names(text: str) -> set[str]:
    """Names that commas separate."""
    return {name.strip() for name in text.split(",") if name.strip()}


def _reason(error: ValidationError | TypeError) -> str:
    """Where and what, without the values: some are secret."""
    if isinstance(error, TypeError):
        return "it is not a list"
    problem = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(part) for part in problem["loc"])
    return f"{where}: {problem['msg']}" if where else problem["msg"]
