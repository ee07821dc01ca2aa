"""For tests of this library and of those who use it: a clock that stands still, keys, a local JWKS issuer."""

import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, tzinfo
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from identity import IdentitySettings

NOW = 1_790_000_000.0
SECRET = "a shared secret of more than 32 bytes"  # noqa: S105 - of tests
CHAT_SECRET = "the secret of chat tokens, 32 bytes too"  # noqa: S105


@dataclass
class StillClock:
    """The time that identity and PyJWT see; a test sets `now`."""

    now: float = NOW

    def install(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Stop the clocks until the test ends."""
        clock = self

        class StillDatetime(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> Self:
                return cls.fromtimestamp(clock.now, tz)

        monkeypatch.setattr(time, "time", lambda: clock.now)
        monkeypatch.setattr("jwt.api_jwt.datetime", StillDatetime)


@dataclass(frozen=True)
class SigningKey:
    key_id: str
    algorithm: str
    private: Any
    public_jwk: dict[str, Any]

    def sign(self, claims: dict[str, Any], **headers: Any) -> str:
        return jwt.encode(claims, self.private, self.algorithm, headers={"kid": self.key_id, **headers})


def ed25519_key(key_id: str = "ed") -> SigningKey:
    private = Ed25519PrivateKey.generate()
    public = OKPAlgorithm.to_jwk(private.public_key(), as_dict=True)
    # As Better Auth publishes it: with alg and crv, without use.
    return SigningKey(key_id, "EdDSA", private, {**public, "kid": key_id, "alg": "EdDSA"})


def p256_key(key_id: str = "ec") -> SigningKey:
    private = ec.generate_private_key(ec.SECP256R1())
    public = ECAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return SigningKey(key_id, "ES256", private, {**public, "kid": key_id})


def rsa_key(key_id: str = "rsa", bits: int = 2048) -> SigningKey:
    private = rsa.generate_private_key(65537, bits)
    public = RSAAlgorithm.to_jwk(private.public_key(), as_dict=True)
    return SigningKey(key_id, "RS256", private, {**public, "kid": key_id})


def claims(**changes: Any) -> dict[str, Any]:
    """Good claims; a change to None takes the claim out."""
    good = {"iss": "natter", "aud": "natter", "sub": "alice", "iat": NOW - 10, "exp": NOW + 900}
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def settings(**values: Any) -> IdentitySettings:
    return IdentitySettings.model_validate({"chat_token_secret": CHAT_SECRET, **values})


@dataclass
class Issuer:
    """A real HTTP server with a JWKS; `status` 503 makes it be away."""

    url: str
    keys: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    status: int = 200
    fetches: int = 0
    body: bytes | None = None


@contextmanager
def running_issuer() -> Generator[Issuer]:
    """An issuer on a free port of loopback, stopped on leaving."""
    served = Issuer("")

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.fetches += 1
            body = served.body if served.body is not None else json.dumps({"keys": served.keys}).encode()
            self.send_response(served.status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002 - overridden
            return

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        served.url = f"http://127.0.0.1:{server.server_address[1]}/api/auth/jwks"
        yield served
        server.shutdown()
        thread.join()
