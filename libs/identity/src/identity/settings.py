"""What a service that verifies tokens reads from the environment."""

from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from identity.keys import SigningAlgorithm
from identity.secret import HmacSecret

_URL_SCHEMES = ("https://", "http://", "file://")


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _check_urls(text: str) -> str:
    if any(not url.startswith(_URL_SCHEMES) for url in _split(text)):
        raise ValueError("each JWKS URL is an http, https or file URL")
    return text


def _check_algorithms(text: str) -> str:
    # HS256 in this list would let a public key be used as a shared secret.
    known = get_args(SigningAlgorithm)
    if not _split(text) or any(name not in known for name in _split(text)):
        raise ValueError(f"JWT_ALGORITHMS names one or more of {', '.join(known)}")
    return text


class IdentitySettings(BaseSettings):
    """Mixin for a service's Settings. The names of the variables are the same in every service."""

    # A refused secret must not be printed by the error that refuses it.
    model_config = SettingsConfigDict(frozen=True, populate_by_name=True, extra="ignore", hide_input_in_errors=True)

    jwt_verifier: Literal["jwks", "hs256", "cookie_cache"] = Field("jwks", validation_alias="JWT_VERIFIER")
    jwt_jwks_url: Annotated[str, AfterValidator(_check_urls)] = Field("", validation_alias="JWT_JWKS_URL")
    jwt_algorithms: Annotated[str, AfterValidator(_check_algorithms)] = Field(
        "EdDSA", validation_alias="JWT_ALGORITHMS"
    )
    jwt_issuer: str = Field("natter", min_length=1, validation_alias="JWT_ISSUER")
    jwt_audience: str = Field("natter", min_length=1, validation_alias="JWT_AUDIENCE")
    jwt_user_claim: Literal["sub", "user_id", "userId"] = Field("sub", validation_alias="JWT_USER_CLAIM")
    jwt_leeway_seconds: int = Field(30, ge=0, le=30, validation_alias="JWT_LEEWAY_SECONDS")
    jwt_jwks_cooldown_seconds: float = Field(30, gt=0, validation_alias="JWT_JWKS_COOLDOWN_SECONDS")
    jwt_jwks_age_seconds_max: float = Field(600, gt=0, validation_alias="JWT_JWKS_AGE_SECONDS_MAX")
    better_auth_secret: HmacSecret | None = Field(None, validation_alias="BETTER_AUTH_SECRET")
    chat_token_secret: HmacSecret = Field(validation_alias="CHAT_TOKEN_SECRET")

    @property
    def jwks_urls(self) -> list[str]:
        return _split(self.jwt_jwks_url)

    @property
    def algorithms(self) -> frozenset[str]:
        return frozenset(_split(self.jwt_algorithms))

    @model_validator(mode="after")
    def _has_what_the_verifier_needs(self) -> Self:
        if self.jwt_verifier == "jwks" and not self.jwks_urls:
            raise ValueError("JWT_VERIFIER=jwks needs JWT_JWKS_URL")
        if self.jwt_verifier == "hs256" and self.better_auth_secret is None:
            raise ValueError("JWT_VERIFIER=hs256 needs BETTER_AUTH_SECRET")
        if self.jwt_verifier == "cookie_cache" and self.better_auth_secret is None and not self.jwks_urls:
            raise ValueError("JWT_VERIFIER=cookie_cache needs BETTER_AUTH_SECRET, or JWT_JWKS_URL for the signed form")
        return self
