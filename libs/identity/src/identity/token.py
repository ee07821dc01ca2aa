"""A token, judged. PyJWT checks signature, times, issuer and audience (RFC 7519); what it leaves to its caller is here:
a bound on the size, one reading of the JSON (no duplicate member, no NaN), times that are numbers, and a refusal of
every header that offers a key or an extension (RFC 8725).
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

from contracts.identity import USER_ID_CHARACTERS_MAX
from jwt import PyJWK, PyJWT
from jwt.exceptions import (
    ExpiredSignatureError,
    ImmatureSignatureError,
    InvalidAudienceError,
    InvalidIssuerError,
    MissingRequiredClaimError,
    PyJWTError,
)
from jwt.utils import base64url_decode

from identity.errors import InvalidToken, TokenCode

TOKEN_BYTES_MAX: Final = 8 * 1024
KEY_ID_LENGTH_MAX: Final = 256
LIFETIME_SECONDS_MAX: Final = 24 * 60 * 60
"""The store forgets a revocation when no token can be left that it is about: a little later than this."""
_INSTANT_MAX: Final = 253_402_300_799  # 9999-12-31: the last second a datetime can hold

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_CONTROL_OR_SURROGATE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
_OFFERED_KEYS: Final = ("jku", "jwk", "x5u", "x5c")
"""Header members that would let the token name its own key (RFC 8725, 3.10)."""
_REASONS: Final[tuple[tuple[type[PyJWTError], TokenCode, str], ...]] = (
    (ExpiredSignatureError, "token_expired", "exp is in the past"),
    (ImmatureSignatureError, "token_not_yet_valid", "iat or nbf is in the future"),
    (InvalidIssuerError, "token_issuer_wrong", "iss is not the issuer that is trusted here"),
    (InvalidAudienceError, "token_audience_wrong", "aud does not name this service"),
    (PyJWTError, "token_signature_invalid", "the signature does not match"),
)
_REASONS_OF_MISSING: Final[dict[str, TokenCode]] = {"iss": "token_issuer_wrong", "aud": "token_audience_wrong"}


@dataclass(frozen=True)
class UnverifiedHeader:
    """The part of a token that chooses key and verifier. Nothing in it is proven."""

    algorithm: str
    key_id: str | None
    type: str | None


@dataclass(frozen=True)
class Expected:
    """What a token must say of itself; None is a party that tokens of its kind do not name.

    `leeway_seconds` forgives clocks that differ, at most 30 s.
    """

    issuer: str | None
    audience: str | None
    leeway_seconds: int = 0


class _StrictJWT(PyJWT):
    """PyJWT reads a payload by this method; its own takes the last of two members, and `"17"` and `true` for times."""

    def _decode_payload(self, decoded: dict[str, Any]) -> dict[str, Any]:
        claims = _json_object(decoded["payload"])
        for name in ("exp", "iat", "nbf"):
            if name in claims:
                _check_instant(claims, name)
        return claims


_jwt = _StrictJWT()


def read_header(token: str) -> UnverifiedHeader:
    """Read the header of a compact JWS (RFC 7515).

    Raises InvalidToken: `token_too_large`, `token_malformed`, `token_algorithm_refused`.
    """
    if len(token) > TOKEN_BYTES_MAX:
        raise InvalidToken("token_too_large", f"a token has at most {TOKEN_BYTES_MAX} bytes")
    if not _COMPACT.fullmatch(token):
        raise InvalidToken("token_malformed", "not three base64url parts")
    try:
        header = _json_object(base64url_decode(token.partition(".")[0]))
    except ValueError as error:
        raise InvalidToken("token_malformed", "not base64url") from error
    if "crit" in header:
        raise InvalidToken("token_malformed", "no critical header extension is understood here")
    if any(name in header for name in _OFFERED_KEYS):
        raise InvalidToken("token_malformed", "a token must not bring its own key")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm.lower() == "none":
        raise InvalidToken("token_algorithm_refused", "the token is not signed")
    return UnverifiedHeader(algorithm, _short_text(header, "kid"), _short_text(header, "typ"))


def decode(token: str, key: PyJWK | bytes, algorithm: str, expected: Expected) -> dict[str, Any]:
    """The claims of a token whose signature, times, issuer and audience are right.

    `algorithm` is the verifier's, never the token's word. Raises InvalidToken.
    """
    try:
        claims = _jwt.decode(
            token,
            key,
            algorithms=[algorithm],
            issuer=expected.issuer,
            audience=expected.audience,
            leeway=expected.leeway_seconds,
            options={
                "require": ["exp", "iat"],
                "verify_aud": expected.audience is not None,
                "verify_sub": False,  # the user may be in another claim; see read_user_id
                "verify_jti": False,
            },
        )
    except (PyJWTError, ValueError, TypeError) as error:
        raise _refusal(error) from error
    if claims["exp"] <= claims["iat"]:
        raise InvalidToken("token_claim_invalid", "exp must be after iat")
    if claims["exp"] - claims["iat"] > LIFETIME_SECONDS_MAX:
        raise InvalidToken("token_lifetime_too_long", "a token lives a day at most")
    return claims


def expiry_of(claims: dict[str, Any]) -> datetime:
    """The exp of decoded claims, in UTC."""
    return datetime.fromtimestamp(claims["exp"], UTC)


def issued_of(claims: dict[str, Any], name: str = "iat") -> datetime:
    """When the user proved who they are: the iat of decoded claims, in UTC. Raises InvalidToken for another claim."""
    if name != "iat":
        _check_instant(claims, name)
    return datetime.fromtimestamp(int(claims[name]), UTC)


def read_user_id(claims: dict[str, Any], name: str) -> str:
    """The user's id: any text of 1 to 255 characters without control characters.

    Raises InvalidToken: `token_claim_invalid`.
    """
    return read_text(claims, name, USER_ID_CHARACTERS_MAX)


def read_text(claims: dict[str, Any], name: str, length_max: int) -> str:
    """A required text claim. Raises InvalidToken: `token_claim_invalid`."""
    value: object = claims.get(name)
    if not isinstance(value, str) or not 0 < len(value) <= length_max or _CONTROL_OR_SURROGATE.search(value):
        raise InvalidToken("token_claim_invalid", f"claim {name} must be a short text without control characters")
    return value


def _refusal(error: Exception) -> InvalidToken:
    if isinstance(error, MissingRequiredClaimError):
        code = _REASONS_OF_MISSING.get(error.claim, "token_claim_invalid")
        return InvalidToken(code, f"claim {error.claim} is required")
    for kind, code, detail in _REASONS:
        if isinstance(error, kind):
            return InvalidToken(code, detail)
    return InvalidToken("token_signature_invalid", "the signature cannot be checked")


def _check_instant(claims: dict[str, Any], name: str) -> None:
    value: object = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _INSTANT_MAX:
        raise InvalidToken("token_claim_invalid", f"claim {name} must be a number of seconds")


def _json_object(raw: bytes) -> dict[str, Any]:
    try:
        value: object = json.loads(
            raw.decode("utf-8"), object_pairs_hook=_without_duplicates, parse_constant=_refuse_constant
        )
    except (ValueError, RecursionError) as error:
        raise InvalidToken("token_malformed", "not a plain JSON object") from error
    if not isinstance(value, dict):
        raise InvalidToken("token_malformed", "not a JSON object")
    return cast(dict[str, Any], value)


def _without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two parsers that disagree on which duplicate wins would see two identities in one token.
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("duplicate member")
    return members


def _refuse_constant(constant: str) -> float:
    raise ValueError(f"{constant} is not JSON")


def _short_text(header: dict[str, Any], name: str) -> str | None:
    value: object = header.get(name)
    if value is None:
        return None
    if not isinstance(value, str) or not 0 < len(value) <= KEY_ID_LENGTH_MAX:
        raise InvalidToken("token_malformed", f"header member {name} must be a short string")
    return value
