"""What the environment says to the command line."""

import os
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cached_property
from pathlib import Path

from contracts.ids import FIRST_ASSISTANT_ID
from pydantic_settings import BaseSettings, SettingsConfigDict

from natter.passing_on import MACHINE, is_for

PROVIDERS = "AGENT_RUNNER_MODEL_PROVIDERS"
_KEY_VARIABLE = re.compile(r'"key_variable"\s*:\s*"(\w+)"')
PRIVATE = (
    "AGENT_RUNNER_CONNECTION_SECRETS",
    "BETTER_AUTH_SECRET",
    "BETTER_AUTH_SECRETS_PREVIOUS",
    "CHAT_TOKEN_SECRET",
    "DATABASE_DIRECT_URL",
    "DATABASE_OWNER_PASSWORD",
    "DATABASE_STORE_PASSWORD",
    "DATABASE_URL",
    "DATABASE_WEB_PASSWORD",
    "NATS_PASSWORD",
    "NATS_URL",
    "NATS_USER",
    "NATS_NKEY_SEED",
    "NATTER_STORE_DATABASE_URL",
    "NATTER_WEB_DATABASE_URL",
    "OPENAI_API_KEY",
    "PRINCIPAL_SECRET",
    "RUN_TOKEN_SECRET",
    "WEB_AUDIT_SECRET",
)
"""Variables that only those services get for which they are meant."""


class Settings(BaseSettings):
    """Settings of the command line itself, NATTER_…; those of the services pass through to them."""

    model_config = SettingsConfigDict(env_prefix="NATTER_", frozen=True, extra="ignore")

    data_dir: Path = Path(".natter")
    web_dir: Path | None = None
    preload: bool = sys.platform == "linux"
    """Fork services from a process that has imported their libraries; elsewhere a fork may not be safe."""
    environment: str = ""
    """Names of variables that every program of a stack gets, separated by commas or blanks; each may end in `*`."""

    @property
    def inherited(self) -> dict[str, str]:
        """The whole environment, for a child process."""
        return dict(os.environ)

    @staticmethod
    def replace_environment(environment: Mapping[str, str]) -> None:
        """Make it the whole environment of this process."""
        os.environ.clear()
        os.environ.update(environment)

    def passed_on(self, *patterns: str) -> dict[str, str]:
        """The environment for a program: what any needs on this machine, what matches a pattern, and what the operator
        lets pass (NATTER_ENVIRONMENT). What is meant for one service alone is not among it.
        """
        private = {*PRIVATE, *self.model_providers}
        allowed = (*MACHINE, *patterns, *self.environment.replace(",", " ").split())
        return {name: value for name, value in os.environ.items() if name not in private and is_for(name, allowed)}

    @property
    def of_assistants(self) -> tuple[str, ...]:
        """Names that assistants read: AGENT_RUNNER_ENVIRONMENT, separated by commas or blanks."""
        return tuple(os.environ.get("AGENT_RUNNER_ENVIRONMENT", "").replace(",", " ").split())

    @cached_property
    def model_providers(self) -> dict[str, str]:
        """The list of models' providers, for runners alone, with the variables that hold its keys. A file is named by
        its whole path: a runner works in another folder.
        """
        listed = text = os.environ.get(PROVIDERS, "").strip()
        if listed and listed[0] not in "[{":
            file = Path(listed).expanduser().resolve()
            listed = str(file)
            with suppress(OSError, ValueError):  # the runner says that it cannot be read
                text = file.read_text(encoding="utf-8")
        return {PROVIDERS: listed, **self.given(*_KEY_VARIABLE.findall(text))} if listed else {}

    @property
    def assistants_offered(self) -> list[str]:
        """Those whom people may write to, by what the store is told."""
        named = self.given("CONVERSATION_STORE_ASSISTANTS").get("CONVERSATION_STORE_ASSISTANTS", "")
        return named.replace(",", " ").split() or [FIRST_ASSISTANT_ID]

    def given(self, *names: str) -> dict[str, str]:
        """Those of the named variables that are set and not empty."""
        return {name: os.environ[name] for name in names if os.environ.get(name)}
