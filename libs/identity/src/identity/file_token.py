"""The token in the address of a file: one user's, for one attachment, to read it or to upload it, for minutes.

An `<img>` and a download send no Authorization header, and the upload of a ChatKit page does not either: so the address
itself is the right, and is worth little. It has a `typ`, an issuer and an audience of its own, under the secret of chat
tokens, so that neither can stand for the other.
"""

import time
from dataclasses import dataclass
from typing import Any, Final, Literal

import jwt

from identity.chat_token import ChatTokens
from identity.errors import InvalidToken
from identity.principal import VerifiedPrincipal
from identity.token import Expected, expiry_of, issued_of, read_header, read_text, read_user_id
from identity.verifiers import decode_with_secret

FILE_TOKEN_TYPE: Final = "natter-file+jwt"  # noqa: S105 - a type, not a secret
FILE_TOKEN_PARTY: Final = "natter-file"  # noqa: S105 - issuer and audience
READ_SECONDS: Final = 300
"""Addresses to read end at multiples of this: within it they are the same, and a browser's cache helps."""
UPLOAD_SECONDS: Final = 600
_ID_LENGTH_MAX: Final = 64

Access = Literal["read", "upload"]


@dataclass(frozen=True)
class FileTokens:
    """Mints and verifies with the secret of chat tokens."""

    secret: bytes

    @classmethod
    def beside(cls, chat: ChatTokens) -> "FileTokens":
        return cls(chat.secret)

    def mint(self, principal: VerifiedPrincipal, attachment_id: str, access: Access) -> str:
        """What this principal may do with one attachment. It outlives no revocation that their own token does not."""
        now = int(time.time())
        begun = now if access == "upload" else now - now % READ_SECONDS
        claims: dict[str, Any] = {
            "iss": FILE_TOKEN_PARTY,
            "aud": FILE_TOKEN_PARTY,
            "sub": principal.user_id,
            "iat": begun,
            "auth_time": int(principal.issued_at.timestamp()),
            "exp": begun + (UPLOAD_SECONDS if access == "upload" else 2 * READ_SECONDS),
            "file": attachment_id,
            "access": access,
        }
        if principal.conversation_id is not None:
            claims["conversation_id"] = principal.conversation_id
        return jwt.encode(claims, self.secret, "HS256", headers={"typ": FILE_TOKEN_TYPE})

    def verify(self, token: str, attachment_id: str, access: Access) -> VerifiedPrincipal:
        """Who may do this with this attachment, by the token. Raises InvalidToken."""
        header = read_header(token)
        if header.type != FILE_TOKEN_TYPE:
            raise InvalidToken("token_type_wrong", "this is no token of a file")
        claims = decode_with_secret(token, header, self.secret, Expected(FILE_TOKEN_PARTY, FILE_TOKEN_PARTY))
        if claims.get("file") != attachment_id or claims.get("access") != access:
            raise InvalidToken("token_claim_invalid", "this address is for another file, or for something else")
        bound = "conversation_id" in claims
        return VerifiedPrincipal(
            user_id=read_user_id(claims, "sub"),
            scope="chat",
            conversation_id=read_text(claims, "conversation_id", _ID_LENGTH_MAX) if bound else None,
            issued_at=issued_of(claims, "auth_time"),
            expires_at=expiry_of(claims),
        )
