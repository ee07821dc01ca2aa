"""The one verifier that a service holds: wired from settings, opened and closed with the service."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx

from identity.certificates import trusted
from identity.chat_token import CHAT_TOKEN_TYPE, ChatTokens
from identity.cookie_cache import CookieCacheVerifier, SignedCookieCacheVerifier
from identity.jwks import JwksKeys, JwksSource
from identity.principal import VerifiedPrincipal
from identity.secret import secret_bytes
from identity.settings import IdentitySettings
from identity.token import Expected, read_header
from identity.verifiers import JwksVerifier, SharedSecretVerifier, Verifier


@dataclass(frozen=True)
class TokenVerifier:
    """Accepts the deployment's access tokens and Natter's own chat tokens.

    The token's `typ` chooses which of the two judges it, before anything is verified; each then uses its own
    keys and its own algorithms only.
    """

    access: Verifier
    chat: ChatTokens
    keys: JwksKeys | None

    async def verify(self, token: str) -> VerifiedPrincipal:
        """The principal that the token proves. Raises InvalidToken (401), KeysUnavailable (503)."""
        if read_header(token).type == CHAT_TOKEN_TYPE:
            return self.chat.verify(token)
        return await self.access.verify(token)

    @property
    def is_ready(self) -> bool:
        """Whether tokens can be judged: false until the issuer's keys were fetched once."""
        return self.keys is None or self.keys.are_loaded


@asynccontextmanager
async def open_verifier(
    settings: IdentitySettings, *, chat_token_ttl_seconds: int = 600
) -> AsyncGenerator[TokenVerifier]:
    """A verifier for as long as the service runs. An issuer that is away does not keep it from opening."""
    async with httpx.AsyncClient(verify=trusted(), follow_redirects=False) as client:
        keys = _open_keys(settings, client)
        chat = ChatTokens(secret_bytes(settings.chat_token_secret), chat_token_ttl_seconds)
        if keys is not None:
            await keys.load()
        try:
            yield TokenVerifier(_access_verifier(settings, keys), chat, keys)
        finally:
            if keys is not None:
                await keys.aclose()


def _open_keys(settings: IdentitySettings, client: httpx.AsyncClient) -> JwksKeys | None:
    if settings.jwt_verifier == "hs256" or not settings.jwks_urls:
        return None
    return JwksKeys(
        sources=[JwksSource(url, client) for url in settings.jwks_urls],
        cooldown_seconds=settings.jwt_jwks_cooldown_seconds,
        age_seconds_max=settings.jwt_jwks_age_seconds_max,
    )


def _access_verifier(settings: IdentitySettings, keys: JwksKeys | None) -> Verifier:
    leeway_seconds = settings.jwt_leeway_seconds
    expected = Expected(settings.jwt_issuer, settings.jwt_audience, leeway_seconds)
    if settings.jwt_verifier == "cookie_cache" and keys is not None:
        return SignedCookieCacheVerifier(keys, settings.algorithms, settings.jwt_issuer, leeway_seconds)
    if keys is not None:
        return JwksVerifier(keys, settings.algorithms, expected, settings.jwt_user_claim)
    if settings.better_auth_secret is None:  # refused by the settings already; said again for the type checker
        raise ValueError("BETTER_AUTH_SECRET is missing")
    secret = secret_bytes(settings.better_auth_secret)
    if settings.jwt_verifier == "cookie_cache":
        return CookieCacheVerifier(secret, leeway_seconds)
    return SharedSecretVerifier(secret, expected, settings.jwt_user_claim)
