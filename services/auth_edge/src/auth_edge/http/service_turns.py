"""For other systems: with a service token, an operator's or the user's own, they begin a turn for a user."""

from typing import Annotated, Final

from contracts.commands import BeginTurn, OnBusy, SubmitTurn, TurnLimits
from contracts.errors import Code, TerminalError
from contracts.identity import Principal, UserId
from contracts.ids import AssistantId, ConversationId
from contracts.service_tokens import TOKEN_PREFIX, hash_of
from contracts.text import MessageText
from fastapi import APIRouter, Depends, Header, Request, Response
from identity import InvalidToken, read_bearer
from pydantic import AfterValidator, ConfigDict, Field

from auth_edge import rules, translate
from auth_edge.http.bodies import Sent, TurnAccepted, refuse_blank
from auth_edge.http.call import Edge
from auth_edge.http.chat import IdempotencyKeyHeader, run_stream_url
from auth_edge.http.documented import operation_id, problems, with_headers

TOKEN_CHARACTERS_MAX: Final = 200
SERVICES: Final = "\x00services"
"""In the queues of users, all services are one, and nobody's id."""

router = APIRouter(tags=["services"], generate_unique_id_function=operation_id)


async def _token_hash(authorization: Annotated[str | None, Header(include_in_schema=False)] = None) -> str:
    """Raises InvalidToken for what is no service token."""
    token = read_bearer(authorization)
    if not token.startswith(TOKEN_PREFIX) or len(token) > TOKEN_CHARACTERS_MAX:
        raise InvalidToken("token_type_wrong", "this takes a service token")
    return hash_of(token)


class ServiceMessage(Sent):
    """A message that another system sends for a user."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"user_id": "alice", "message": "Order 42 was sent."}]})

    user_id: UserId
    message: Annotated[MessageText, AfterValidator(refuse_blank), Field(min_length=1)]
    conversation_id: ConversationId | None = None
    assistant_id: AssistantId | None = None
    on_busy: OnBusy = "enqueue"


@router.post(
    "/api/service/turns",
    status_code=202,
    summary="Send a message for a user",
    responses={
        202: with_headers("Location", "Idempotency-Replayed"),
        **problems(401, 403, 404, 408, 409, 413, 422, 429, 503),
    },
)
async def submit_turn(
    request: Request,
    response: Response,
    sent: ServiceMessage,
    token_hash: Annotated[str, Depends(_token_hash)],
    idempotency_key: IdempotencyKeyHeader = None,
) -> TurnAccepted:
    """Begins a turn as if the user had sent the message. Takes `Authorization: Bearer` with a service token, which an
    operator made for these users and assistants; the stream is the user's, and opens with a token of theirs."""
    edge: Edge = request.app.state.edge
    settings = edge.settings
    edge.service_turns.admit(token_hash)
    turn = BeginTurn(
        principal=Principal(user_id=sent.user_id),
        conversation_id=sent.conversation_id,
        assistant_id=sent.assistant_id,
        input=translate.plain_message(sent.message, None),
        idempotency_key=idempotency_key,
        body_hash=rules.body_hash({"service": sent.model_dump(mode="json")}) if idempotency_key else None,
        on_busy=sent.on_busy,
        limits=TurnLimits(
            turns_per_minute_max=settings.turns_per_minute_max, concurrent_runs_max=settings.concurrent_runs_max
        ),
    )
    async with edge.places.place(SERVICES):
        try:
            begun = await edge.bus.request(
                SubmitTurn(token_hash=token_hash, turn=turn), timeout_seconds=settings.answer_timeout_seconds
            )
        except TerminalError as error:
            if error.code == Code.UNAUTHENTICATED:
                edge.service_turns.lost(token_hash)
                raise InvalidToken("token_type_wrong", error.detail) from error
            raise
    edge.service_turns.found(token_hash)
    url = run_stream_url(settings, sent.user_id, begun.run_id)
    response.headers["Location"] = url
    response.headers["Idempotency-Replayed"] = str(begun.replayed).lower()
    return TurnAccepted(
        conversation_id=begun.conversation_id, message_id=begun.message_id, run_id=begun.run_id, stream_url=url
    )
