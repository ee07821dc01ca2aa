"""Shared secrets of HS256: long enough, or refused."""

from typing import Annotated, Final

from pydantic import AfterValidator, SecretStr

SECRET_BYTES_MIN: Final = 32
"""RFC 7518, 3.2: an HS256 key has at least the size of the hash."""


def _require_length(secret: SecretStr) -> SecretStr:
    if len(secret.get_secret_value().encode()) < SECRET_BYTES_MIN:
        raise ValueError(f"the secret must have at least {SECRET_BYTES_MIN} bytes")
    return secret


HmacSecret = Annotated[SecretStr, AfterValidator(_require_length)]


def secret_bytes(secret: SecretStr) -> bytes:
    """The key for HS256. Raises ValueError under 32 bytes."""
    return _require_length(secret).get_secret_value().encode()
