"""What a service token looks like: who makes one shows it once, and hands on its hash alone."""

import hashlib
import secrets
from typing import Final

from contracts.ids import TokenHash

TOKEN_PREFIX: Final = "natter_st_"  # noqa: S105 - what such tokens begin with, so that scanners of secrets find them
TOKEN_BYTES: Final = 32


def new_token() -> str:
    return TOKEN_PREFIX + secrets.token_urlsafe(TOKEN_BYTES)


def hash_of(token: str) -> TokenHash:
    return hashlib.sha256(token.encode()).hexdigest()
