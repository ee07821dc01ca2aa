"""Conversations and their messages in REST."""

from contracts.commands import DeleteConversation, SwitchBranch, UpdateConversation
from contracts.queries import GetConversation, ListConversations, ListItems, ListTurns, SearchMessages
from fastapi import Response

from auth_edge.http.bodies import (
    BranchChoice,
    Conversation,
    ConversationChange,
    ConversationList,
    Message,
    MessageList,
    SearchHit,
    SearchResult,
    Turn,
    TurnList,
)
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
