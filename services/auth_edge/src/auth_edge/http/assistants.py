"""The assistants that people may write to."""

from contracts.assistants import AssistantCard
from contracts.commands.turns import ATTACHMENTS_PER_MESSAGE_MAX
from contracts.queries import ListAssistants
from pydantic import BaseModel, Field

from auth_edge.http.call import CHAT_SCOPE, UserCall, user_router

router = user_router("assistants")


class Attachable(BaseModel):
    """What may be attached to a message, by the type that a file is found to be."""

    types: list[str] = Field(examples=[["image/png", "text/plain"]])
    bytes_max: int = Field(examples=[104857600])
    picture_bytes_max: int = Field(examples=[20971520])
    count_max: int = Field(examples=[10])


class AssistantCards(BaseModel):
    """The assistants, the default one first, and what may go with a message to them."""

    data: list[AssistantCard]
    attachments: Attachable
    dictation: bool = Field(description="Whether ChatKit's `input.transcribe` is answered here.")


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
