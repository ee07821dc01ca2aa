"""A signed token taken apart with suspicion: JWS compact serialisation (RFC 7515), before and after its signature.

PyJWT checks signatures. What it leaves to its caller is here: a bound on the size, strict base64url and
JSON (no duplicate member, no NaN), and a refusal of every header that offers a key or an extension.
"""

import base64
import json
import re
from dataclasses import dataclass
from typing import Any, Final, cast

from jwt import PyJWK, PyJWS
from jwt.exceptions import PyJWTError

from identity.errors import InvalidToken

TOKEN_BYTES_MAX: Final = 8 * 1024
KEY_ID_LENGTH_MAX: Final = 256

_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_OFFERED_KEYS: Final = ("jku", "jwk", "x5u", "x5c")
"""Header members that would let the token name its own key (RFC 8725, 3.10)."""

_jws = PyJWS(algorithms=["EdDSA", "ES256", "RS256", "HS256"])


@dataclass(frozen=True)
class UnverifiedHeader:
    """The part of a token that chooses key and verifier. Nothing in it is proven."""

    algorithm: str
    key_id: str | None
    type: str | None


def read_header(token: str) -> UnverifiedHeader:
    """Read the header of a compact JWS.

    Raises InvalidToken: `token_too_large`, `token_malformed`, `token_algorithm_refused`.
    """
    if len(token) > TOKEN_BYTES_MAX:
        raise InvalidToken("token_too_large", f"a token has at most {TOKEN_BYTES_MAX} bytes")
    if not _COMPACT.fullmatch(token):
        raise InvalidToken("token_malformed", "not three base64url parts")
    header = _json_object(_decode_part(token.split(".", 1)[0]))
    if "crit" in header:
        raise InvalidToken("token_malformed", "no critical header extension is understood here")
    if any(name in header for name in _OFFERED_KEYS):
        raise InvalidToken("token_malformed", "a token must not bring its own key")
    algorithm = header.get("alg")
    if not isinstance(algorithm, str) or algorithm.lower() == "none":
        raise InvalidToken("token_algorithm_refused", "the token is not signed")
    return UnverifiedHeader(algorithm, _short_text(header, "kid"), _short_text(header, "typ"))


def verify_signature(token: str, key: PyJWK | bytes, algorithm: str) -> dict[str, Any]:
    """Check the signature with one key and one algorithm, then read the claims.

    `algorithm` is the verifier's, never the token's word. Raises InvalidToken: `token_signature_invalid`,
    `token_malformed`.
    """
    try:
        payload = cast(bytes, _jws.decode_complete(token, key, algorithms=[algorithm])["payload"])
    except (PyJWTError, ValueError, TypeError) as error:
        raise InvalidToken("token_signature_invalid", "the signature does not match") from error
    return _json_object(payload)


def _decode_part(part: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError as error:
        raise InvalidToken("token_malformed", "not base64url") from error


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
