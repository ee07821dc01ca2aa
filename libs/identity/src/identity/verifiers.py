"""The two verifiers of access tokens. A deployment has one of them; their algorithms are never in one list."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol

from identity.claims import ExpectedClaims, check_parties, check_times, read_text, read_user_id
from identity.clock import Clock
from identity.errors import InvalidToken
from identity.jwks import JwksKeys
from identity.jws import KEY_ID_LENGTH_MAX, UnverifiedHeader, read_header, verify_signature
from identity.principal import Principal

_ACCESS_TOKEN_TYPES: Final = (None, "jwt", "at+jwt")
"""Better Auth sets no `typ`; RFC 9068 says at+jwt. Other types are tokens for something else (RFC 8725, 3.11)."""


class Verifier(Protocol):
    """Judges a token: the principal that it proves, or InvalidToken, or KeysUnavailable."""

    async def verify(self, token: str) -> Principal: ...


@dataclass(frozen=True)
class JwksVerifier:
    """Tokens signed with a private key of the issuer (Better Auth's JWT plugin: EdDSA)."""

    keys: JwksKeys
    algorithms: frozenset[str]
    expected: ExpectedClaims
    clock: Clock

    async def verify(self, token: str) -> Principal:
        header = read_header(token)
        require_access_token(header)
        claims = await verify_with_key_set(token, header, self.keys, self.algorithms)
        return _full_principal(claims, self.expected, self.clock())


@dataclass(frozen=True)
class SharedSecretVerifier:
    """Tokens that an application mints itself: HS256 with a secret of at least 32 bytes."""

    secret: bytes
    expected: ExpectedClaims
    clock: Clock

    async def verify(self, token: str) -> Principal:
        header = read_header(token)
        require_access_token(header)
        claims = verify_with_secret(token, header, self.secret)
        return _full_principal(claims, self.expected, self.clock())


def require_access_token(header: UnverifiedHeader) -> None:
    """Refuse tokens whose `typ` says that they are for something else. Raises InvalidToken: `token_type_wrong`."""
    if (header.type and header.type.lower()) not in _ACCESS_TOKEN_TYPES:
        raise InvalidToken("token_type_wrong", "this is not an access token")


async def verify_with_key_set(
    token: str, header: UnverifiedHeader, keys: JwksKeys, algorithms: frozenset[str]
) -> dict[str, Any]:
    """The claims of a token signed with a key of the set. Raises InvalidToken, KeysUnavailable."""
    if header.algorithm not in algorithms:
        raise InvalidToken("token_algorithm_refused", f"accepted here: {', '.join(sorted(algorithms))}")
    if header.key_id is None:
        raise InvalidToken("token_key_unknown", "the header must have a kid")
    key = await keys.find(header.key_id, header.algorithm)
    return verify_signature(token, key, header.algorithm)


def verify_with_secret(token: str, header: UnverifiedHeader, secret: bytes) -> dict[str, Any]:
    """The claims of a token signed HS256 with this secret. Raises InvalidToken."""
    if header.algorithm != "HS256":
        raise InvalidToken("token_algorithm_refused", "accepted here: HS256")
    return verify_signature(token, secret, "HS256")


def read_token_id(claims: dict[str, Any]) -> str | None:
    """The jti, if there is one. Raises InvalidToken: `token_claim_invalid`."""
    return None if claims.get("jti") is None else read_text(claims, "jti", KEY_ID_LENGTH_MAX)


def full_principal(user_id: str, expires_at: datetime, token_id: str | None) -> Principal:
    """A caller who may do everything that the user may do."""
    return Principal(user_id=user_id, scope="full", conversation_id=None, expires_at=expires_at, token_id=token_id)


def _full_principal(claims: dict[str, Any], expected: ExpectedClaims, now: float) -> Principal:
    expires_at = check_times(claims, now, expected.leeway_seconds)
    check_parties(claims, expected.issuer, expected.audience)
    return full_principal(read_user_id(claims, expected.user_claim), expires_at, read_token_id(claims))
