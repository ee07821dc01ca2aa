"""The principal that a verified token proves, with what only the receiver of the token needs to know."""

from datetime import datetime
from typing import Any

from contracts.identity import Principal
from pydantic import Field


class VerifiedPrincipal(Principal):
    """A `Principal` of contracts, as it goes into every command, and until when it holds.

    `expires_at` is in UTC; `token_id` is the token's jti; `claims` are all that the token says. None of them travels
    over the bus: a message has the fields of its declared type only. `issued_at` goes with the proof of a request: the
    store refuses a token that is older than the user's last sign-out everywhere, and knows nothing of tokens else.
    """

    issued_at: datetime
    expires_at: datetime
    token_id: str | None = None
    claims: dict[str, Any] = Field(default_factory=dict, repr=False)
