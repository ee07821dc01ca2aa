"""Conversations and their messages in REST."""

from datetime import datetime
from typing import Literal, Self

from contracts.commands import DeleteConversation, SwitchBranch, UpdateConversation
from contracts.ids import ConversationId, MessageId, RunId
from contracts.queries import GetConversation, ListConversations, ListItems, ListTurns, SearchMessages
from contracts.replies import ExcerptPart, RunStatus, TurnView
from contracts.replies import SearchHit as FoundInStore
from contracts.text import Title
from fastapi import Response
from pydantic import BaseModel, ConfigDict, model_validator

from auth_edge.http.bodies import Conversation, Message, Sent
from auth_edge.http.call import CHAT_SCOPE, UserCall, user_router
from auth_edge.http.documented import problems, with_headers
from auth_edge.http.parameters import (
    AfterParameter,
    ArchivedParameter,
    ConversationIdInPath,
    HitsParameter,
    LimitParameter,
    OrderParameter,
    PinnedParameter,
    RequiredSearchParameter,
    SearchParameter,
)

router = user_router("conversations")


class ConversationList(BaseModel):
    """Newest first. `after` of one page is the `after` of the request for the next."""

    data: list[Conversation]
    has_more: bool
    after: str | None


class ConversationChange(Sent):
    """What to change: the title, whether it is pinned, whether it is archived; what is absent or null stays."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"title": "Groceries"}, {"pinned": True}]})

    title: Title | None = None
    pinned: bool | None = None
    archived: bool | None = None

    @model_validator(mode="after")
    def _changes_something(self) -> Self:
        if self.title is None and self.pinned is None and self.archived is None:
            raise ValueError("nothing to change: send title, pinned or archived")
        return self


class SearchHit(BaseModel):
    """What was found, and the sentence that holds it, in pieces. `message_id` is null where the title holds it."""

    conversation_id: ConversationId
    title: str | None
    message_id: MessageId | None
    role: Literal["user", "assistant"] | None
    created_at: datetime
    excerpt: tuple[ExcerptPart, ...]

    @classmethod
    def of(cls, hit: FoundInStore) -> Self:
        return cls.model_validate(dict(hit))


class SearchResult(BaseModel):
    """Titles first, then messages, newest first."""

    data: list[SearchHit]
    has_more: bool


class MessageList(BaseModel):
    """A page of messages. A stream opened with `resume_from` as Last-Event-ID leaves no hole after it."""

    data: list[Message]
    has_more: bool
    after: str | None
    active_run_id: RunId | None
    resume_from: int


class Turn(BaseModel):
    """A turn of the branch that one is on: one that failed, that was stopped, or that has several versions.

    `message_id` is the item that it answers. `message_versions`: where that was edited, a run of each version, oldest
    first, this one's among them; `answer_versions`: where it was answered again, the runs of the answers.
    """

    run_id: RunId
    message_id: MessageId
    status: RunStatus
    error_code: str | None
    message_versions: list[RunId]
    answer_versions: list[RunId]

    @classmethod
    def of(cls, view: TurnView) -> Self:
        return cls.model_validate(view.model_dump())


class TurnList(BaseModel):
    """Turns in the order in which they were said."""

    data: list[Turn]


class BranchChoice(Sent):
    """The run whose branch is wanted; the newest one that it is on."""

    run_id: RunId


@router.get("/conversations", summary="List conversations")
async def list_conversations(
    call: UserCall,
    limit: LimitParameter = 20,
    after: AfterParameter = None,
    q: SearchParameter = None,
    pinned: PinnedParameter = None,
    archived: ArchivedParameter = None,
) -> ConversationList:
    """Last changed first; `q` looks into titles and messages."""
    query = ListConversations(
        principal=call.principal, limit=limit, after=after, search=q, pinned=pinned, archived=archived
    )
    page = await call.ask(query)
    return ConversationList(
        data=[Conversation.of(view) for view in page.data], has_more=page.has_more, after=page.after
    )


@router.get("/search", summary="Search in what was said")
async def search_messages(call: UserCall, q: RequiredSearchParameter, limit: HitsParameter = 20) -> SearchResult:
    """Titles and messages that hold all words of `q`; the last one may be a beginning. Newest first."""
    found = await call.ask(SearchMessages(principal=call.principal, search=q, limit=limit))
    return SearchResult(data=[SearchHit.of(hit) for hit in found.data], has_more=found.has_more)


@router.get("/conversations/{conversation_id}", summary="Get a conversation", responses=problems(404))
async def get_conversation(call: UserCall, conversation_id: ConversationIdInPath) -> Conversation:
    """Its title and its times; what was said is at `messages`."""
    reply = await call.ask(GetConversation(principal=call.principal, conversation_id=conversation_id))
    return Conversation.of(reply.conversation)


@router.patch("/conversations/{conversation_id}", summary="Change a conversation", responses=problems(404))
async def change_conversation(
    call: UserCall, conversation_id: ConversationIdInPath, sent: ConversationChange
) -> Conversation:
    """Gives it another title, pins it or puts it away."""
    command = UpdateConversation(
        principal=call.principal,
        conversation_id=conversation_id,
        title=sent.title,
        pinned=sent.pinned,
        archived=sent.archived,
    )
    return Conversation.of((await call.ask(command)).conversation)


@router.delete(
    "/conversations/{conversation_id}", status_code=204, summary="Delete a conversation", responses=problems(404)
)
async def delete_conversation(call: UserCall, conversation_id: ConversationIdInPath) -> None:
    """Deletes it with all that is in it. A run that is active is stopped."""
    await call.ask(DeleteConversation(principal=call.principal, conversation_id=conversation_id))


@router.get(
    "/conversations/{conversation_id}/messages",
    summary="List the messages of a conversation",
    responses={200: with_headers("Natter-Active-Run", "Natter-Resume-From"), **problems(404)},
)
async def list_messages(
    call: UserCall,
    response: Response,
    conversation_id: ConversationIdInPath,
    limit: LimitParameter = 50,
    after: AfterParameter = None,
    order: OrderParameter = "asc",
) -> MessageList:
    """In the order in which they were said, or the other way round."""
    query = ListItems(
        principal=call.principal,
        conversation_id=conversation_id,
        limit=limit,
        after=after,
        order=order,
        messages_only=True,
    )
    page = await call.ask(query)
    response.headers["Natter-Resume-From"] = str(page.resume_from)
    if page.active_run_id:
        response.headers["Natter-Active-Run"] = page.active_run_id
    return MessageList(
        data=[Message.of(view) for view in page.data],
        has_more=page.has_more,
        after=page.after,
        active_run_id=page.active_run_id,
        resume_from=page.resume_from,
    )


@router.get(
    "/conversations/{conversation_id}/turns",
    summary="List the turns that failed, were stopped or have versions",
    openapi_extra=CHAT_SCOPE,
    responses=problems(404),
)
async def list_turns(call: UserCall, conversation_id: ConversationIdInPath) -> TurnList:
    """What the messages do not say of the branch that one is on; at most the newest 2,000."""
    reply = await call.ask(ListTurns(principal=call.principal, conversation_id=conversation_id))
    return TurnList(data=[Turn.of(view) for view in reply.data])


@router.put(
    "/conversations/{conversation_id}/branch",
    summary="Go to another branch",
    openapi_extra=CHAT_SCOPE,
    responses=problems(404, 409),
)
async def switch_branch(call: UserCall, conversation_id: ConversationIdInPath, sent: BranchChoice) -> Conversation:
    """Shows the newest branch that the run is on; what is said then follows there. Not while a run is active."""
    command = SwitchBranch(principal=call.principal, conversation_id=conversation_id, run_id=sent.run_id)
    return Conversation.of((await call.ask(command)).conversation)
