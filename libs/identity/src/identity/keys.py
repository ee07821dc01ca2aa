"""Public keys out of a JSON Web Key Set (RFC 7517): which of them may verify a signature."""

import json
from typing import Any, Final, Literal, cast

import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

SigningAlgorithm = Literal["EdDSA", "ES256", "RS256"]
KeyIndex = dict[tuple[str, str], PyJWK]
"""Keys by (kid, algorithm)."""

KEYS_MAX: Final = 64
_RSA_BITS_MIN: Final = 2048
_KEY_TYPES: Final = {"OKP": "EdDSA", "EC": "ES256", "RSA": "RS256"}
_log = structlog.stdlib.get_logger("identity.keys")


def read_key_set(document: bytes) -> KeyIndex:
    """Read a JWKS document; keys that cannot verify our signatures are left out, not fatal.

    A shared secret (`oct`), a private key, an encryption key, an RSA key under 2048 bits and a second
    key with the same kid and algorithm are left out. Raises ValueError if it is no key set at all.
    """
    value: object = json.loads(document)
    keys = cast(dict[str, object], value).get("keys") if isinstance(value, dict) else None
    if not isinstance(keys, list):
        raise ValueError("a JWKS document is an object with a list of keys")  # noqa: TRY004 - one error for the caller
    index: KeyIndex = {}
    for entry in cast(list[object], keys)[:KEYS_MAX]:
        key = _public_key(cast(dict[str, Any], entry)) if isinstance(entry, dict) else None
        if key is not None and key.key_id is not None:
            index.setdefault((key.key_id, key.algorithm_name), key)
    return index


def _public_key(entry: dict[str, Any]) -> PyJWK | None:
    algorithm = _KEY_TYPES.get(str(entry.get("kty")))
    fits = (
        algorithm is not None
        and entry.get("alg", algorithm) == algorithm
        and entry.get("use", "sig") == "sig"
        and "verify" in entry.get("key_ops", ["verify"])
        and isinstance(entry.get("kid"), str)
        and "d" not in entry
    )
    if not fits:
        _log.warning("jwk_left_out", kty=str(entry.get("kty"))[:16])
        return None
    try:
        key = PyJWK(entry, algorithm)
    except (PyJWTError, ValueError, TypeError):
        _log.warning("jwk_unreadable", kty=str(entry.get("kty"))[:16])
        return None
    if isinstance(key.key, RSAPublicKey) and key.key.key_size < _RSA_BITS_MIN:
        _log.warning("jwk_too_short", bits=key.key.key_size)
        return None
    return key
