"""Service tokens: with one, another system begins turns for users whom an operator has named, or for its owner."""

from functools import partial

from contracts.commands import (
    CreateOwnServiceToken,
    CreateServiceToken,
    RevokeOwnServiceToken,
    RevokeServiceToken,
    SubmitTurn,
)
from contracts.errors import Code, TerminalError
from contracts.ids import ServiceTokenId
from contracts.queries import ListOwnServiceTokens, ListServiceTokens
from contracts.replies import Done, ServiceTokenList, ServiceTokenReply, ServiceTokenView, TurnBegun

from conversation_store import audit
from conversation_store.database import Database, Row, Transaction
from conversation_store.statements import Statements, json_text
from conversation_store.turns import begin
from conversation_store.turns.rules import TurnBounds, assistant_of_turn, quota_exceeded
from conversation_store.users import check_not_bound
from conversation_store.views import loads

sql = Statements.beside(__file__)

LISTED_MAX = 200


async def create_service_token(
    transaction: Transaction, command: CreateServiceToken, token_id: ServiceTokenId
) -> ServiceTokenReply:
    """Keep its hash. Raises TerminalError (invalid_request): there is one of this hash."""
    row = await transaction.row(
        sql.create_token,
        token_id=token_id,
        name=command.name,
        token_hash=command.token_hash,
        user_ids=json_text(command.user_ids),
        assistant_ids=json_text(command.assistant_ids),
        holds_seconds=command.holds_seconds,
    )
    if row is None:
        raise TerminalError(Code.INVALID_REQUEST, "There is a token of this hash.", field="token_hash")
    await audit.note(transaction, None, "service_token_created", token_id=token_id)
    return ServiceTokenReply(token=_view(row))


async def list_service_tokens(transaction: Transaction, _query: ListServiceTokens) -> ServiceTokenList:
    """The newest first, revoked ones included."""
    rows = await transaction.rows(sql.list_tokens, limit=LISTED_MAX)
    return ServiceTokenList(data=tuple(_view(row) for row in rows))


async def revoke_service_token(transaction: Transaction, command: RevokeServiceToken) -> Done:
    """Let it hold no more. Raises TerminalError (not_found)."""
    if not await transaction.execute(sql.revoke_token, token_id=command.token_id):
        raise TerminalError.not_found("service token")
    await audit.note(transaction, None, "service_token_revoked", token_id=command.token_id)
    return Done()


async def create_own(
    transaction: Transaction,
    command: CreateOwnServiceToken,
    token_id: ServiceTokenId,
    *,
    assistants: tuple[str, ...],
    tokens_max: int,
) -> ServiceTokenReply:
    """Keep a user's own. Raises TerminalError: forbidden (a chat session), assistant_unknown, quota_exceeded."""
    check_not_bound(command.principal)
    for assistant_id in command.assistant_ids:
        assistant_of_turn(assistant_id, None, assistants)
    await transaction.execute(sql.know_user, command)
    ids = json_text(command.assistant_ids)
    row = await transaction.row(sql.create_own, command, token_id=token_id, assistants=ids, tokens_max=tokens_max)
    if row is None:
        raise quota_exceeded(f"At most {tokens_max} service tokens are kept.", "service_tokens")
    await audit.note(transaction, command.principal.user_id, "service_token_created", token_id=token_id)
    return ServiceTokenReply(token=_view(row))


async def list_own(transaction: Transaction, query: ListOwnServiceTokens) -> ServiceTokenList:
    """The newest first. Raises TerminalError (forbidden)."""
    check_not_bound(query.principal)
    rows = await transaction.rows(sql.list_own, query)
    return ServiceTokenList(data=tuple(_view(row) for row in rows))


async def revoke_own(transaction: Transaction, command: RevokeOwnServiceToken) -> Done:
    """Forget it, so that it holds no more. Raises TerminalError: forbidden, not_found."""
    check_not_bound(command.principal)
    if not await transaction.execute(sql.forget_own, command):
        raise TerminalError.not_found("service token")
    await audit.note(transaction, command.principal.user_id, "service_token_revoked", token_id=command.token_id)
    return Done()


async def submit_turn(database: Database, command: SubmitTurn, new: begin.NewTurn, bounds: TurnBounds) -> TurnBegun:
    """Begin a turn for a user, and note who did. Raises NatterError: unauthenticated, forbidden, those of a turn."""
    token: Row | None = await database.transact(None, lambda t: t.row(sql.use_token, token_hash=command.token_hash))
    if token is None:
        raise TerminalError(Code.UNAUTHENTICATED, "This service token does not hold.")
    user_id = command.turn.principal.user_id
    view = _view(token)
    if view.user_ids and user_id not in view.user_ids:
        raise TerminalError(Code.FORBIDDEN, "This service token is not for this user.")
    allowed = bounds.only(view.assistant_ids)
    if not allowed.assistants:
        raise TerminalError(Code.ASSISTANT_NOT_SERVED, "No assistant of this service token is offered.")
    return await database.transact(user_id, partial(_submit, command=command, new=new, bounds=allowed, token=view))


async def _submit(
    transaction: Transaction, *, command: SubmitTurn, new: begin.NewTurn, bounds: TurnBounds, token: ServiceTokenView
) -> TurnBegun:
    begun = await begin.begin_turn(transaction, command.turn, new, bounds)
    if not begun.replayed:
        details = {"token_id": token.token_id, "run_id": begun.run_id, "conversation_id": begun.conversation_id}
        await audit.note(transaction, command.turn.principal.user_id, "turn_submitted", **details)
    return begun


def _view(row: Row) -> ServiceTokenView:
    known = {name: row[name] for name in ServiceTokenView.model_fields}
    lists = {name: loads(row[name]) for name in ("user_ids", "assistant_ids")}
    return ServiceTokenView(**{**known, **lists})
