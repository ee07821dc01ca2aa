"""Everything of a user: take it along, or have it erased."""

import json
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from contracts.commands import BeginExport, EraseUser, ExportFormat, RevokeTokens
from contracts.errors import RetryableError
from contracts.message import Json, Query, Reply
from contracts.queries import ExportUser, GetConversation, ListAttachments, ListConversations, ListItems
from contracts.replies import AttachmentView, ConversationView, ExportPage, ItemView
from fastapi import Query as QueryParameter
from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from auth_edge.http.archive import zipped
from auth_edge.http.bodies import Conversation, Message
from auth_edge.http.call import Call, UserCall, user_router
from auth_edge.http.documented import problems
from auth_edge.http.parameters import ConversationIdInPath

router = user_router("user")

ATTEMPTS_MAX: Final = 3
PAGE_SIZE: Final = 100
KINDS: Final[tuple[str, ...]] = get_args(ExportPage.model_fields["kind"].annotation)

ReplyT = TypeVar("ReplyT", bound=Reply)
PartT = TypeVar("PartT", str, bytes)


class Receipt(BaseModel):
    """What was erased, without personal data."""

    receipt_id: str
    erased_at: datetime
    counts: dict[str, int]


class Revoked(BaseModel):
    """From when on a token has to be issued to hold: at most a second ahead."""

    valid_from: datetime


class Export(BaseModel):
    """Everything of a user."""

    user: list[Json]
    conversations: list[Json]
    messages: list[Json]
    tasks: list[Json]
    feedback: list[Json]
    runs: list[Json]
    connections: list[Json]
    shares: list[Json]
    schedules: list[Json]
    webhooks: list[Json]
    service_tokens: list[Json]


@router.get(
    "/export",
    summary="Export everything",
    response_model=None,
    responses={
        200: {
            "description": "One JSON document; or a Markdown text with a section for each conversation; or a ZIP of "
            "the JSON document and the bytes of all files.",
            "model": Export,
            "content": {
                "text/markdown": {"schema": {"type": "string"}},
                "application/zip": {"schema": {"type": "string", "format": "binary"}},
            },
        }
    },
)
async def export_user(
    call: UserCall,
    format: Annotated[ExportFormat, QueryParameter()] = "json",  # noqa: A002 - its name in the URL
) -> StreamingResponse:
    """Everything that is kept of the user; one export at a time, and some in an hour."""
    media_type, extension, write = EXPORTS[format]
    chunks = _alone(call, write(call), format)
    first = await anext(chunks)  # what goes wrong before the first byte is still an answer of its own
    headers = {"Content-Disposition": f'attachment; filename="natter-export.{extension}"'}
    return StreamingResponse(_from_first(first, chunks), media_type=media_type, headers=headers)


