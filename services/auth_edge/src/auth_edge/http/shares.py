"""Links to conversations: a user makes, lists and revokes them; whoever has one reads what it shows."""

import hashlib
import secrets
from datetime import datetime
from typing import Annotated, Any, Final, Self

from contracts.commands import RevokeShare, ShareConversation
from contracts.errors import Code, TerminalError
from contracts.ids import ConversationId, ShareId
from contracts.message import Json
from contracts.queries import GetShared, ListShares
from contracts.replies import SharedPage, ShareView
from fastapi import APIRouter, Path, Request, Response
from pydantic import BaseModel, Field
from starlette.convertors import Convertor, register_url_convertor

from auth_edge.http.call import Edge, UserCall, user_router
from auth_edge.http.documented import operation_id, problems, with_headers
from auth_edge.http.file_answer import file_answer
from auth_edge.http.parameters import AfterParameter, ConversationIdInPath, ShareIdInPath

TOKEN_BYTES: Final = 32
EXAMPLE: Final = "Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyMDE"
STRANGERS: Final = "\x00shared"
"""In the queues of users, all who read links are one, and nobody's id."""


class _TokenConvertor(Convertor[str]):
    """As long as a token is, and no other route's name: a user may be called `shared`."""

    regex = "[A-Za-z0-9_-]{43}"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


register_url_convertor("share_token", _TokenConvertor())
router = user_router("conversations")
public_router = APIRouter(tags=["shared"], generate_unique_id_function=operation_id)


class Share(BaseModel):
    """A link with which anybody reads a conversation, as far as it had come when the link was made."""

    share_id: ShareId
    conversation_id: ConversationId
    title: str | None
    created_at: datetime

    @classmethod
    def of(cls, view: ShareView) -> Self:
        return cls(**view.model_dump())


class NewShare(Share):
    """A link that was just made: its token is told this once."""

    token: str
    path: str = Field(description="Where the web app shows it.", examples=["/shared/Zm9vYmFyYmF6"])


class ShareList(BaseModel):
    """Links, the newest first."""

    data: list[Share]


class SharedConversation(BaseModel):
    """A page of what a link shows. `items` are ChatKit's; `after` is absent on the last page."""

    title: str | None
    shared_at: datetime
    items: list[Json]
    after: str | None = None


@router.post(
    "/conversations/{conversation_id}/shares", status_code=201, summary="Share a conversation", responses=problems(404)
)
async def share_conversation(call: UserCall, conversation_id: ConversationIdInPath) -> NewShare:
    """Makes a link with which anybody reads what was said so far, on the branch that one is on, without signing in.

    The token is told here once: the service keeps its hash. Not shared: what a turn that has not ended still writes,
    arguments and outputs of tools, thoughts, and whose conversation it is.
    """
    token = secrets.token_urlsafe(TOKEN_BYTES)
    command = ShareConversation(principal=call.principal, conversation_id=conversation_id, token_hash=_hash(token))
    share = (await call.ask(command)).share
    return NewShare(**Share.of(share).model_dump(), token=token, path=f"/shared/{token}")


@router.get("/conversations/{conversation_id}/shares", summary="List a conversation's links", responses=problems(404))
async def list_shares(call: UserCall, conversation_id: ConversationIdInPath) -> ShareList:
    """The newest first; without their tokens, which nobody knows any more."""
    found = await call.ask(ListShares(principal=call.principal, conversation_id=conversation_id))
    return ShareList(data=[Share.of(view) for view in found.data])


@router.get("/shares", summary="List all links")
async def list_all_shares(call: UserCall) -> ShareList:
    """Those of all your conversations, the newest first."""
    found = await call.ask(ListShares(principal=call.principal))
    return ShareList(data=[Share.of(view) for view in found.data])


@router.delete(
    "/conversations/{conversation_id}/shares/{share_id}",
    status_code=204,
    summary="Revoke a link",
    responses=problems(404),
)
async def revoke_share(call: UserCall, conversation_id: ConversationIdInPath, share_id: ShareIdInPath) -> None:
    """It leads nowhere from now on."""
    await call.ask(RevokeShare(principal=call.principal, conversation_id=conversation_id, share_id=share_id))


@public_router.get(
    "/api/shared/{token:share_token}",
    summary="Read a shared conversation",
    responses={200: with_headers("X-Robots-Tag"), **problems(404, 429, 503)},
)
async def read_shared(
    request: Request,
    token: Annotated[str, Path(description="The link's token.", examples=[EXAMPLE])],
    after: AfterParameter = None,
) -> SharedConversation:
    """What the link shows: ChatKit items, oldest first. Needs no token but the link's; 404 once it is revoked."""
    page = await _read(request, GetShared(token_hash=_hash(token), after=after))
    addresses = {f"item_{one.position}": f"/api/shared/{token}/pictures/{one.position}" for one in page.pictures}
    items = [_with_address(item, addresses.get(str(item["id"]))) for item in page.items]
    return SharedConversation(title=page.title, shared_at=page.shared_at, items=items, after=page.after)


@public_router.get(
    "/api/shared/{token:share_token}/pictures/{position}",
    summary="See a picture of a shared conversation",
    response_class=Response,
    responses={200: {"description": "The picture.", "content": {"image/*": {}}}, **problems(404, 429, 503)},
)
async def read_shared_picture(
    request: Request,
    token: Annotated[str, Path(description="The link's token.", examples=[EXAMPLE])],
    position: Annotated[int, Path(ge=0, lt=10**18, description="As the item's address says.")],
) -> Response:
    """The bytes of a picture that the assistant has made, for as long as the link holds and the picture is there."""
    after = str(position - 1) if position else None
    page = await _read(request, GetShared(token_hash=_hash(token), after=after, limit=1))
    for picture in page.pictures:
        if picture.position == position:
            edge: Edge = request.app.state.edge
            return await file_answer(request, edge.uploads.files, picture.attachment, is_download=False)
    raise TerminalError.not_found("picture")


def _with_address(item: Json, url: str | None) -> Json:
    image: Any = item.get("image")
    return item if url is None else {**item, "image": {**image, "url": url}}


async def _read(request: Request, query: GetShared) -> SharedPage:
    """What a link shows. Raises NatterError: not_found, rate_limited, overloaded."""
    edge: Edge = request.app.state.edge
    token_hash = query.token_hash
    edge.shared_reads.admit(token_hash)
    request.state.answer_headers["x-robots-tag"] = "noindex, nofollow, noarchive"
    async with edge.places.place(STRANGERS):
        try:
            page = await edge.bus.request(query, timeout_seconds=edge.settings.answer_timeout_seconds)
        except TerminalError as error:
            if error.code == Code.NOT_FOUND:
                edge.shared_reads.lost(token_hash)
            raise
    edge.shared_reads.found(token_hash)
    return page


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
