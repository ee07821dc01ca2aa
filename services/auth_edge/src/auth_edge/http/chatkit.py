"""POST /chatkit: the ChatKit protocol. JSON operations are answered here, streaming ones by 303 to the run's stream."""

import json
from functools import partial
from typing import Annotated

from chatkit.types import (
    AttachmentsCreateReq,
    AttachmentsDeleteReq,
    ChatKitReq,
    InputTranscribeReq,
    ItemsFeedbackReq,
    ItemsListReq,
    ThreadsAddClientToolOutputReq,
    ThreadsAddStructuredInputReq,
    ThreadsAddUserMessageReq,
    ThreadsCreateReq,
    ThreadsCustomActionReq,
    ThreadsDeleteReq,
    ThreadsGetByIdReq,
    ThreadsListReq,
    ThreadsRetryAfterItemReq,
    ThreadsSyncCustomActionReq,
    ThreadsUpdateReq,
    TranscriptionResult,
)
from contracts.commands import BeginTurn, ClientToolOutput, CustomAction, OnBusy, Retry, TurnInput, UserMessage
from contracts.ids import MessageId
from contracts.message import Json
from fastapi import Header, Request, Response

from auth_edge import rules, translate
from auth_edge.http import actions, attachments, threads
from auth_edge.http.call import CHAT_SCOPE, Call, UserCall, user_router
from auth_edge.http.chat import IdempotencyKeyHeader, begin_turn, stream_url
from auth_edge.http.documented import CHATKIT_ANSWER, CHATKIT_REQUEST, SEE_OTHER, problems
from auth_edge.http.requester import KnownRequester
from auth_edge.transcription import Transcriber

router = user_router("chatkit")

OnBusyHeader = Annotated[
    OnBusy,
    Header(alias="Natter-On-Busy", description="While a run is active: answer 409, queue, or stop it and begin."),
]
EditHeader = Annotated[
    MessageId | None,
    Header(
        alias="Natter-Edit",
        description="With `threads.add_user_message`: the message of the user that this one is another version of.",
        examples=["msg_0199a1b2c3d4"],
    ),
]

AssistantHeader = Annotated[
    str | None,
    Header(
        alias="Natter-Assistant",
        description="Who answers in a thread that begins; `metadata.assistant_id` of the request says the same. "
        "Absent: the default assistant.",
        examples=["support"],
    ),
]


@router.post(
    "/chatkit",
    summary="Speak ChatKit",
    openapi_extra={**CHAT_SCOPE, **CHATKIT_REQUEST},
    response_class=Response,
    responses={200: CHATKIT_ANSWER, 303: SEE_OTHER, **problems(400, 404, 409)},
)
async def speak_chatkit(
    call: UserCall,
    request: Request,
    requester: KnownRequester,
    idempotency_key: IdempotencyKeyHeader = None,
    on_busy: OnBusyHeader = "reject",
    edited_message_id: EditHeader = None,
    assistant: AssistantHeader = None,
) -> Response:
    """The one endpoint of ChatKit: `{type, params}`. Operations that answer with a stream redirect to it."""
    body = await request.body()
    parsed = translate.parse_request(body)
    turn = _turn_of(parsed)
    if turn is None:
        return await _answer(parsed, call)
    turn_input, conversation_id, model = turn
    request_sent = json.loads(body)
    if edited_message_id is not None and isinstance(turn_input, UserMessage):
        turn_input = turn_input.model_copy(update={"edited_message_id": edited_message_id})
        request_sent = {"edited_message_id": edited_message_id, "request": request_sent}
    rules.admit_to_conversation(call.principal, conversation_id)
    command = BeginTurn(
        principal=call.principal,
        conversation_id=conversation_id,
        assistant_id=translate.assistant_id(assistant, parsed.metadata),
        requester=requester,
        input=turn_input,
        idempotency_key=idempotency_key,
        on_busy=on_busy,
        model=model,
    )
    named = {"Natter-Assistant": assistant} if assistant else {}
    sent = {**request_sent, **named}
    if isinstance(turn_input, UserMessage) and turn_input.attachments and call.edge.uploads.go_elsewhere:
        call.waits_for.append(partial(_begin_with_files, call, command, turn_input, sent))
        return Response()  # the one above is the answer
    return await _begin(call, command, turn_input, sent)


