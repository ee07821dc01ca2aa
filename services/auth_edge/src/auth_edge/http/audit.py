"""For the web app alone: sign-ins and the like, which happen where there is no bus, are noted in AUDIT through here."""

import hmac
from typing import Annotated, Literal

from contracts.errors import Code, TerminalError
from contracts.events import AuditDetail, AuditEvent
from contracts.identity import UserId
from contracts.ids import new_id
from contracts.services import Service
from fastapi import APIRouter, Depends, Header, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from auth_edge.http.call import Edge
from auth_edge.metrics import AUDITED

router = APIRouter(include_in_schema=False)

WebAction = Literal[
    "account_deleted",
    "account_linked",
    "account_unlinked",
    "email_changed",
    "email_confirmed",
    "passkey_added",
    "passkey_deleted",
    "password_changed",
    "password_reset",
    "session_ended",
    "sign_in",
    "sign_in_failed",
    "sign_out",
    "sign_out_everywhere",
    "sign_up",
]


class Noted(BaseModel):
    """What happened. ``attempts``: how often somebody tried in this hour, where that is counted."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    action: WebAction
    user_id: UserId | None = None
    attempts: Annotated[int, Field(ge=1)] | None = None


async def _web_app(
    request: Request, authorization: Annotated[str, Header(max_length=1_000, include_in_schema=False)] = ""
) -> Edge:
    """The edge, for whoever knows the secret. Raises TerminalError (unauthenticated; not_found: there is no secret)."""
    edge: Edge = request.app.state.edge
    secret = edge.settings.web_audit_secret
    if secret is None:
        raise TerminalError.not_found("page")
    if not hmac.compare_digest(authorization.encode(), f"Bearer {secret.get_secret_value()}".encode()):
        raise TerminalError(Code.UNAUTHENTICATED, "This is for the web app.")
    return edge


@router.post("/internal/audit", status_code=204)
async def note(noted: Noted, edge: Annotated[Edge, Depends(_web_app)]) -> Response:
    """Publishes it, and answers when it is stored. Raises RetryableError (bus_unavailable)."""
    AUDITED.labels(noted.action).inc()
    details: dict[str, AuditDetail] = {} if noted.attempts is None else {"attempts": noted.attempts}
    event = AuditEvent(action=noted.action, user_id=noted.user_id, details=details)
    await edge.bus.publish_stored(event.subject(Service.AUTH_EDGE), event.encode(), message_id=new_id("audit"))
    return Response(status_code=204)
