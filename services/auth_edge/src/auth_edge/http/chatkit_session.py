"""POST /chatkit/session: a short-lived token for a page that embeds the chat."""

from datetime import datetime
from urllib.parse import quote

from contracts.ids import ConversationId
from contracts.queries import GetConversation
from pydantic import BaseModel, Field

from auth_edge.http.bodies import Sent
from auth_edge.http.call import UserCall, user_router
from auth_edge.http.documented import problems

router = user_router("chatkit")


class NewChatSession(Sent):
    """For whom a chat token is: the caller, and only one conversation of the caller if that is named."""

    conversation_id: ConversationId | None = None


class ChatSession(BaseModel):
    """A chat-only token. `client_secret` is what ChatKit's `getClientSecret` returns."""

    session_id: str = Field(examples=["sess_5f0c"])
    client_secret: str = Field(examples=["eyJhbGciOi..."])
    expires_at: datetime
    api_url: str = Field(examples=["/api/alice/chatkit"])
    conversation_id: ConversationId | None = None


@router.post(
    "/chatkit/session",
    status_code=201,
    summary="Get a chat-only token",
    responses=problems(404),
    response_model_exclude_none=True,
)
async def begin_chat_session(call: UserCall, sent: NewChatSession | None = None) -> ChatSession:
    """Mints a token that opens chatkit, the assistants, the streams and Stop of this user only. Ask again before it
    expires.
    """
    conversation_id = sent.conversation_id if sent else None
    if conversation_id is not None:  # not for a conversation that is another's, or that does not exist
        await call.ask(GetConversation(principal=call.principal, conversation_id=conversation_id))
    token = call.edge.verifier.chat.mint(
        call.principal.user_id, conversation_id, call.passed_claims, proven_at=call.principal.issued_at
    )
    user = quote(call.principal.user_id, safe="")
    return ChatSession(
        session_id=token.session_id,
        client_secret=token.client_secret,
        expires_at=token.expires_at,
        api_url=f"{call.edge.settings.public_api_url}/api/{user}/chatkit",
        conversation_id=conversation_id,
    )
