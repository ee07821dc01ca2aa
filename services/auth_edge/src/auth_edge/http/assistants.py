"""The assistants that people may write to."""

from contracts.commands.turns import ATTACHMENTS_PER_MESSAGE_MAX
from contracts.queries import ListAssistants

from auth_edge.http.bodies import AssistantCards, Attachable
from auth_edge.http.call import CHAT_SCOPE, UserCall, user_router

router = user_router("assistants")


@router.get("/assistants", summary="List the assistants", openapi_extra=CHAT_SCOPE)
async def list_assistants(call: UserCall) -> AssistantCards:
    """What there is to choose from, the default one first; a conversation keeps the one that it was begun with."""
    found = await call.ask(ListAssistants(principal=call.principal))
    settings = call.edge.settings
    attachable = Attachable(
        types=sorted(settings.upload_types),
        bytes_max=settings.upload_bytes_max,
        picture_bytes_max=min(settings.picture_bytes_max, settings.upload_bytes_max),
        count_max=ATTACHMENTS_PER_MESSAGE_MAX,
    )
    return AssistantCards(data=list(found.data), attachments=attachable, dictation=call.edge.transcriber is not None)
