"""The run token: by which a tool server knows for whom and for which run it is called. The model never sees it.

agent_runner mints one per run and puts it into the headers of the MCP connection; the task tools verify it.
"""

import time
from dataclasses import dataclass
from datetime import datetime
from typing import Final

import jwt

from identity.errors import InvalidToken
from identity.token import Expected, expiry_of, read_header, read_text, read_user_id
from identity.verifiers import decode_with_secret

RUN_TOKEN_TYPE: Final = "natter-run+jwt"  # noqa: S105 - a type, not a secret
RUN_TOKEN_ISSUER: Final = "natter-run"  # noqa: S105 - a name
RUN_TOKEN_AUDIENCE: Final = "natter-tools"  # noqa: S105 - a name
RUN_TOKEN_TTL_SECONDS: Final = 600
_ID_LENGTH_MAX: Final = 128
# Runner and tool server may be on two machines: a little leeway keeps a fresh token from being early.
_EXPECTED: Final = Expected(RUN_TOKEN_ISSUER, RUN_TOKEN_AUDIENCE, leeway_seconds=5)


@dataclass(frozen=True)
class RunIdentity:
    """For whom a tool acts: the user, and the run (with its epoch) that called it."""

    user_id: str
    run_id: str
    conversation_id: str
    epoch: int


@dataclass(frozen=True)
class VerifiedRun:
    """A run identity that a token has proven, until `expires_at` (UTC)."""

    identity: RunIdentity
    expires_at: datetime


def mint(identity: RunIdentity, secret: bytes, *, ttl_seconds: int = RUN_TOKEN_TTL_SECONDS) -> str:
    """A token (HS256 with RUN_TOKEN_SECRET, at least 32 bytes) that proves `identity` for `ttl_seconds`."""
    issued_at = int(time.time())
    claims = {
        "iss": RUN_TOKEN_ISSUER,
        "aud": RUN_TOKEN_AUDIENCE,
        "sub": identity.user_id,
        "run_id": identity.run_id,
        "conversation_id": identity.conversation_id,
        "epoch": identity.epoch,
        "iat": issued_at,
        "exp": issued_at + ttl_seconds,
    }
    return jwt.encode(claims, secret, "HS256", headers={"typ": RUN_TOKEN_TYPE})


def verify(token: str, secret: bytes) -> VerifiedRun:
    """The run that the token proves. Raises InvalidToken."""
    header = read_header(token)
    if header.type != RUN_TOKEN_TYPE:
        raise InvalidToken("token_type_wrong", "this is not a run token")
    claims = decode_with_secret(token, header, secret, _EXPECTED)
    epoch: object = claims.get("epoch")
    if isinstance(epoch, bool) or not isinstance(epoch, int) or epoch < 0:
        raise InvalidToken("token_claim_invalid", "epoch must be a whole number")
    identity = RunIdentity(
        user_id=read_user_id(claims, "sub"),
        run_id=read_text(claims, "run_id", _ID_LENGTH_MAX),
        conversation_id=read_text(claims, "conversation_id", _ID_LENGTH_MAX),
        epoch=epoch,
    )
    return VerifiedRun(identity, expiry_of(claims))
