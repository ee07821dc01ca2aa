"""An MCP server whose tools an assistant may use."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, model_validator


class McpServer(BaseModel):
    """An MCP server: ``url`` for streamable HTTP, or ``command`` (with ``args``, ``env``) for stdio."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    name: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{1,32}$")]
    url: str | None = None
    headers: dict[str, SecretStr] = Field(default_factory=dict)
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

    @model_validator(mode="after")
    def _has_one_transport(self) -> Self:
        if (self.url is None) == (self.command is None):
            raise ValueError("an MCP server has either a url or a command")
        return self
