"""Who may do what at the door, and how much: pure decisions."""

import hashlib
import json
from typing import Final

from contracts.errors import Code, TerminalError
from contracts.identity import Principal
from contracts.message import Json

ROLE_CLAIM: Final = "natter_role"
"""The token's claim that says what its user may. No word that other issuers have for something of theirs."""
OPERATOR_ROLE: Final = "operator"

PERMIT_SHARE: Final = 30
"""A replica takes a thirtieth of a user's budget at once; a budget under 60 is counted request by request."""


def admit(principal: Principal, path_user_id: str, *, allows_chat_scope: bool) -> None:
    """The path names the token's own user, and the token's scope opens this route. Raises TerminalError (forbidden)."""
    if principal.user_id != path_user_id:
        raise TerminalError(Code.FORBIDDEN, "The path names another user than the token.", field="user_id")
    if principal.scope == "chat" and not allows_chat_scope:
        raise TerminalError(Code.FORBIDDEN, "A chat token opens chatkit, the assistants, the streams and Stop only.")


def admit_operator(principal: Principal, claims: Json) -> None:
    """The token says that its user is an operator, and is no chat token. Raises TerminalError (operator_only)."""
    if principal.scope != "full" or claims.get(ROLE_CLAIM) != OPERATOR_ROLE:
        raise TerminalError(Code.OPERATOR_ONLY, "This is for operators (natter users make-operator).")


def admit_to_conversation(principal: Principal, conversation_id: str | None) -> None:
    """A token that is bound to a conversation opens no other, and begins none. Raises TerminalError (forbidden)."""
    if principal.conversation_id is not None and principal.conversation_id != conversation_id:
        raise TerminalError(Code.FORBIDDEN, "This chat token is bound to another conversation.")


def permits_to_take(requests_per_minute_max: int) -> int:
    """How many request permits a replica asks the store for at once."""
    return max(1, requests_per_minute_max // PERMIT_SHARE)


def body_hash(request: Json) -> str:
    """What makes two requests of one Idempotency-Key the same: SHA-256 of the canonical JSON."""
    canonical = json.dumps(request, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(canonical.encode()).hexdigest()
