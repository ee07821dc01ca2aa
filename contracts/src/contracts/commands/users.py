"""Commands about the user as a whole."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from contracts.identity import Principal
from contracts.message import Command
from contracts.replies import (
    Done,
    ErasureReceipt,
    RateChecked,
    TokensFloor,
)


class EraseUser(Command[ErasureReceipt]):
    """Remove everything of the user, in Postgres and in DELTAS, and leave a receipt."""

    subject_template: ClassVar[str] = "command.conversation_store.erase_user"
    principal: Principal


class RevokeTokens(Command[TokensFloor]):
    """Let no token of the user hold that was issued before now; streams opened with one end. What runs goes on."""

    subject_template: ClassVar[str] = "command.conversation_store.revoke_tokens"
    principal: Principal


ExportFormat = Literal["json", "markdown", "zip"]


class BeginExport(Command[Done]):
    """Note that the user takes everything along, and count it. Errors: rate_limited, forbidden (a chat session)."""

    subject_template: ClassVar[str] = "command.conversation_store.begin_export"
    principal: Principal
    exports_per_hour_max: Annotated[int, Field(ge=1)]
    format: ExportFormat = "json"


class TakeRequestPermit(Command[RateChecked]):
    """Count HTTP requests against the user's budget, across all replicas. Errors: rate_limited.

    ``permits`` may be taken at once and used within the window, so that not every request asks the store; fewer
    are granted where fewer are left, and ``rate_limited`` is the answer where none is.
    """

    subject_template: ClassVar[str] = "command.conversation_store.take_request_permit"
    principal: Principal
    requests_per_minute_max: Annotated[int, Field(ge=1)]
    permits: Annotated[int, Field(ge=1)] = 1
