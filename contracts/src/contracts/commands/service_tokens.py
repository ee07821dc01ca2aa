"""Commands about service tokens, with which another system begins turns for users."""

from typing import Annotated, ClassVar

from pydantic import Field

from contracts.assistants import Label
from contracts.commands.turns import BeginTurn
from contracts.identity import Principal, UserId
from contracts.ids import AssistantId, ServiceTokenId, TokenHash
from contracts.message import Command
from contracts.replies import Done, ServiceTokenReply, TurnBegun

SCOPED_TO_MAX = 100
SECONDS_MAX = 10 * 366 * 24 * 3600


class CreateServiceToken(Command[ServiceTokenReply]):
    """Keep a token by its hash, which is all that anybody knows of it but its holder.

    ``user_ids``, ``assistant_ids``: for whom it may begin turns, and who answers them; none: for all, and by all.
    """

    subject_template: ClassVar[str] = "command.conversation_store.create_service_token"
    name: Label
    token_hash: TokenHash
    user_ids: Annotated[tuple[UserId, ...], Field(max_length=SCOPED_TO_MAX)] = ()
    assistant_ids: Annotated[tuple[AssistantId, ...], Field(max_length=SCOPED_TO_MAX)] = ()
    holds_seconds: Annotated[int, Field(gt=0, le=SECONDS_MAX)] | None = None


class RevokeServiceToken(Command[Done]):
    """Let a token hold no more. Errors: not_found."""

    subject_template: ClassVar[str] = "command.conversation_store.revoke_service_token"
    token_id: ServiceTokenId


class CreateOwnServiceToken(Command[ServiceTokenReply]):
    """Let another system begin turns for the user who says so, and for nobody else.

    Errors: quota_exceeded, forbidden (a chat session), assistant_unknown.
    """

    subject_template: ClassVar[str] = "command.conversation_store.create_own_service_token"
    principal: Principal
    name: Label
    token_hash: TokenHash
    assistant_ids: Annotated[tuple[AssistantId, ...], Field(max_length=SCOPED_TO_MAX)] = ()
    holds_seconds: Annotated[int, Field(gt=0, le=SECONDS_MAX)] | None = None


class RevokeOwnServiceToken(Command[Done]):
    """Let a token of the user's hold no more, and forget it. Errors: not_found, forbidden."""

    subject_template: ClassVar[str] = "command.conversation_store.revoke_own_service_token"
    principal: Principal
    token_id: ServiceTokenId


class SubmitTurn(Command[TurnBegun]):
    """Begin a turn for a user with a service token: the token's hash is the proof, no user's token is there.

    ``turn``: as if the user had begun it, by its principal. Errors: unauthenticated (no such token, or not any more),
    forbidden (not for this user), assistant_unknown, assistant_not_served (not for this assistant), and those of
    `BeginTurn`.
    """

    subject_template: ClassVar[str] = "command.conversation_store.submit_turn"
    token_hash: TokenHash
    turn: BeginTurn
