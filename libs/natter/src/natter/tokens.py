"""Access tokens that the stack of a data directory accepts, for `natter token`."""

import re
import time

import jwt
from identity.local_issuer import LocalIssuer

from natter.data_directory import DataDirectory

ISSUER = AUDIENCE = "natter"
TTL_SECONDS_MAX = 365 * 24 * 60 * 60
UNITS_SECONDS = {"": 1, "s": 1, "m": 60, "h": 60 * 60, "d": 24 * 60 * 60}


def read_duration_seconds(text: str) -> int:
    """Read `90s`, `15m`, `2h`, `1d` or bare seconds. Raises ValueError."""
    match = re.fullmatch(r"(\d{1,9})([smhd]?)", text.strip())
    if match is None:
        raise ValueError(f"{text!r} is no duration: write for instance 90s, 15m, 2h or 1d")
    seconds = int(match[1]) * UNITS_SECONDS[match[2]]
    if not 0 < seconds <= TTL_SECONDS_MAX:
        raise ValueError(f"{text!r} is not between one second and a year")
    return seconds


def mint(directory: DataDirectory, user_id: str, ttl_seconds: int) -> str:
    """Mint a token for a user: EdDSA where the stack runs with the web app, else HS256 with BETTER_AUTH_SECRET."""
    state = directory.read_state()
    if state is not None and state.jwt_verifier == "jwks":
        return LocalIssuer.open(directory.issuer).mint(user_id, ttl_seconds=ttl_seconds)
    secrets = directory.read_secrets()
    directory.write_secrets(secrets)  # made just now, if no stack ever ran here
    now = int(time.time())
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": user_id, "iat": now, "exp": now + ttl_seconds}
    return jwt.encode(claims, secrets.better_auth_secret, algorithm="HS256")
