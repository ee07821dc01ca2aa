"""The chat-only token: minted by auth_edge for a page that embeds the chat, verified by auth_edge and stream_relay.

It is shaped to be `getClientSecret`'s answer in ChatKit. It opens the chat of one user, or of one conversation
of that user, and nothing else. Its own secret, `typ`, issuer and audience keep it apart from every other token.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

import jwt
from pydantic import ValidationError

from identity.errors import InvalidToken
from identity.principal import VerifiedPrincipal
from identity.token import (
    KEY_ID_LENGTH_MAX,
    TOKEN_BYTES_MAX,
    Expected,
    expiry_of,
    issued_of,
    read_header,
    read_text,
    read_user_id,
)
from identity.verifiers import decode_with_secret

CHAT_TOKEN_TYPE: Final = "natter-chat+jwt"  # noqa: S105 - a type, not a secret
CHAT_TOKEN_PARTY: Final = "natter-chat"  # noqa: S105 - issuer and audience
CHAT_TOKEN_TTL_SECONDS: Final = 600
_CONVERSATION_ID_LENGTH_MAX: Final = 64


@dataclass(frozen=True)
class ChatToken:
    """A minted token. `session_id` is its jti (`sess_…`); `expires_at` is in UTC."""

    session_id: str
    client_secret: str
    expires_at: datetime


@dataclass(frozen=True)
class ChatTokens:
    """Mints and verifies chat-only tokens with one secret (CHAT_TOKEN_SECRET, at least 32 bytes)."""

    secret: bytes
    ttl_seconds: int = CHAT_TOKEN_TTL_SECONDS

    def mint(
        self,
        user_id: str,
        conversation_id: str | None = None,
        claims_of_user: Mapping[str, object] | None = None,
        *,
        proven_at: datetime | None = None,
    ) -> ChatToken:
        """A token for this user, bound to the conversation if one is given. ``claims_of_user``: what the token that
        asks for this one says of the user, and assistants may see; ``proven_at``: when that one was issued, for this
        one outlives no revocation that it does not. Raises InvalidToken: `token_too_large`.
        """
        issued_at = int(time.time())
        expires_at = issued_at + self.ttl_seconds
        session_id = f"sess_{secrets.token_hex(16)}"
        claims: dict[str, object] = {
            "iss": CHAT_TOKEN_PARTY,
            "aud": CHAT_TOKEN_PARTY,
            "sub": user_id,
            "iat": issued_at,
            "auth_time": issued_at if proven_at is None else int(proven_at.timestamp()),
            "exp": expires_at,
            "jti": session_id,
        }
        if conversation_id is not None:
            claims["conversation_id"] = conversation_id
        if claims_of_user:
            claims["claims"] = dict(claims_of_user)
        token = jwt.encode(claims, self.secret, "HS256", headers={"typ": CHAT_TOKEN_TYPE})
        if len(token) > TOKEN_BYTES_MAX:
            raise InvalidToken("token_too_large", "the claims of the user do not fit into a chat token")
        return ChatToken(session_id, token, datetime.fromtimestamp(expires_at, UTC))

    def verify(self, token: str) -> VerifiedPrincipal:
        """The principal of scope `chat` that the token proves. Raises InvalidToken."""
        header = read_header(token)
        if header.type != CHAT_TOKEN_TYPE:
            raise InvalidToken("token_type_wrong", "this is not a chat token")
        claims = decode_with_secret(token, header, self.secret, Expected(CHAT_TOKEN_PARTY, CHAT_TOKEN_PARTY))
        bound = "conversation_id" in claims
        try:
            return VerifiedPrincipal(
                user_id=read_user_id(claims, "sub"),
                scope="chat",
                conversation_id=read_text(claims, "conversation_id", _CONVERSATION_ID_LENGTH_MAX) if bound else None,
                issued_at=issued_of(claims, "auth_time" if "auth_time" in claims else "iat"),
                expires_at=expiry_of(claims),
                token_id=read_text(claims, "jti", KEY_ID_LENGTH_MAX),
                claims=claims.get("claims") or {},
            )
        except ValidationError as error:
            raise InvalidToken("token_claim_invalid", "the claims are not those of a chat token") from error
