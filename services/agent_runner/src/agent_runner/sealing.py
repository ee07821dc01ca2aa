"""Seals a user's tokens before they leave the runner: whoever reads the store or the bus reads none."""

import base64
import hashlib
import json
from collections.abc import Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet


class Seal:
    """Fernet (AES-128-CBC and HMAC-SHA256) under the first of several secrets; what any of them has sealed is opened.

    So a secret is changed without losing a connection: put the new one in front, and take the old one away when every
    token has been refreshed (what cannot be opened is asked for anew).
    """

    def __init__(self, secrets: Sequence[str]) -> None:
        self._keys = MultiFernet([Fernet(_key_of(secret)) for secret in secrets])

    def seal(self, user_id: str, server: str, content: dict[str, Any]) -> str:
        """The content as text that only holders of the secret read; it is for this user and server."""
        return self._keys.encrypt(json.dumps([user_id, server, content]).encode()).decode()

    def open(self, user_id: str, server: str, sealed: str) -> dict[str, Any] | None:
        """The content; None where no secret fits, or it was sealed for somebody else (a row that was moved)."""
        try:
            owner, name, content = json.loads(self._keys.decrypt(sealed.encode()))
        except (InvalidToken, ValueError):
            return None
        return content if (owner, name) == (user_id, server) else None


def _key_of(secret: str) -> bytes:
    """A key of Fernet's length from a secret of any length; the secret itself is random, so one hash is enough."""
    return base64.urlsafe_b64encode(hashlib.sha256(b"natter connections\0" + secret.encode()).digest())
