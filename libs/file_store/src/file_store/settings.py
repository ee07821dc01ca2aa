"""Where files lie, as the environment says it to every service that reads or writes them."""

from typing import Annotated

from pydantic import AfterValidator, Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


def _check_address(address: str) -> str:
    if address != "nats" and not address.startswith("s3://"):
        raise ValueError("must be `nats`, or s3://bucket?endpoint=https://…&region=…")
    return address


class FileStoreSettings(BaseSettings):
    """The same for all services of a stack."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", env_ignore_empty=True, populate_by_name=True)

    file_store_url: Annotated[str, AfterValidator(_check_address)] = Field(
        default="nats",
        validation_alias="FILE_STORE_URL",
        description="`nats` (its object store), or s3://bucket?endpoint=https://…&region=…",
    )
    file_store_access_key_id: str = Field(
        default="", validation_alias="FILE_STORE_ACCESS_KEY_ID", description="Of S3; empty: as the machine has it."
    )
    file_store_secret_access_key: SecretStr | None = Field(
        default=None, validation_alias="FILE_STORE_SECRET_ACCESS_KEY", description="Of S3."
    )
