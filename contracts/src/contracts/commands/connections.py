"""Commands about connections: what a user has allowed at a foreign MCP server."""

from typing import Annotated, ClassVar

from pydantic import Field, StringConstraints

from contracts.identity import Principal
from contracts.ids import RunId, ServerName
from contracts.message import Command
from contracts.replies import ConnectionKept, ConnectionReply, Done
from contracts.text import Text

StateHash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Url = Annotated[Text, Field(max_length=4_000)]


class KeepConnection(Command[ConnectionKept]):
    """Keep what a runner has of a connection, where nobody else has changed it: the version must be the stored one.

    ``sealed``: tokens, or what is needed to get them; the store cannot read it. With ``state_hash`` and
    ``authorization_url`` the user is asked, for ``asked_seconds``; without, the connection is made.
    """

    subject_template: ClassVar[str] = "command.conversation_store.keep_connection"
    principal: Principal
    run_id: RunId
    epoch: int
    server: ServerName
    label: Annotated[Text, Field(min_length=1, max_length=100)]
    sealed: Annotated[str, Field(min_length=1, max_length=64_000)]
    version: Annotated[int, Field(ge=0)] = 0
    scope: Annotated[Text, Field(max_length=2_000)] | None = None
    state_hash: StateHash | None = None
    authorization_url: Url | None = None
    asked_seconds: Annotated[int, Field(ge=1, le=3_600)] | None = None


class RecordConsent(Command[ConnectionReply]):
    """Keep what an authorization server has answered about a user who was asked: a code, or why there is none.

    ``state_hash``: SHA-256 of the ``state`` that came back; it must be of this user's own question, still open.
    """

    subject_template: ClassVar[str] = "command.conversation_store.record_consent"
    principal: Principal
    state_hash: StateHash
    code: Annotated[Text, Field(min_length=1, max_length=4_000)] | None = None
    issuer: Url | None = None
    error: Annotated[Text, Field(min_length=1, max_length=200)] | None = None


class DeleteConnection(Command[Done]):
    """Forget a user's tokens for a server, and an open question about them."""

    subject_template: ClassVar[str] = "command.conversation_store.delete_connection"
    principal: Principal
    server: ServerName
