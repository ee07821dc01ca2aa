"""Attachments: files that people put in, and those that runs made; their bytes in and out."""

from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any, Final, Literal, Self

from chatkit.types import AttachmentCreateParams
from chatkit_protocol import items
from contracts.commands import CreateAttachment, DeleteAttachment, FinishAttachment
from contracts.errors import Code, NatterError, TerminalError
from contracts.ids import AttachmentId, ConversationId
from contracts.queries import GetAttachment, ListAttachments
from contracts.replies import AttachmentView, ItemPage, ItemView
from contracts.text import FileName, Text
from fastapi import Path, Query, Request, Response
from file_store.content import UNKNOWN, with_head
from identity.file_token import UPLOAD_SECONDS, Access
from pydantic import BaseModel, Field, ValidationError

from auth_edge import translate
from auth_edge.http import multipart
from auth_edge.http.call import CHAT_SCOPE, Call, StreamedRoute, UserCall, user_router
from auth_edge.http.documented import problems, with_headers
from auth_edge.http.file_answer import file_answer
from auth_edge.http.parameters import AfterParameter, LimitParameter
from auth_edge.uploads import Received

router = user_router("attachments")
streamed = user_router("attachments", StreamedRoute)

JSON_BYTES_MAX: Final = 16 * 1024
FORM_BYTES_MAX: Final = 64 * 1024
"""What a form has around its file."""
COME_BYTES_MAX: Final = 1024 * 1024
"""How much of a file is held to see whether it ends, where its form does not say how long it is."""
AttachmentIdInPath = Annotated[AttachmentId, Path(examples=["atc_0199a1b2c3d4"])]
TokenParameter = Annotated[
    str | None, Query(description="Of a file's own address, instead of the Authorization header; good for minutes.")
]


def _file_token(access: Access) -> dict[str, Any]:
    return {**CHAT_SCOPE, "x-natter-file-token": access}


class NewAttachment(BaseModel):
    """A file that is about to be uploaded. Its type and size are looked at when it is."""

    name: Annotated[FileName, Field(examples=["receipt.png"])]
    size: Annotated[int, Field(ge=1, le=2**40, description="In bytes.")]
    mime_type: Annotated[Text, Field(max_length=200)] = UNKNOWN
    conversation_id: ConversationId | None = None


class UploadDescriptor(BaseModel):
    """Where and how the bytes are to be sent; good for minutes. `finish_url`: where to POST, with no body, when they
    have been; absent where who takes them knows by itself."""

    url: str
    method: Literal["PUT"] = "PUT"
    headers: dict[str, str]
    finish_url: str | None = None


class Attachment(BaseModel):
    """An Attachment of ChatKit, and what else is known. `url`: its bytes, for minutes, for whoever has the address."""

    type: Literal["image", "file"]
    id: AttachmentId
    name: str
    mime_type: str
    size_bytes: int
    state: Literal["pending", "stored"]
    source: Literal["user", "tool", "model"]
    sha256: str | None
    width: int | None
    height: int | None
    conversation_id: ConversationId | None
    created_at: datetime
    url: str | None
    preview_url: str | None
    upload_descriptor: UploadDescriptor | None

    @classmethod
    def of(cls, call: Call, view: AttachmentView) -> Self:
        shown = items.attachment(view, call.principal.user_id)
        is_stored = view.state == "stored"
        url = _address(call, view.attachment_id, "read") if is_stored else None
        known = {name: getattr(view, name) for name in cls.model_fields if name in AttachmentView.model_fields}
        return cls(
            **known,
            type=shown["type"],
            id=view.attachment_id,
            url=url,
            preview_url=url if shown["type"] == "image" else None,
            upload_descriptor=None if is_stored else _upload_descriptor(call, view),
        )


class AttachmentList(BaseModel):
    """A page of attachments, newest first; `bytes_stored` of all, of `bytes_max`."""

    data: list[Attachment]
    has_more: bool
    after: str | None
    bytes_stored: int
    bytes_max: int | None


def _address(call: Call, attachment_id: AttachmentId, access: Access, *, last: str = "content") -> str:
    path = items.attachment_url(call.principal.user_id, attachment_id).removesuffix("content") + last
    token = call.edge.file_tokens.mint(call.principal, attachment_id, access)
    return f"{call.edge.settings.public_api_url}{path}?token={token}"


def _upload_descriptor(call: Call, view: AttachmentView) -> UploadDescriptor:
    elsewhere = call.edge.uploads.address_elsewhere(view, seconds=UPLOAD_SECONDS)
    if elsewhere is None:
        url = _address(call, view.attachment_id, "upload")
        return UploadDescriptor(url=url, headers={"Content-Type": view.mime_type})
    finish_url = _address(call, view.attachment_id, "upload", last="finish")
    return UploadDescriptor(url=elsewhere.url, headers=dict(elsewhere.headers), finish_url=finish_url)


CREATE_BODY: Final[dict[str, Any]] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": NewAttachment.model_json_schema()},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            },
        },
    }
}


