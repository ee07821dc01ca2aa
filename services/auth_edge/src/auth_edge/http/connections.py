"""What a user allows at foreign MCP servers: the page that asks, the way back from there, the list, taking it back."""

import hashlib
from datetime import datetime
from html import escape
from typing import Annotated, Final, Self
from urllib.parse import urlsplit

from contracts.commands import DeleteConnection, RecordConsent
from contracts.errors import Code, TerminalError
from contracts.ids import ServerName
from contracts.queries import ListConnections
from contracts.replies import ConnectionStatus, ConnectionView
from fastapi import Query
from fastapi.responses import HTMLResponse
from pydantic import BaseModel

from auth_edge.http.call import UserCall, user_router
from auth_edge.http.parameters import ServerInPath

router = user_router("connections")

_PAGE: Final = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>{title}</title><style>
body {{ font: 1rem/1.5 system-ui, sans-serif; max-width: 32rem; margin: 15vh auto; padding: 0 1rem;
  color-scheme: light dark; }}
a {{ display: inline-block; padding: .75rem 1.25rem; border: 1px solid; border-radius: .5rem; }}
</style></head><body><main><h1>{title}</h1>{body}</main></body></html>
"""
_HEADERS: Final = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
}
_GONE: Final = (
    "This question is not open (any more): it was answered, its time is over, or it was asked of somebody else. "
    "Ask the assistant again."
)
_ANSWER_CHARACTERS_MAX: Final = 4_000

Answered = Annotated[str | None, Query(max_length=_ANSWER_CHARACTERS_MAX)]


class Connection(BaseModel):
    """A server at which the user has allowed something, or is asked to; without its tokens."""

    server: ServerName
    label: str
    status: ConnectionStatus
    scope: str | None
    asked_until: datetime | None
    connected_at: datetime | None
    created_at: datetime

    @classmethod
    def of(cls, view: ConnectionView) -> Self:
        return cls(**view.model_dump(exclude={"authorization_url"}))


class ConnectionList(BaseModel):
    """All connections of the user."""

    data: list[Connection]


@router.get("/connections", summary="List connections")
async def list_connections(call: UserCall) -> ConnectionList:
    """The servers at which you have allowed something, or are asked to; tokens are never shown."""
    found = await call.ask(ListConnections(principal=call.principal))
    return ConnectionList(data=[Connection.of(view) for view in found.data])


@router.delete("/connections/{server}", status_code=204, summary="Take a connection back")
async def delete_connection(call: UserCall, server: ServerInPath) -> None:
    """Forgets the tokens for this server: what is called from now on asks anew."""
    await call.ask(DeleteConnection(principal=call.principal, server=server))


@router.get("/connections/{server}/consent", response_class=HTMLResponse, include_in_schema=False)
async def consent_page(call: UserCall, server: ServerInPath) -> HTMLResponse:
    """Says who asks for what and where it leads, before the browser goes there. Web apps serve it to their users."""
    found = await call.ask(ListConnections(principal=call.principal))
    for view in found.data:
        if view.server == server and view.status == "asked" and _is_web(view.authorization_url):
            where = urlsplit(view.authorization_url or "").netloc
            scope = f"<p>It asks for: <code>{escape(view.scope)}</code></p>" if view.scope else ""
            return _page(
                f"Connect {view.label}",
                f"<p>The assistant asks to use <strong>{escape(view.label)}</strong> for you. You will decide about it"
                f" at <strong>{escape(where)}</strong>, and can take it back at any time.</p>{scope}"
                f'<p><a href="{escape(view.authorization_url or "")}" rel="noreferrer">Go to {escape(where)}</a></p>',
            )
    return _page("Nothing to connect", f"<p>{_GONE}</p>", status=404)


@router.get("/connections/callback", response_class=HTMLResponse, include_in_schema=False)
async def consent_callback(
    call: UserCall,
    state: Annotated[str, Query(min_length=16, max_length=500)],
    code: Answered = None,
    iss: Answered = None,
    error: Answered = None,
) -> HTMLResponse:
    """Keeps what the authorization server answered (RFC 6749, RFC 9207), for the run that waits for it."""
    refused = None if code else (error or "invalid_response")[:200]
    command = RecordConsent(
        principal=call.principal,
        state_hash=hashlib.sha256(state.encode()).hexdigest(),
        code=code or None,
        issuer=iss,
        error=refused,
    )
    try:
        view = (await call.ask(command)).connection
    except TerminalError as failure:
        if failure.code != Code.NOT_FOUND:
            raise
        return _page("Nothing was connected", f"<p>{_GONE}</p>", status=404)
    if refused is not None:
        return _page(f"{view.label} is not connected", "<p>You can close this page. The assistant goes on without.</p>")
    return _page(f"{view.label} is being connected", "<p>You can close this page: the assistant goes on.</p>")


def _is_web(url: str | None) -> bool:
    return url is not None and url.startswith(("https://", "http://"))


def _page(title: str, body: str, *, status: int = 200) -> HTMLResponse:
    return HTMLResponse(_PAGE.format(title=escape(title), body=body), status_code=status, headers=_HEADERS)
