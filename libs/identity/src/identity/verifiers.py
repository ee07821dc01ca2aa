"""The two verifiers of access tokens. A deployment has one of them; their algorithms are never in one list."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from identity.errors import InvalidToken
from identity.jwks import JwksKeys
from identity.principal import VerifiedPrincipal
from identity.token import (
    KEY_ID_LENGTH_MAX,
    Expected,
    UnverifiedHeader,
    decode,
    expiry_of,
    issued_of,
    read_header,
    read_text,
    read_user_id,
)

_ACCESS_TOKEN_TYPES: Final = (None, "jwt", "at+jwt")
"""Better Auth sets no `typ`; RFC 9068 says at+jwt. Other types are tokens for something else (RFC 8725, 3.11)."""


class Verifier(Protocol):
    """Judges a token: the principal that it proves, or InvalidToken, or KeysUnavailable."""

    async def verify(self, token: str) -> VerifiedPrincipal: ...


@dataclass(frozen=True)
class JwksVerifier:
    """Tokens signed with a private key of the issuer (Better Auth's JWT plugin: EdDSA)."""

    keys: JwksKeys
    algorithms: frozenset[str]
    expected: Expected
    user_claim: str

    async def verify(self, token: str) -> VerifiedPrincipal:
        header = _access_token_header(token)
        claims = await decode_with_key_set(token, header, self.keys, self.algorithms, self.expected)
        return _user_of(claims, self.user_claim)


@dataclass(frozen=True)
class SharedSecretVerifier:
    """Tokens that an application mints itself: HS256 with a secret of at least 32 bytes."""

    secret: bytes
    expected: Expected
    user_claim: str

    async def verify(self, token: str) -> VerifiedPrincipal:
        header = _access_token_header(token)
        return _user_of(decode_with_secret(token, header, self.secret, self.expected), self.user_claim)


async def decode_with_key_set(
    token: str, header: UnverifiedHeader, keys: JwksKeys, algorithms: frozenset[str], expected: Expected
) -> dict[str, Any]:
    """The claims of a token signed with a key of the set. Raises InvalidToken, KeysUnavailable."""
    if header.algorithm not in algorithms:
        raise InvalidToken("token_algorithm_refused", f"accepted here: {', '.join(sorted(algorithms))}")
    if header.key_id is None:
        raise InvalidToken("token_key_unknown", "the header must have a kid")
    key = await keys.find(header.key_id, header.algorithm)
    return decode(token, key, header.algorithm, expected)


def decode_with_secret(token: str, header: UnverifiedHeader, secret: bytes, expected: Expected) -> dict[str, Any]:
    """The claims of a token signed HS256 with this secret. Raises InvalidToken."""
    if header.algorithm != "HS256":
        raise InvalidToken("token_algorithm_refused", "accepted here: HS256")
    return decode(token, secret, "HS256", expected)


def full_principal(
    user_id: str, issued_at: datetime, expires_at: datetime, token_id: str | None, claims: dict[str, Any]
) -> VerifiedPrincipal:
    """A caller who may do everything that the user may do."""
    return VerifiedPrincipal(
        user_id=user_id,
        scope="full",
        conversation_id=None,
        issued_at=issued_at,
        expires_at=expires_at,
        token_id=token_id,
        claims=claims,
    )


def _access_token_header(token: str) -> UnverifiedHeader:
    header = read_header(token)
    if (header.type and header.type.lower()) not in _ACCESS_TOKEN_TYPES:
        raise InvalidToken("token_type_wrong", "this is not an access token")
    return header


def _user_of(claims: dict[str, Any], user_claim: str) -> VerifiedPrincipal:
    token_id = None if claims.get("jti") is None else read_text(claims, "jti", KEY_ID_LENGTH_MAX)
    return full_principal(read_user_id(claims, user_claim), issued_of(claims), expiry_of(claims), token_id, claims)