@streamed.post(
    "/attachments",
    status_code=201,
    summary="Add a file",
    openapi_extra={**CHAT_SCOPE, **CREATE_BODY},
    responses={201: with_headers("Location"), **problems(404, 415)},
)
async def add_attachment(call: UserCall, request: Request, response: Response) -> Attachment:
    """With JSON: makes room, and `upload_descriptor` says where to send the bytes. With a form: its `file` is kept."""
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() == "multipart/form-data":
        view = await _keep_form(call, request)
    else:
        view = await _create(call, await _read_new(request))
    response.headers["Location"] = f"/api/{call.principal.user_id}/attachments/{view.attachment_id}"
    return Attachment.of(call, view)


@router.get("/attachments", summary="List files", openapi_extra=CHAT_SCOPE, responses=problems(404))
async def list_attachments(
    call: UserCall,
    limit: LimitParameter = 20,
    after: AfterParameter = None,
    conversation_id: Annotated[ConversationId | None, Query(description="Only those of this conversation.")] = None,
) -> AttachmentList:
    """Newest first, and how much of the user's room is taken."""
    query = ListAttachments(
        principal=call.principal,
        limit=limit,
        after=after,
        conversation_id=conversation_id or call.principal.conversation_id,
    )
    page = await call.ask(query)
    data = [Attachment.of(call, view) for view in page.data]
    return AttachmentList(
        data=data, has_more=page.has_more, after=page.after, bytes_stored=page.bytes_stored, bytes_max=page.bytes_max
    )


@router.get("/attachments/{attachment_id}", summary="Get a file", openapi_extra=CHAT_SCOPE, responses=problems(404))
async def get_attachment(call: UserCall, attachment_id: AttachmentIdInPath) -> Attachment:
    """What is known of it, with a new address for its bytes."""
    return Attachment.of(call, await _get(call, attachment_id))


@router.delete(
    "/attachments/{attachment_id}",
    status_code=204,
    summary="Delete a file",
    openapi_extra=CHAT_SCOPE,
    responses=problems(404),
)
async def delete_attachment(call: UserCall, attachment_id: AttachmentIdInPath) -> None:
    """Deletes it, uploaded or not. A message that shows it goes on saying that it was there."""
    await call.ask(DeleteAttachment(principal=call.principal, attachment_id=attachment_id))


@streamed.put(
    "/attachments/{attachment_id}/content",
    summary="Upload a file",
    openapi_extra={
        **_file_token("upload"),
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        },
    },
    responses=problems(404, 415),
)
async def upload(
    call: UserCall,
    request: Request,
    attachment_id: AttachmentIdInPath,
    token: TokenParameter = None,  # noqa: ARG001 - the route class has read it
) -> Attachment:
    """Takes in the bytes, looks at what they are, and keeps them; the first that arrive whole count."""
    view = await _get(call, attachment_id)
    if view.state == "pending":
        view = await _keep(call, view, request.stream())
    return Attachment.of(call, view)


@streamed.post(
    "/attachments/{attachment_id}/finish",
    summary="Finish an upload",
    openapi_extra=_file_token("upload"),
    responses=problems(404, 409, 415),
)
async def finish(
    call: UserCall,
    attachment_id: AttachmentIdInPath,
    token: TokenParameter = None,  # noqa: ARG001 - the route class has read it
) -> Attachment:
    """The bytes are at the address elsewhere that `upload_descriptor` named: looks at what they are, and keeps them."""
    return Attachment.of(call, await _finish_elsewhere(call, await _get(call, attachment_id)))


@streamed.head(
    "/attachments/{attachment_id}/content", include_in_schema=False, openapi_extra=_file_token("read"), name="head"
)
@streamed.get(
    "/attachments/{attachment_id}/content",
    summary="Download a file",
    openapi_extra=_file_token("read"),
    response_class=Response,
    responses={
        200: {"description": "The file.", "content": {"application/octet-stream": {}}},
        206: {"description": "The part of it that was asked for.", "content": {"application/octet-stream": {}}},
        304: {"description": "It is the one that is known."},
        **problems(404, 409, 416),
    },
)
async def download(
    call: UserCall,
    request: Request,
    attachment_id: AttachmentIdInPath,
    token: TokenParameter = None,  # noqa: ARG001 - the route class has read it
    download: Annotated[bool, Query(description="To save it, where it could be shown as well.")] = False,
) -> Response:
    """The bytes, or a part of them (`Range`)."""
    view = await _get(call, attachment_id)
    if view.state == "pending":
        raise TerminalError(Code.ATTACHMENT_UNFINISHED, "This file has not been uploaded.")
    return await file_answer(request, call.edge.uploads.files, view, is_download=download)


async def chatkit_create(call: Call, params: AttachmentCreateParams) -> Attachment:
    """`attachments.create` of ChatKit."""
    try:
        sent = NewAttachment(name=params.name, size=params.size, mime_type=params.mime_type)
    except ValidationError as error:
        raise translate.invalid_request(error, "params") from error
    return Attachment.of(call, await _create(call, sent))


