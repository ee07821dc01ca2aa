"""ChatKit's requests into our messages (openai-chatkit 1.6, `chatkit.types`); the answers: chatkit_protocol."""

from base64 import b64decode
from collections.abc import Mapping, Sequence
from typing import Final, cast

from chatkit.types import (
    ChatKitReq,
    InputTranscribeParams,
    ItemsListParams,
    StructuredInputSubmission,
    ThreadCustomActionParams,
    ThreadListParams,
    UserMessageInput,
)
from contracts.commands import (
    ATTACHMENTS_PER_MESSAGE_MAX,
    CustomAction,
    MimeType,
    StructuredInput,
    UserMessage,
)
from contracts.errors import Code, TerminalError
from contracts.ids import AssistantId, AttachmentId, Token
from contracts.message import Json
from contracts.text import MESSAGE_CHARACTERS_MAX
from pydantic import TypeAdapter, ValidationError
from pydantic_core import from_json

from auth_edge.bounds import check_bounds

PAGE_SIZE_DEFAULT: Final = 20
PAGE_SIZE_MAX: Final = 100
FEEDBACK_ITEMS_MAX: Final = 100
MODEL_CHARACTERS_MAX: Final = 100
NOT_SUPPORTED: Final = {
    "input.transcribe": "Nobody can dictate here: no model for speech is configured.",
}

_request_adapter: TypeAdapter[ChatKitReq] = TypeAdapter(ChatKitReq)
_mime_type_adapter: TypeAdapter[str] = TypeAdapter(MimeType)
_id_adapter: TypeAdapter[str] = TypeAdapter(Token)
_assistant_id_adapter: TypeAdapter[str] = TypeAdapter(AssistantId)


def parse_request(body: bytes) -> ChatKitReq:
    """Read a ChatKit request. Raises TerminalError: `invalid_request` with the field."""
    try:
        decoded = from_json(body)
    except ValueError as error:
        raise TerminalError(Code.INVALID_REQUEST, "The body is not valid JSON in UTF-8.") from error
    check_bounds(decoded)
    try:
        request = _request_adapter.validate_json(body, strict=True)
    except ValidationError as error:
        raise invalid_request(error) from error
    if b"\\u0000" in body and holds_nul(decoded):
        raise TerminalError(Code.INVALID_REQUEST, "Text must not contain NUL.")
    return request


def not_supported(request: ChatKitReq) -> TerminalError:
    """For an operation of ChatKit that Natter does not have."""
    detail = NOT_SUPPORTED.get(request.type, "This operation is not supported.")
    return TerminalError(Code.NOT_SUPPORTED, detail, field="type")


def invalid_request(error: ValidationError, prefix: str = "") -> TerminalError:
    """The first complaint of pydantic, with the path of the field and without what the caller sent."""
    first = error.errors(include_url=False, include_input=False, include_context=False)[0]
    # ChatKit's union puts the operation's name in front of the path; it is no field.
    path = [str(part) for part in first["loc"] if not (isinstance(part, str) and part.startswith(_OPERATION_PREFIXES))]
    kind = first["type"]
    if kind in ("union_tag_invalid", "union_tag_not_found"):
        return TerminalError(Code.INVALID_REQUEST, "The type is missing or unknown.", field=".".join([*path, "type"]))
    if kind == "json_invalid":
        return TerminalError(Code.INVALID_REQUEST, "The body is not valid JSON in UTF-8.")
    return TerminalError(
        Code.INVALID_REQUEST, f"{first['msg']}.", field=".".join(filter(None, [prefix, *path])) or None
    )


_OPERATION_PREFIXES: Final = ("threads.", "items.", "attachments.", "input.transcribe")


def holds_nul(value: object) -> bool:
    """Whether any text within a JSON value contains NUL, which Postgres cannot store."""
    if isinstance(value, str):
        return "\x00" in value
    if isinstance(value, dict):
        return any("\x00" in key or holds_nul(part) for key, part in cast(dict[str, object], value).items())
    return isinstance(value, list) and any(holds_nul(part) for part in cast(list[object], value))


def checked_id(value: str, field: str) -> str:
    """An id that may be put into a subject. Raises TerminalError (`invalid_request`)."""
    try:
        return _id_adapter.validate_python(value)
    except ValidationError as error:
        raise TerminalError(Code.INVALID_REQUEST, "An id has 1 to 64 of A-Z a-z 0-9 _ -.", field=field) from error


def assistant_id(header: str | None, metadata: Mapping[str, object]) -> str | None:
    """Who is to answer: as the header says, else the request's metadata; None where neither does.

    Raises TerminalError (`assistant_unknown`).
    """
    in_header = bool(header)
    asked_for = header or metadata.get("assistant_id")
    if asked_for is None:
        return None
    try:
        return _assistant_id_adapter.validate_python(asked_for)
    except ValidationError as error:
        field = "Natter-Assistant" if in_header else "metadata.assistant_id"
        raise TerminalError(Code.ASSISTANT_UNKNOWN, "There is no such assistant.", field=field) from error


