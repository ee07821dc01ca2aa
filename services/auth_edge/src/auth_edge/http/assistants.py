"""The assistants that people may write to."""

from contracts.queries import ListAssistants

from auth_edge.http.bodies import AssistantCards
from auth_edge.http.call import CHAT_SCOPE, UserCall, user_router

router = user_router("assistants")


@router.get("/assistants", summary="List the assistants", openapi_extra=CHAT_SCOPE)
async def list_assistants(call: UserCall) -> AssistantCards:
    """What there is to choose from, the default one first; a conversation keeps the one that it was begun with."""
    found = await call.ask(ListAssistants(principal=call.principal))
    return AssistantCards(data=list(found.data))