async def finish_all(call: Call, attachment_ids: Sequence[str]) -> None:
    """Keep what a page has sent elsewhere and told nobody of: ChatKit has no word for it. Raises as `finish`.

    An id that is none of the user's is for conversation_store to refuse.
    """
    for attachment_id in attachment_ids:
        try:
            view = await _get(call.renewed(), attachment_id)
        except TerminalError:
            continue
        await _finish_elsewhere(call, view)


async def chatkit_delete(call: Call, attachment_id: str) -> None:
    """`attachments.delete` of ChatKit."""
    await delete_attachment(call, translate.checked_id(attachment_id, "params.attachment_id"))


def with_addresses(call: Call, page: ItemPage) -> ItemPage:
    """The same items, whose pictures have addresses that open without a token: what a page's `<img>` has to have."""
    return page.model_copy(update={"data": tuple(_with_address(call, view) for view in page.data)})


def _with_address(call: Call, view: ItemView) -> ItemView:
    image: Any = view.item.get("image") or {}
    if image and image.get("url") == items.attachment_url(call.principal.user_id, str(image.get("id"))):
        shown = {**image, "url": _address(call, image["id"], "read")}
        return view.model_copy(update={"item": {**view.item, "image": shown}})
    attached: Any = view.item.get("attachments")
    if not attached:
        return view
    shown = [
        {**one, "preview_url": _address(call, one["id"], "read")} if one.get("preview_url") else one for one in attached
    ]
    return view.model_copy(update={"item": {**view.item, "attachments": shown}})


async def _read_new(request: Request) -> NewAttachment:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > JSON_BYTES_MAX:
            raise TerminalError(Code.PAYLOAD_TOO_LARGE, "This body is too large.", field="body")
    try:
        return NewAttachment.model_validate_json(bytes(body))
    except ValidationError as error:
        raise translate.invalid_request(error, "body") from error


async def _get(call: Call, attachment_id: AttachmentId) -> AttachmentView:
    return (await call.ask(GetAttachment(principal=call.principal, attachment_id=attachment_id))).attachment


async def _create(call: Call, sent: NewAttachment) -> AttachmentView:
    bytes_max = call.edge.settings.upload_bytes_max
    if sent.size > bytes_max:
        raise TerminalError(Code.PAYLOAD_TOO_LARGE, f"A file has at most {bytes_max} bytes.", field="size")
    command = CreateAttachment(
        principal=call.principal,
        name=sent.name,
        mime_type=translate.mime_type(sent.mime_type),
        size_bytes=sent.size,
        conversation_id=sent.conversation_id or call.principal.conversation_id,
    )
    return (await call.ask(command)).attachment


async def _keep(call: Call, view: AttachmentView, chunks: Any) -> AttachmentView:
    received = await call.edge.uploads.receive(
        call.principal.user_id, view.attachment_id, view.name, chunks, bytes_max=view.size_bytes
    )
    return await _tell(call, view, received)


async def _finish_elsewhere(call: Call, view: AttachmentView) -> AttachmentView:
    """Raises NatterError: attachment_unfinished (nothing is there), and as `Uploads.receive`."""
    if view.state == "stored":
        return view
    async with call.edge.uploads.sent_elsewhere(call.principal.user_id, view) as received:
        if received is not None:
            return await _tell(call, view, received)
    # Nothing is there: not yet, or not any more, because somebody else has just finished it.
    view = await _get(call.renewed(), view.attachment_id)
    if view.state == "pending":
        raise TerminalError(Code.ATTACHMENT_UNFINISHED, "This file has not been uploaded.")
    return view


async def _tell(call: Call, view: AttachmentView, received: Received) -> AttachmentView:
    """Say to the store what has arrived."""
    finish = FinishAttachment(
        principal=call.principal,
        attachment_id=view.attachment_id,
        file_key=received.file_key,
        mime_type=received.mime_type,
        size_bytes=received.stored.size_bytes,
        sha256=received.stored.sha256,
        width=received.width,
        height=received.height,
    )
    return (await call.renewed().ask(finish)).attachment


async def _keep_form(call: Call, request: Request) -> AttachmentView:
    file = await multipart.file_of(request)
    size, chunks = await _size_of(file, request.headers.get("content-length", ""), call.edge.settings.upload_bytes_max)
    view = await _create(call, NewAttachment(name=file.name, size=max(1, size)))
    try:
        return await _keep(call, view, chunks)
    except NatterError:
        # Nobody knows its id, so nobody else can take it away.
        await call.renewed().ask(DeleteAttachment(principal=call.principal, attachment_id=view.attachment_id))
        raise


async def _size_of(file: multipart.FormFile, length: str, bytes_max: int) -> tuple[int, AsyncIterator[bytes]]:
    """For how much of the user's room a file counts until it is there, and its bytes.

    A form that does not say how long it is counts for what came of it, or for all that a file may have where that is
    much.
    """
    if length.isdecimal() and len(length) < 18:
        return min(int(length), bytes_max), file.chunks
    head, chunks = await with_head(file.chunks, COME_BYTES_MAX + 1)
    return (len(head) if len(head) <= COME_BYTES_MAX else bytes_max), chunks
