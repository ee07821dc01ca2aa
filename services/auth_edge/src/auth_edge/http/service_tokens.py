"""Service tokens of a user's own: another system begins turns with one, for them and for nobody else."""

from datetime import datetime
from typing import Annotated, Final, Self

from contracts.assistants import Label
from contracts.commands import CreateOwnServiceToken, RevokeOwnServiceToken
from contracts.ids import AssistantId, ServiceTokenId
from contracts.queries import ListOwnServiceTokens
from contracts.replies import ServiceTokenView
from contracts.service_tokens import hash_of, new_token
from pydantic import BaseModel, ConfigDict, Field

from auth_edge.http.bodies import Sent
from auth_edge.http.call import UserCall, user_router
from auth_edge.http.documented import problems
from auth_edge.http.parameters import ServiceTokenIdInPath

router = user_router("services")
DAY_SECONDS: Final = 24 * 3_600


class NewServiceToken(Sent):
    """A token with which another system begins turns for you: by these assistants, or by all."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "shop", "expires_in_days": 90}]})

    name: Label
    assistant_ids: Annotated[tuple[AssistantId, ...], Field(max_length=100, strict=False)] = ()
    expires_in_days: Annotated[int, Field(ge=1, le=3_650)] | None = Field(
        None, description="Absent: it holds until it is revoked."
    )


class ServiceToken(BaseModel):
    """A service token without its secret. `last_used_at` is told by the minute."""

    token_id: ServiceTokenId
    name: str
    assistant_ids: list[AssistantId]
    created_at: datetime
    expires_at: datetime | None
    last_used_at: datetime | None

    @classmethod
    def of(cls, view: ServiceTokenView) -> Self:
        return cls(**view.model_dump(exclude={"user_ids", "revoked_at"}))


class MadeServiceToken(ServiceToken):
    """A service token that was just made: it is told this once."""

    token: str


class ServiceTokenList(BaseModel):
    """Service tokens, the newest first."""

    data: list[ServiceToken]


@router.post("/service-tokens", status_code=201, summary="Make a service token")
async def create_service_token(call: UserCall, sent: NewServiceToken) -> MadeServiceToken:
    """With it another system sends messages for you (`POST /api/service/turns`), and does nothing else. The token is in
    this answer alone; only its hash is kept.
    """
    token = new_token()
    command = CreateOwnServiceToken(
        principal=call.principal,
        name=sent.name,
        token_hash=hash_of(token),
        assistant_ids=sent.assistant_ids,
        holds_seconds=None if sent.expires_in_days is None else sent.expires_in_days * DAY_SECONDS,
    )
    made = (await call.ask(command)).token
    return MadeServiceToken(**ServiceToken.of(made).model_dump(), token=token)


@router.get("/service-tokens", summary="List service tokens")
async def list_service_tokens(call: UserCall) -> ServiceTokenList:
    """Those that you have made, the newest first; an operator's are not among them."""
    found = await call.ask(ListOwnServiceTokens(principal=call.principal))
    return ServiceTokenList(data=[ServiceToken.of(view) for view in found.data])


@router.delete("/service-tokens/{token_id}", status_code=204, summary="Revoke a service token", responses=problems(404))
async def revoke_service_token(call: UserCall, token_id: ServiceTokenIdInPath) -> None:
    """It holds no more; turns that it has begun go on."""
    await call.ask(RevokeOwnServiceToken(principal=call.principal, token_id=token_id))
