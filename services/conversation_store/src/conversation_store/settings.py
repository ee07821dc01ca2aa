"""What the environment says to conversation_store."""

from functools import cached_property
from typing import Annotated

from actor_kit.prices import Prices
from actor_kit.proof import Proofs
from actor_kit.settings import (
    SECRET_BYTES_MIN,
    AssistantSettings,
    ProvingSettings,
    ServiceSettings,
    SigningSecret,
    split,
)
from contracts.streams import RUN_CLAIMS_MAX
from file_store import FileStoreSettings
from pydantic import AfterValidator, Field, SecretStr

from contracts import postgres_roles
from conversation_store.postgres_url import PostgresUrl, parse_postgres_url
from conversation_store.turns.rules import AttachmentQuota, Quota, TurnBounds, UsageLimits


def _checked(url: SecretStr) -> SecretStr:
    parse_postgres_url(url.get_secret_value())
    return url


def _each(secrets: SecretStr) -> tuple[bytes, ...]:
    return tuple(secret.encode() for secret in split(secrets.get_secret_value()))


def _long_enough(secrets: SecretStr) -> SecretStr:
    if any(len(secret) < SECRET_BYTES_MIN for secret in _each(secrets)):
        raise ValueError(f"each secret must have at least {SECRET_BYTES_MIN} bytes")
    return secrets


def _readable(prices: str) -> str:
    Prices.read(prices)
    return prices


PreviousSecrets = Annotated[SecretStr, AfterValidator(_long_enough)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_checked)]


class MigrationSettings(ServiceSettings):
    """Where the tables are."""

    database_url: DatabaseUrl = Field(description="Postgres; on Neon the pooled address.")
    database_direct_url: DatabaseUrl | None = Field(default=None, description="Postgres without a pooler, to migrate.")
    database_start_seconds_max: float = Field(
        default=30.0, gt=0, description="How long a start or a migration waits for Postgres."
    )

    @property
    def database(self) -> PostgresUrl:
        return parse_postgres_url(self.database_url.get_secret_value())

    @property
    def direct_database(self) -> PostgresUrl:
        return parse_postgres_url((self.database_direct_url or self.database_url).get_secret_value())


class RolesSettings(MigrationSettings):
    """Who is to have which rights in Postgres: names of roles, and the password of each that is to be made."""

    database_owner_role: str = Field(default="", description="Owns the tables; empty: who DATABASE_URL names.")
    database_owner_password: SecretStr = Field(default=SecretStr(""), description="Empty: it stays as it is.")
    database_store_role: str = Field(default=postgres_roles.STORE, description="Reads and writes rows.")
    database_store_password: SecretStr = Field(default=SecretStr(""), description="Empty: the role is there already.")
    database_web_role: str = Field(default=postgres_roles.WEB, description="Has the schema `auth`.")
    database_web_password: SecretStr = Field(default=SecretStr(""), description="Empty: the role is there already.")

    @property
    def parameters(self) -> dict[str, str]:
        """Those of the script."""
        return {
            "owner": self.database_owner_role,
            "owner_password": self.database_owner_password.get_secret_value(),
            "store": self.database_store_role,
            "store_password": self.database_store_password.get_secret_value(),
            "web": self.database_web_role,
            "web_password": self.database_web_password.get_secret_value(),
        }


