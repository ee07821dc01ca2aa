"""What a user has allowed at other servers."""

from datetime import datetime
from typing import Literal

from contracts.ids import (
    ServerName,
)
from contracts.message import Body, Reply

ConnectionStatus = Literal["asked", "consented", "declined", "connected"]


class ConnectionView(Body):
    """A user's connection to a foreign MCP server, without its secrets.

    ``asked``: the user has not answered yet, at ``authorization_url``, until ``asked_until``. ``consented``: a code
    waits to be exchanged for tokens. ``declined``: there are none.
    """

    server: ServerName
    label: str
    status: ConnectionStatus
    scope: str | None = None
    authorization_url: str | None = None
    asked_until: datetime | None = None
    connected_at: datetime | None = None
    created_at: datetime


class ConnectionReply(Reply):
    """One connection."""

    connection: ConnectionView


class ConnectionList(Reply):
    """All connections of the user, by their servers' names."""

    data: tuple[ConnectionView, ...]


class SealedConnection(Body):
    """What a runner needs of a connection. ``sealed`` is the runners' own; the store cannot read it.

    ``code``, ``issuer``: what the authorization server answered; ``error``: why there is no code.
    ``is_open``: a question that the user may still answer.
    """

    view: ConnectionView
    sealed: str
    version: int
    code: str | None = None
    issuer: str | None = None
    error: str | None = None
    is_open: bool = False


class SealedConnectionReply(Reply):
    """The user's connection to a server, where there is one."""

    connection: SealedConnection | None = None


class ConnectionKept(Reply):
    """Whether it was kept; else ``connection`` is what another run has stored meanwhile."""

    is_kept: bool
    connection: SealedConnection | None = None
