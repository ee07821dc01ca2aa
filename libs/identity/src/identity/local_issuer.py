"""An issuer in a folder: an Ed25519 key and its public JWKS file, for `natter token`, development and tests."""

import json
import os
import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self

import jwt
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)
from jwt.algorithms import OKPAlgorithm

PRIVATE_KEY_FILE: Final = "issuer-key.pem"
JWKS_FILE: Final = "jwks.json"


@dataclass(frozen=True)
class LocalIssuer:
    """Mints access tokens that a verifier with JWT_JWKS_URL=<jwks_url> accepts."""

    folder: Path
    key: Ed25519PrivateKey
    key_id: str

    @classmethod
    def open(cls, folder: Path) -> Self:
        """The issuer of this folder; its key (mode 0600) and `jwks.json` are made on first use."""
        folder.mkdir(parents=True, exist_ok=True)
        key_path = folder / PRIVATE_KEY_FILE
        if not key_path.exists():
            _write_private_key(key_path)
        key = load_pem_private_key(key_path.read_bytes(), password=None)
        if not isinstance(key, Ed25519PrivateKey):
            raise TypeError(f"{key_path} is not an Ed25519 key")
        jwk: dict[str, Any] = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
        key_id = f"local-{str(jwk['x'])[:16]}"
        document = {"keys": [{**jwk, "kid": key_id, "alg": "EdDSA", "use": "sig"}]}
        (folder / JWKS_FILE).write_text(json.dumps(document), encoding="utf-8")
        return cls(folder, key, key_id)

    @property
    def jwks_url(self) -> str:
        """The file URL for JWT_JWKS_URL."""
        return (self.folder / JWKS_FILE).resolve().as_uri()

    def mint(
        self,
        user_id: str,
        *,
        ttl_seconds: int = 900,
        issued_seconds_ago: int = 0,
        issuer: str = "natter",
        audience: str = "natter",
        **more: object,
    ) -> str:
        """An access token for `user_id`, with ``more`` claims."""
        now = int(time.time()) - issued_seconds_ago
        claims = {**more, "iss": issuer, "aud": audience, "sub": user_id, "iat": now, "exp": now + ttl_seconds}
        return jwt.encode(
            {**claims, "jti": secrets.token_hex(16)}, self.key, "EdDSA", headers={"kid": self.key_id, "typ": None}
        )


def _write_private_key(path: Path) -> None:
    pem = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    staged = path.with_suffix(f".{os.getpid()}")
    with os.fdopen(os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(pem)
    try:
        os.link(staged, path)  # fails if another process was first: its key is then the folder's key
    except FileExistsError:
        pass
    finally:
        staged.unlink()
