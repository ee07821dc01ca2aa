"""What can be wrong with a token, and what to answer.

InvalidToken      the caller must get another token: 401
KeysUnavailable   the issuer's keys could never be fetched: a RetryableError of contracts, so 503, try again
"""

from typing import Literal

from contracts.errors import Code, RetryableError

TokenCode = Literal[
    "token_missing",
    "token_malformed",
    "token_too_large",
    "token_algorithm_refused",
    "token_key_unknown",
    "token_signature_invalid",
    "token_expired",
    "token_revoked",
    "token_lifetime_too_long",
    "token_not_yet_valid",
    "token_issuer_wrong",
    "token_audience_wrong",
    "token_type_wrong",
    "token_claim_invalid",
]
"""The `reason` of a 401, whose code is `unauthenticated`. Stable for ever: clients and dashboards match on these."""


class InvalidToken(Exception):  # noqa: N818 - named by what it says, like every error here
    """The token does not prove an identity.

    `code` says why; `detail` is for the developer of a client and never repeats a part of the token.
    """

    def __init__(self, code: TokenCode, detail: str) -> None:
        super().__init__(f"{code}: {detail}")
        self.code: TokenCode = code
        self.detail = detail


class KeysUnavailable(RetryableError):  # noqa: N818
    """No key of the issuer has been fetched yet, so that no token can be judged."""

    def __init__(self, detail: str, retry_after_seconds: float = 2) -> None:
        super().__init__(Code.IDENTITY_UNAVAILABLE, detail, retry_after_seconds=retry_after_seconds)