class Settings(MigrationSettings, AssistantSettings, ProvingSettings, FileStoreSettings):
    """The secrets and the bounds of the store. Every bound has its unit in its name."""

    run_token_secret: SigningSecret = Field(description="Signs the token of a claimed run; nobody else has it.")
    principal_secrets_previous: PreviousSecrets = Field(
        default=SecretStr(""), description="While PRINCIPAL_SECRET is changed: those of before, comma-separated."
    )
    run_token_secrets_previous: PreviousSecrets = Field(
        default=SecretStr(""), description="While RUN_TOKEN_SECRET is changed: those of before, comma-separated."
    )

    database_pool_size_min: int = Field(default=1, ge=0, description="Connections that are kept open.")
    database_pool_size_max: int = Field(default=10, ge=1, description="Connections of this replica.")
    database_prepared_statements: bool | None = Field(
        default=None, description="Keep prepared statements; by default only where the URL has no pooler in it."
    )
    database_retry_seconds_max: float = Field(
        default=2.0, ge=0, description="How long a request is tried again after a lost connection or a cold start."
    )
    statement_seconds_max: float = Field(default=5.0, gt=0, description="Postgres ends a statement after this.")
    requests_concurrent_max: int = Field(
        default=2_048, ge=1, description="Requests at a time, most of which wait for a connection, users in turns."
    )

    tells_others_ids: bool = Field(
        default=True, description="Another user's id in a path is forbidden, an unknown one not found; else both are."
    )
    user_turns_max: int = Field(
        default=100_000, ge=1, description="Turns of one user that may be stored, in all conversations."
    )
    user_tasks_max: int = Field(default=10_000, ge=1, description="Todos of one user.")
    user_shares_max: int = Field(default=100, ge=1, description="Links to conversations of one user.")
    user_webhooks_max: int = Field(default=5, ge=0, description="Webhooks of one user.")
    user_service_tokens_max: int = Field(
        default=10, ge=0, description="Service tokens that one user has made; 0: operators alone make them."
    )
    user_schedules_max: int = Field(default=50, ge=0, description="Schedules of one user that are not done.")
    schedule_interval_seconds_min: float = Field(
        default=15 * 60.0, ge=0, description="The shortest time between two turns of a schedule."
    )
    user_attachments_max: int = Field(default=10_000, ge=0, description="Attachments of one user.")
    user_attachments_bytes_max: int = Field(
        default=1024**3, ge=0, description="Bytes of one user's attachments, those under way included."
    )
    upload_seconds_max: float = Field(
        default=3_600.0, gt=0, description="An upload that is not finished after this is forgotten."
    )
    unused_attachment_seconds_max: float = Field(
        default=86_400.0, gt=0, description="A file that was uploaded and not sent is deleted after this."
    )
    user_bytes_max: int = Field(
        default=1024**3,
        ge=1,
        description="Bytes of one user's messages; looked at with each twentieth turn.",
    )
    user_runs_per_day_max: int | None = Field(default=None, ge=0, description="Runs of one user in a day (UTC).")
    user_runs_per_month_max: int | None = Field(default=None, ge=0, description="The same in a month.")
    user_tokens_per_day_max: int | None = Field(default=None, ge=0, description="Tokens of one user in a day (UTC).")
    user_tokens_per_month_max: int | None = Field(default=None, ge=0, description="The same in a month.")
    user_cost_per_day_max: float | None = Field(
        default=None, ge=0, description="US dollars of one user in a day (UTC)."
    )
    user_cost_per_month_max: float | None = Field(default=None, ge=0, description="The same in a month.")
    model_prices: Annotated[str, AfterValidator(_readable)] = Field(
        default="", description="JSON or a file of it: US dollars for a million tokens, by model."
    )
    retention_days: float | None = Field(
        default=None, gt=0, description="Delete conversations that were not touched for so long; by default never."
    )
    enqueued_turns_max: int = Field(default=20, ge=0, description="Turns that may wait behind an active one.")
    history_bytes_max: int = Field(
        default=1024 * 1024, ge=1, description="Session items of earlier turns that one claim may carry."
    )

    outbox_poll_seconds: float = Field(
        default=0.5, gt=0, description="How often to look for what another replica left; own commits wake it at once."
    )
    outbox_removal_seconds: float = Field(
        default=0.05, ge=0, description="What was published is removed from the outbox no more often than this."
    )
    outbox_batch_rows_max: int = Field(default=300, ge=1, description="Messages published at a time.")

    sweep_seconds: float = Field(default=5.0, gt=0, description="How often to look for runs that nobody works on.")
    run_overdue_seconds: float = Field(
        default=30.0, gt=0, description="A requested or abandoned run is requested again after this."
    )
    run_attempts_max: int = Field(default=RUN_CLAIMS_MAX, ge=1, description="Claims of a run before it is given up.")
    decision_seconds_max: float = Field(
        default=7 * 86_400.0, gt=0, description="How long a run waits for a person, until it goes on without."
    )
    erasure_purge_delay_seconds: float = Field(
        default=60.0, ge=0, description="DELTAS is purged again this long after an erasure."
    )

    @property
    def proofs(self) -> Proofs:
        """What requests have to be signed with."""
        assert self.principal_secret is not None  # checked by ProvingSettings
        return Proofs(
            self.principal_secret.get_secret_value().encode(),
            self.run_token_secret.get_secret_value().encode(),
            _each(self.principal_secrets_previous),
            _each(self.run_token_secrets_previous),
        )

    @property
    def usage_limits(self) -> UsageLimits:
        """What one user may use."""
        return UsageLimits(
            runs_per_day=self.user_runs_per_day_max,
            runs_per_month=self.user_runs_per_month_max,
            tokens_per_day=self.user_tokens_per_day_max,
            tokens_per_month=self.user_tokens_per_month_max,
            cost_per_day=self.user_cost_per_day_max,
            cost_per_month=self.user_cost_per_month_max,
        )

    @property
    def attachment_quota(self) -> AttachmentQuota:
        return AttachmentQuota(self.user_attachments_max, self.user_attachments_bytes_max)

    @cached_property
    def quota(self) -> Quota:
        """What one user may store and use; the prices are read once."""
        prices = Prices.read(self.model_prices)
        return Quota(self.user_turns_max, self.user_bytes_max, self.usage_limits, prices)

    @property
    def turn_bounds(self) -> TurnBounds:
        """What is checked of every turn."""
        return TurnBounds(self.assistants, self.enqueued_turns_max, self.quota)

    @property
    def uses_prepared_statements(self) -> bool:
        if self.database_prepared_statements is not None:
            return self.database_prepared_statements
        goes_around_a_pooler = self.database_direct_url is not None and self.database_direct_url != self.database_url
        return not (self.database.is_pooled or goes_around_a_pooler)