async def _begin_with_files(call: Call, command: BeginTurn, message: UserMessage, sent: Json) -> Response:
    await attachments.finish_all(call, message.attachments)
    return await _begin(call.renewed(), command, message, sent)


async def _begin(call: Call, command: BeginTurn, turn_input: TurnInput, sent: Json) -> Response:
    begun = await begin_turn(call, command, sent)
    since = "" if begun.wait is None else f"&wait={begun.wait}"  # a decision: what was before it is shown
    headers = {
        "Location": f"{stream_url(call, begun.run_id)}?format=chatkit{since}",
        "Natter-Run": begun.run_id,
        "Natter-Conversation": begun.conversation_id,
        "Idempotency-Replayed": str(begun.replayed).lower(),
    }
    if isinstance(turn_input, CustomAction) and turn_input.is_sync:
        call.waits_for.append(partial(actions.answer, call, turn_input, begun, headers))
    return Response(status_code=303, headers=headers)


def _turn_of(  # noqa: PLR0911 - one for each operation
    request: ChatKitReq,
) -> tuple[TurnInput, str | None, str | None] | None:
    """For an operation that begins a turn: its input, conversation and model. None for the others."""
    match request:
        case ThreadsCreateReq():
            sent = request.params.input
            return translate.user_message(sent), None, sent.inference_options.model
        case ThreadsAddUserMessageReq():
            sent = request.params.input
            return translate.user_message(sent), _thread_id(request.params.thread_id), sent.inference_options.model
        case ThreadsRetryAfterItemReq():
            item_id = translate.checked_id(request.params.item_id, "params.item_id")
            return Retry(message_id=item_id), _thread_id(request.params.thread_id), None
        case ThreadsAddClientToolOutputReq():
            return ClientToolOutput(result=request.params.result), _thread_id(request.params.thread_id), None
        case ThreadsAddStructuredInputReq():
            answers = translate.structured_input(request.params.item_id, request.params.input)
            return answers, _thread_id(request.params.thread_id), None
        case ThreadsCustomActionReq() | ThreadsSyncCustomActionReq():
            action = translate.custom_action(request.params, is_sync=isinstance(request, ThreadsSyncCustomActionReq))
            return action, _thread_id(request.params.thread_id), None
        case _:
            return None


async def _answer(request: ChatKitReq, call: Call) -> Response:  # noqa: PLR0911 - one for each operation
    match request:
        case ThreadsGetByIdReq():
            return await threads.get(call, _thread_id(request.params.thread_id))
        case ThreadsListReq():
            return await threads.list_all(call, request.params)
        case ItemsListReq():
            return await threads.list_items(call, _thread_id(request.params.thread_id), request.params)
        case ThreadsUpdateReq():
            return await threads.rename(call, _thread_id(request.params.thread_id), request.params.title)
        case ThreadsDeleteReq():
            return await threads.delete(call, _thread_id(request.params.thread_id))
        case ItemsFeedbackReq():
            return await threads.record_feedback(call, _thread_id(request.params.thread_id), request.params)
        case AttachmentsCreateReq():
            created = await attachments.chatkit_create(call, request.params)
            return Response(created.model_dump_json(exclude_none=True), media_type="application/json")
        case AttachmentsDeleteReq():
            await attachments.chatkit_delete(call, request.params.attachment_id)
            return Response("{}", media_type="application/json")
        case InputTranscribeReq() if call.edge.transcriber is not None:
            audio, media_type = translate.speech(request.params)
            call.waits_for.append(
                partial(_transcribe, call.edge.transcriber, call.principal.user_id, audio, media_type)
            )
            return Response()  # the one above is the answer
        case _:
            raise translate.not_supported(request)


async def _transcribe(transcriber: Transcriber, user_id: str, audio: bytes, media_type: str) -> Response:
    text = await transcriber.transcribe(user_id, audio, media_type)
    return Response(TranscriptionResult(text=text).model_dump_json(), media_type="application/json")


def _thread_id(value: str) -> str:
    return translate.checked_id(value, "params.thread_id")
