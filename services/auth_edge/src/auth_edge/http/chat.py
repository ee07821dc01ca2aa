"""POST /chat: a message in plain REST; and the start of a turn, which the ChatKit operations share."""

from typing import Annotated, Final
from urllib.parse import quote

from contracts.commands import ATTACHMENTS_PER_MESSAGE_MAX, BeginTurn, IdempotencyKey, OnBusy, TurnLimits
from contracts.errors import Code, RetryableError
from contracts.ids import AssistantId, AttachmentId, ConversationId, MessageId
from contracts.message import Json
from contracts.replies import TurnBegun
from contracts.text import MessageText
from fastapi import Header, Response
from pydantic import AfterValidator, ConfigDict, Field

from auth_edge import rules, translate
from auth_edge.http.bodies import Sent, TurnAccepted, refuse_blank
from auth_edge.http.call import Call, UserCall, rate_limit, rate_limit_policy, user_router
from auth_edge.http.documented import problems, with_headers
from auth_edge.http.requester import KnownRequester
from auth_edge.settings import Settings

router = user_router("chat")

NEWER_FIELDS: Final = ("assistant_id", "edited_message_id", "attachments")
"""Not part of a body's hash where they are absent: then the request is the same that the release before has hashed."""

IdempotencyKeyHeader = Annotated[
    IdempotencyKey | None,
    Header(
        alias="Idempotency-Key",
        description="The same key and body give the same run, however often they are sent.",
        examples=["7f3a9c1e"],
    ),
]


async def begin_turn(call: Call, turn: BeginTurn, request: Json) -> TurnBegun:
    """Store the turn; `request` is what was sent, for telling whether a key is used again for another request.

    Raises NatterError: conversation_busy, idempotency_key_reused, rate_limited, too_many_runs, forbidden, not_found,
    assistant_unknown, assistant_not_served.
    """
    settings = call.edge.settings
    bounds = {
        "body_hash": rules.body_hash(request) if turn.idempotency_key else None,
        "limits": TurnLimits(
            turns_per_minute_max=settings.turns_per_minute_max, concurrent_runs_max=settings.concurrent_runs_max
        ),
    }
    command = turn.model_copy(update=bounds)
    try:
        if turn.idempotency_key is None:  # a key may stand for a turn that was stored before: only the store knows
            call.edge.turn_refusals.check(call.principal.user_id)
        return await call.ask(command)
    except RetryableError as error:
        if error.code == Code.RATE_LIMITED:
            call.edge.turn_refusals.keep(call.principal.user_id, error.retry_after_seconds or 1)
            policy = rate_limit_policy("turns", settings.turns_per_minute_max)
            call.answer_headers["ratelimit-policy"] += f", {policy}"
            call.answer_headers["ratelimit"] = rate_limit("turns", 0, error.retry_after_seconds or 1)
        raise


def stream_url(call: Call, run_id: str) -> str:
    return run_stream_url(call.edge.settings, call.principal.user_id, run_id)


def run_stream_url(settings: Settings, user_id: str, run_id: str) -> str:
    """Where the run is streamed: on the same origin, or at PUBLIC_STREAM_URL where no proxy joins the two."""
    return f"{settings.public_stream_url}/api/{quote(user_id, safe='')}/runs/{run_id}/stream"


class NewMessage(Sent):
    """A message to the assistant; without `conversation_id` it begins a new conversation."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"message": "add a task: buy milk"}]})

    attachments: Annotated[list[AttachmentId], Field(max_length=ATTACHMENTS_PER_MESSAGE_MAX)] = Field(
        [], description="Files that were uploaded before; a message that has some may be empty."
    )
    message: Annotated[MessageText, AfterValidator(refuse_blank)] = Field("", validate_default=True)
    conversation_id: ConversationId | None = None
    assistant_id: AssistantId | None = Field(
        None, description="Who answers in a conversation that begins; absent: the default assistant."
    )
    on_busy: OnBusy = Field(
        "reject", description="While a run is active: answer 409, queue behind it, or stop it and begin."
    )
    edited_message_id: MessageId | None = Field(
        None, description="The message of the user that this one is another version of. It begins a branch there."
    )


def _as_sent(sent: NewMessage) -> Json:
    """For telling whether a key is used again for another request."""
    return sent.model_dump(mode="json", exclude={name for name in NEWER_FIELDS if not getattr(sent, name)})


@router.post(
    "/chat",
    status_code=202,
    summary="Send a message",
    responses={202: with_headers("Location", "Idempotency-Replayed"), **problems(404, 409)},
)
async def send_message(
    call: UserCall,
    response: Response,
    sent: NewMessage,
    requester: KnownRequester,
    idempotency_key: IdempotencyKeyHeader = None,
) -> TurnAccepted:
    """Stores the message and answers at once; the assistant's answer is on the stream of the run."""
    command = BeginTurn(
        principal=call.principal,
        conversation_id=sent.conversation_id,
        assistant_id=sent.assistant_id,
        requester=requester,
        input=translate.plain_message(sent.message, sent.edited_message_id, sent.attachments),
        idempotency_key=idempotency_key,
        on_busy=sent.on_busy,
    )
    turn = await begin_turn(call, command, {"chat": _as_sent(sent)})
    url = stream_url(call, turn.run_id)
    response.headers["Location"] = url
    response.headers["Idempotency-Replayed"] = str(turn.replayed).lower()
    return TurnAccepted(
        conversation_id=turn.conversation_id, message_id=turn.message_id, run_id=turn.run_id, stream_url=url
    )
