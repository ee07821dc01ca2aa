"""Where files lie, as the environment says it to every service that reads or writes them."""

from typing import Annotated, Self

from pydantic import AfterValidator, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


def _check_address(address: str) -> str:
    if address != "nats" and not address.startswith("s3://"):
        raise ValueError("must be `nats`, or s3://bucket?endpoint=https://…&region=…")
    return address


def _check_public(address: str) -> str:
    if address and not address.startswith(("https://", "http://")):
        raise ValueError("must be the http or https URL of the bucket, as browsers reach it")
    return address.rstrip("/")


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
    file_store_public_url: Annotated[str, AfterValidator(_check_public)] = Field(
        default="",
        validation_alias="FILE_STORE_PUBLIC_URL",
        description="The bucket's URL for browsers, which then send and fetch files there; empty: they never do.",
    )

    @model_validator(mode="after")
    def _can_sign(self) -> Self:
        if self.file_store_public_url and (self.file_store_url == "nats" or self.file_store_secret_access_key is None):
            raise ValueError("FILE_STORE_PUBLIC_URL needs an s3:// FILE_STORE_URL and FILE_STORE_SECRET_ACCESS_KEY")
        return self