@router.get(
    "/conversations/{conversation_id}/export",
    summary="Export a conversation",
    response_model=None,
    responses={
        200: {
            "description": "What was said in it, as a Markdown text or as JSON.",
            "content": {"text/markdown": {"schema": {"type": "string"}}, "application/json": {}},
        },
        **problems(404),
    },
)
async def export_conversation(
    call: UserCall,
    conversation_id: ConversationIdInPath,
    format: Annotated[Literal["json", "markdown"], QueryParameter()] = "markdown",  # noqa: A002 - its name in the URL
) -> StreamingResponse:
    """One conversation, to keep or to pass on."""
    view = (await call.ask(GetConversation(principal=call.principal, conversation_id=conversation_id))).conversation
    is_markdown = format == "markdown"
    chunks = _conversation(call, view) if is_markdown else _conversation_json(call, view)
    first = await anext(chunks)
    name = f"{conversation_id}.{'md' if is_markdown else 'json'}"
    return StreamingResponse(
        _from_first(first.lstrip("\n"), chunks),
        media_type="text/markdown" if is_markdown else "application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


@router.delete("", summary="Erase everything")
async def erase_user(call: UserCall) -> Receipt:
    """Removes all conversations, messages, runs and todos of the user, for ever."""
    receipt = await call.ask(EraseUser(principal=call.principal))
    return Receipt(receipt_id=receipt.receipt_id, erased_at=receipt.erased_at, counts=receipt.counts)


@router.delete("/tokens", summary="Revoke all tokens")
async def revoke_tokens(call: UserCall) -> Revoked:
    """No token of the user holds that was issued before `valid_from`, and what was opened with one ends: for a sign-out
    everywhere, or after a new password. Answers that are being written are finished."""
    floor = await call.ask(RevokeTokens(principal=call.principal))
    return Revoked(valid_from=floor.valid_from)


async def _alone(call: Call, chunks: AsyncGenerator[PartT], kind: ExportFormat) -> AsyncGenerator[PartT]:
    """Raises RetryableError (`rate_limited`) while the user is sent another export, or too many others are, and where
    they had enough of them in this hour.
    """
    exports_max = call.edge.settings.exports_per_hour_max
    async with call.edge.exports.place(call.principal.user_id), aclosing(chunks):
        await call.ask(BeginExport(principal=call.principal, exports_per_hour_max=exports_max, format=kind))
        async for chunk in chunks:
            yield chunk


async def _from_first(first: PartT, rest: AsyncGenerator[PartT]) -> AsyncGenerator[PartT]:
    yield first
    async for chunk in rest:
        yield chunk


async def _ask(call: Call, query: Query[ReplyT]) -> ReplyT:
    """Ask for one part, with a deadline and attempts of its own: an export is as long as it is."""
    for _ in range(ATTEMPTS_MAX - 1):
        with suppress(RetryableError):
            return await call.edge.bus.request(query, timeout_seconds=call.edge.settings.answer_timeout_seconds)
    return await call.edge.bus.request(query, timeout_seconds=call.edge.settings.answer_timeout_seconds)


async def _json(call: Call) -> AsyncGenerator[str]:
    """The document {kind: [row, ...], ...}; the parts come in the order of `KINDS`."""
    waiting = list(KINDS)
    after: str | None = None
    opened: str | None = None
    is_empty = True
    text = "{"
    while True:
        query = ExportUser(principal=call.principal, after=after)
        page = await (call.ask(query) if after is None else _ask(call, query))
        while opened != page.kind:
            if opened is not None:
                text += "],"
            opened = waiting.pop(0)
            text += f'"{opened}":['
            is_empty = True
        for row in page.data:
            text += ("" if is_empty else ",") + json.dumps(row, ensure_ascii=False)
            is_empty = False
        yield text
        text = ""
        after = page.after
        if after is None:
            break
    yield "".join(["]", *(f',"{kind}":[]' for kind in waiting), "}"])


async def _markdown(call: Call) -> AsyncGenerator[str]:
    """A heading for each conversation, and what was said in it."""
    after: str | None = None
    while True:
        query = ListConversations(principal=call.principal, limit=PAGE_SIZE, after=after)
        page = await (call.ask(query) if after is None else _ask(call, query))
        if after is None:
            yield "# Conversations\n"
        for conversation in page.data:
            async for text in _conversation(call, conversation):
                yield text
        after = page.after
        if not page.has_more:
            return


async def _messages(call: Call, conversation: ConversationView) -> AsyncGenerator[ItemView]:
    """What was said, in order."""
    after: str | None = None
    while True:
        query = ListItems(
            principal=call.principal,
            conversation_id=conversation.conversation_id,
            limit=PAGE_SIZE,
            after=after,
            messages_only=True,
        )
        page = await _ask(call, query)
        for message in page.data:
            yield message
        after = page.after
        if not page.has_more:
            return


async def _conversation(call: Call, conversation: ConversationView) -> AsyncGenerator[str]:
    title = " ".join((conversation.title or "Untitled").split())
    yield f"\n## {title}\n\n{conversation.created_at:%Y-%m-%d %H:%M} UTC\n"
    async for message in _messages(call, conversation):
        speaker = "You" if message.role == "user" else "Assistant"
        tools = "".join(f"\n- {tool.name}: {tool.status}" for tool in message.tool_calls)
        yield f"\n**{speaker}** ({message.created_at:%Y-%m-%d %H:%M})\n\n{message.content}\n{tools}\n"


async def _conversation_json(call: Call, conversation: ConversationView) -> AsyncGenerator[str]:
    yield f'{{"conversation":{Conversation.of(conversation).model_dump_json()},"messages":['
    comma = ""
    async for message in _messages(call, conversation):
        yield comma + Message.of(message).model_dump_json()
        comma = ","
    yield "]}"


async def _stored_files(call: Call) -> AsyncGenerator[AttachmentView]:
    after: str | None = None
    while True:
        page = await _ask(call, ListAttachments(principal=call.principal, limit=PAGE_SIZE, after=after))
        for view in page.data:
            if view.state == "stored":
                yield view
        after = page.after
        if not page.has_more:
            return


def _zip(call: Call) -> AsyncGenerator[bytes]:
    return zipped(_json(call), _stored_files(call), call.edge.uploads.files)


EXPORTS: Final[dict[ExportFormat, tuple[str, str, Callable[[Call], AsyncGenerator[Any]]]]] = {
    "json": ("application/json", "json", _json),
    "markdown": ("text/markdown", "md", _markdown),
    "zip": ("application/zip", "zip", _zip),
}
"""Of each format its media type, the end of a file's name, and what writes it."""
