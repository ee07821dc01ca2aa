"""Better Auth's session cookie cache (`better-auth.session_data`, strategy `jwt`) as proof of identity.

Two forms exist (better-auth 1.7, `cookies/index`, `plugins/jwt/cookie-cache`). Without the JWT plugin the
cookie is HS256 with BETTER_AUTH_SECRET and has neither `typ` nor `iss` nor `aud`; the session and user in it
are what tells it from other tokens of that secret (such as e-mail verification). With
`jwt({sessionCookieCache: true})` it is signed with a key of the JWKS and names its type, issuer and audience.
"""

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

from identity.errors import InvalidToken
from identity.jwks import JwksKeys
from identity.principal import VerifiedPrincipal
from identity.token import Expected, expiry_of, issued_of, read_header, read_user_id
from identity.verifiers import decode_with_key_set, decode_with_secret, full_principal

COOKIE_CACHE_TYPE: Final = "better-auth.session-cache+jwt"
COOKIE_CACHE_AUDIENCE: Final = "better-auth:session-cache"

__all__ = ["COOKIE_CACHE_AUDIENCE", "COOKIE_CACHE_TYPE", "CookieCacheVerifier", "SignedCookieCacheVerifier"]


@dataclass(frozen=True)
class CookieCacheVerifier:
    """The HS256 form, for deployments without the JWT plugin."""

    secret: bytes
    leeway_seconds: int

    async def verify(self, token: str) -> VerifiedPrincipal:
        header = read_header(token)
        if header.type is not None and header.type.lower() != "jwt":
            raise InvalidToken("token_type_wrong", "this is not a session cookie cache")
        claims = decode_with_secret(token, header, self.secret, Expected(None, None, self.leeway_seconds))
        if "iss" in claims or "aud" in claims:
            # Better Auth puts neither into this form: a token of the same secret that has one is for something else.
            raise InvalidToken("token_audience_wrong", "a session cookie cache has no issuer and no audience")
        return _session_principal(claims)


@dataclass(frozen=True)
class SignedCookieCacheVerifier:
    """The form signed with a key of the JWKS. `issuer` is Better Auth's base URL."""

    keys: JwksKeys
    algorithms: frozenset[str]
    issuer: str
    leeway_seconds: int

    async def verify(self, token: str) -> VerifiedPrincipal:
        header = read_header(token)
        if header.type != COOKIE_CACHE_TYPE:
            raise InvalidToken("token_type_wrong", "this is not a session cookie cache")
        expected = Expected(self.issuer, COOKIE_CACHE_AUDIENCE, self.leeway_seconds)
        claims = await decode_with_key_set(token, header, self.keys, self.algorithms, expected)
        principal = _session_principal(claims)
        if claims.get("sub") != principal.user_id or claims.get("sid") != _member(claims, "session").get("token"):
            raise InvalidToken("token_claim_invalid", "sub and sid must be those of the session")
        return principal


def _session_principal(claims: dict[str, Any]) -> VerifiedPrincipal:
    session, user = _member(claims, "session"), _member(claims, "user")
    user_id = read_user_id(user, "id")
    if session.get("userId") != user_id:
        raise InvalidToken("token_claim_invalid", "the session is not the user's")
    session_expires_at = _read_date(session, "expiresAt")
    if session_expires_at.timestamp() <= time.time():
        raise InvalidToken("token_expired", "the session has ended")
    expires_at = min(expiry_of(claims), session_expires_at)
    return full_principal(user_id, issued_of(claims), expires_at, None, user)


def _member(claims: dict[str, Any], name: str) -> dict[str, Any]:
    value: object = claims.get(name)
    if not isinstance(value, dict):
        raise InvalidToken("token_claim_invalid", f"a session cookie cache has a {name}")
    return cast(dict[str, Any], value)


def _read_date(session: dict[str, Any], name: str) -> datetime:
    try:
        date = datetime.fromisoformat(str(session.get(name)))
    except ValueError as error:
        raise InvalidToken("token_claim_invalid", f"{name} of the session is not a date") from error
    return date if date.tzinfo else date.replace(tzinfo=UTC)
