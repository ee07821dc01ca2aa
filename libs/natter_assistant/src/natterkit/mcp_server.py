"""An MCP server whose tools an assistant may use."""

import re
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator

_CLAIM = re.compile(r"\{claims\.([A-Za-z0-9_:./-]{1,100})\}")


class OAuth(BaseModel):
    """How users allow the assistant to use a server for them. Without ``client_id`` the runner registers itself."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    client_id: str | None = None
    client_secret: SecretStr | None = None
    token_endpoint_auth_method: Literal["client_secret_basic", "client_secret_post"] = "client_secret_basic"  # noqa: S105
    client_name: str = "Natter"
    """What the authorization server tells the user who asks, where the runner registers itself."""
    scope: str | None = None
    """What to ask for; by default what the server says that it needs."""


class McpServer(BaseModel):
    """An MCP server: ``url`` for streamable HTTP, or ``command`` (with ``args``, ``env``) for stdio."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
    url: str | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
    """A value may name claims of the user's token that AUTH_EDGE_CLAIMS_PASSED lets pass: ``{claims.email}``."""
    oauth: OAuth | None = None
    """The server acts for a user who has allowed it; ``OAuth()`` where nothing is registered by hand."""
    label: str | None = Field(default=None, min_length=1, max_length=60)
    """What people call it; by default its name."""
    command: str | None = None
    args: tuple[str, ...] = ()
    env: dict[str, SecretStr] = Field(default_factory=dict)
    tools_allowed: frozenset[str] | None = None
    tools_blocked: frozenset[str] = frozenset()
    timeout_seconds: float = Field(default=30, gt=0, le=600)
    sends_run_token: bool = False
    """Send this server the signed run token, so that it knows for whom it acts. Only for servers of one's own."""
    repeat: Literal["never", "idempotent", "always"] = "idempotent"
    """Which calls may be executed again when nobody knows whether they have happened: none; those of tools that the
    server annotates as read-only or idempotent; all, for a server that honours the call's id."""

    ask: Literal["never", "destructive", "changes", "always"] = "destructive"
    """Before which calls the user is asked: none; those that may destroy something, which are all that the server does
    not annotate otherwise; all that are not annotated as read-only; all."""

    offers: frozenset[Literal["resources", "prompts"]] = frozenset()
    """What is offered beside its tools. Resources: people mention them (`@`), and the model may read them. Prompts:
    commands in the composer (`/`). The composer has those of servers that are the same for everybody."""

    sampling_tokens_max: int = Field(default=0, ge=0, le=100_000)
    """How many tokens of the run's model a server may have written for it during one call (MCP's sampling); none: it
    is refused."""

    @model_validator(mode="after")
    def _has_one_transport(self) -> Self:
        if (self.url is None) == (self.command is None):
            raise ValueError("an MCP server has either a url or a command")
        if self.url is None and self.oauth is not None:
            raise ValueError("oauth is for an MCP server with a url")
        return self

    @property
    def is_personal(self) -> bool:
        """Whether its tools are a user's own: they cannot be listed for nobody."""
        return self.oauth is not None or bool(self.claims_needed)

    @property
    def claims_needed(self) -> frozenset[str]:
        """The claims that its headers name."""
        return frozenset(name for value in self.headers.values() for name in _CLAIM.findall(value.get_secret_value()))

    @property
    def title(self) -> str:
        """What people call it."""
        return self.label or self.name.replace("_", " ").replace("-", " ").capitalize()

    def header_values(self, claims: Mapping[str, str]) -> dict[str, str]:
        """The headers with the user's claims in them. Raises KeyError for one that is not there."""
        return {
            name: _CLAIM.sub(lambda match: claims[match[1]], value.get_secret_value())
            for name, value in self.headers.items()
        }
