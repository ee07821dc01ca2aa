"""The registered claims of a token (RFC 7519, 4.1), checked against an expectation and a clock."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, cast

from contracts.identity import USER_ID_CHARACTERS_MAX

from identity.errors import InvalidToken

LEEWAY_SECONDS_MAX: Final = 30
_INSTANT_MAX: Final = 253_402_300_799  # 9999-12-31: the last second a datetime can hold
_CONTROL_OR_SURROGATE = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


@dataclass(frozen=True)
class ExpectedClaims:
    """What a verifier demands. `leeway_seconds` forgives clocks that differ, at most 30 s."""

    issuer: str
    audience: str
    user_claim: str = "sub"
    leeway_seconds: int = LEEWAY_SECONDS_MAX


def check_times(claims: dict[str, Any], now: float, leeway_seconds: int) -> datetime:
    """Check exp, iat and, where present, nbf; return the expiry.

    Raises InvalidToken: `token_claim_invalid`, `token_expired`, `token_not_yet_valid`.
    """
    expires = _instant(claims, "exp")
    issued = _instant(claims, "iat")
    if expires <= now - leeway_seconds:
        raise InvalidToken("token_expired", "exp is in the past")
    if issued > now + leeway_seconds:
        raise InvalidToken("token_not_yet_valid", "iat is in the future")
    if "nbf" in claims and _instant(claims, "nbf") > now + leeway_seconds:
        raise InvalidToken("token_not_yet_valid", "nbf is in the future")
    if expires <= issued:
        raise InvalidToken("token_claim_invalid", "exp must be after iat")
    return datetime.fromtimestamp(expires, UTC)


def check_parties(claims: dict[str, Any], issuer: str, audience: str) -> None:
    """Check iss and aud. Raises InvalidToken: `token_issuer_wrong`, `token_audience_wrong`."""
    if claims.get("iss") != issuer:
        raise InvalidToken("token_issuer_wrong", "iss is not the issuer that is trusted here")
    received: object = claims.get("aud")
    audiences = cast(list[object], received) if isinstance(received, list) else [received]
    if audience not in audiences:
        raise InvalidToken("token_audience_wrong", "aud does not name this service")


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


def _instant(claims: dict[str, Any], name: str) -> float:
    value: object = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise InvalidToken("token_claim_invalid", f"claim {name} is required and must be a number of seconds")
    if not 0 <= value <= _INSTANT_MAX:  # also refuses infinities
        raise InvalidToken("token_claim_invalid", f"claim {name} is not a time")
    return value