def feedback_ids(item_ids: list[str]) -> tuple[str, ...]:
    """The items that feedback is for. Raises TerminalError (`invalid_request`)."""
    field = "params.item_ids"
    if not 1 <= len(item_ids) <= FEEDBACK_ITEMS_MAX:
        raise TerminalError(Code.INVALID_REQUEST, f"Name 1 to {FEEDBACK_ITEMS_MAX} items.", field=field)
    return tuple(checked_id(item_id, field) for item_id in item_ids)


def user_message(sent: UserMessageInput) -> UserMessage:
    """The message that a user sends through ChatKit. Raises TerminalError (`invalid_request`, `not_supported`)."""
    field = "params.input"
    attachments = attachment_ids(sent.attachments, f"{field}.attachments")
    text = "".join(part.text for part in sent.content)
    if not text.strip() and not attachments:
        raise TerminalError(Code.INVALID_REQUEST, "The message is empty.", field=f"{field}.content")
    for name, value in (("content", text), ("quoted_text", sent.quoted_text or "")):
        if len(value) > MESSAGE_CHARACTERS_MAX:
            detail = f"A message has at most {MESSAGE_CHARACTERS_MAX} characters."
            raise TerminalError(Code.INVALID_REQUEST, detail, field=f"{field}.{name}")
    if len(sent.inference_options.model or "") > MODEL_CHARACTERS_MAX:
        detail = f"A model's name has at most {MODEL_CHARACTERS_MAX} characters."
        raise TerminalError(Code.INVALID_REQUEST, detail, field=f"{field}.inference_options.model")
    try:
        return UserMessage(
            text=text,
            content=tuple(part.model_dump(mode="json", exclude_none=True) for part in sent.content),
            quoted_text=sent.quoted_text,
            inference_options=sent.inference_options.model_dump(mode="json", exclude_none=True),
            attachments=attachments,
        )
    except ValidationError as error:
        raise invalid_request(error, field) from error


def attachment_ids(sent: Sequence[str], field: str) -> tuple[str, ...]:
    """The attachments of a message. Raises TerminalError (`invalid_request`)."""
    if len(sent) > ATTACHMENTS_PER_MESSAGE_MAX:
        detail = f"A message has at most {ATTACHMENTS_PER_MESSAGE_MAX} attachments."
        raise TerminalError(Code.INVALID_REQUEST, detail, field=field)
    return tuple(checked_id(attachment_id, field) for attachment_id in sent)


def mime_type(sent: str) -> str:
    """What a client says a file is, in a form that can be kept; it is only a word, until the file is looked at."""
    try:
        return _mime_type_adapter.validate_python(sent.partition(";")[0].strip().lower())
    except ValidationError:
        return "application/octet-stream"


def plain_message(
    text: str, edited_message_id: str | None = None, attachments: Sequence[AttachmentId] = ()
) -> UserMessage:
    """The message that a user sends through REST, as ChatKit would have said it."""
    content: Json = {"type": "input_text", "text": text}
    return UserMessage(
        text=text,
        content=(content,) if text else (),
        inference_options={},
        edited_message_id=edited_message_id,
        attachments=tuple(attachments),
    )


def speech(params: InputTranscribeParams) -> tuple[bytes, str]:
    """What was said, and the media type of it. Raises TerminalError (`invalid_request`)."""
    try:
        audio = b64decode(params.audio_base64, validate=True)
    except ValueError as error:
        raise TerminalError(Code.INVALID_REQUEST, "This is not base64.", field="params.audio_base64") from error
    return audio, params.mime_type.split(";", 1)[0].strip().lower()


def structured_input(item_id: str, sent: StructuredInputSubmission) -> StructuredInput:
    """The answers to a structured input item, or that it was skipped."""
    answers = {name: answer.model_dump(mode="json") for name, answer in sent.answers.items()}
    return StructuredInput(
        message_id=checked_id(item_id, "params.item_id"), answers=cast(Json, answers), skipped=sent.status == "skipped"
    )


def custom_action(params: ThreadCustomActionParams, *, is_sync: bool) -> CustomAction:
    """What was done in a widget, or by the page. Raises TerminalError (`invalid_request`)."""
    item_id = None if params.item_id is None else checked_id(params.item_id, "params.item_id")
    try:
        return CustomAction(
            action=params.action.type, payload=params.action.payload, message_id=item_id, is_sync=is_sync
        )
    except ValidationError as error:
        detail = "An action's type has 1 to 200 characters."
        raise TerminalError(Code.INVALID_REQUEST, detail, field="params.action.type") from error


def page_limit(params: ThreadListParams | ItemsListParams) -> int:
    """ChatKit's limit: 20 where absent or 0, as in the stock server; at most 100."""
    if params.limit is not None and params.limit < 0:
        raise TerminalError(Code.INVALID_REQUEST, "The limit must not be negative.", field="params.limit")
    return min(params.limit or PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX)
