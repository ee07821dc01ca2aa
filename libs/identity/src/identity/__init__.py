"""Who is calling: verification of the JWT, and the short-lived tokens that Natter mints itself."""

from identity.bearer import read_bearer, www_authenticate
from identity.chat_token import ChatToken, ChatTokens
from identity.errors import InvalidToken, KeysUnavailable, TokenCode
from identity.file_token import FileTokens
from identity.principal import VerifiedPrincipal
from identity.settings import IdentitySettings
from identity.verifier import TokenVerifier, open_verifier

__all__ = [
    "ChatToken",
    "ChatTokens",
    "FileTokens",
    "IdentitySettings",
    "InvalidToken",
    "KeysUnavailable",
    "TokenCode",
    "TokenVerifier",
    "VerifiedPrincipal",
    "open_verifier",
    "read_bearer",
    "www_authenticate",
]
