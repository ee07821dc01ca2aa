"""Connections to foreign MCP servers: kept for the runners, which alone can read what is sealed in them."""

from contracts.commands import DeleteConnection, KeepConnection, RecordConsent
from contracts.errors import Code, TerminalError
from contracts.queries import GetConnection, ListConnections
from contracts.replies import (
    ConnectionKept,
    ConnectionList,
    ConnectionReply,
    ConnectionView,
    Done,
    SealedConnection,
    SealedConnectionReply,
)

from conversation_store import access, audit
from conversation_store.database import Row, Transaction
from conversation_store.statements import Statements
from conversation_store.users import check_not_bound
from conversation_store.waiting import consents
from conversation_store.waiting.rules import Settled, settled_by

sql = Statements.beside(__file__)


async def get_connection(transaction: Transaction, query: GetConnection) -> SealedConnectionReply:
    """A run's connection. Raises TerminalError: run_stale_epoch, run_finished, forbidden, not_found."""
    row = await transaction.row(sql.get, query)
    if row is None:
        raise await access.refused_write(transaction, query.principal, query.run_id, query.epoch)
    return SealedConnectionReply(connection=_sealed(row) if row["server"] is not None else None)


async def keep_connection(transaction: Transaction, command: KeepConnection) -> ConnectionKept:
    """Keep it at the version that the runner knows. Raises TerminalError: run_stale_epoch, run_finished, …"""
    seconds = None if command.asked_seconds is None else str(command.asked_seconds)
    kept = await transaction.value(sql.keep, command, asked_seconds=seconds)
    stored = await transaction.row(sql.get, command)
    if stored is None:
        raise await access.refused_write(transaction, command.principal, command.run_id, command.epoch)
    found = _sealed(stored) if stored["server"] is not None else None
    return ConnectionKept(is_kept=kept is not None, connection=found)


async def record_consent(transaction: Transaction, command: RecordConsent) -> ConnectionReply:
    """Keep the answer. Raises TerminalError: forbidden (a chat session), not_found (no such question of this user)."""
    check_not_bound(command.principal)
    if (command.code is None) == (command.error is None):
        raise TerminalError(Code.INVALID_REQUEST, "There is either a code or an error.", field="code")
    row = await transaction.row(sql.record_consent, command)
    if row is None:
        raise TerminalError.not_found("question, or its time is over,")
    action = "consent_given" if command.error is None else "consent_refused"
    await audit.note(transaction, command.principal.user_id, action, server=row["server"])
    await consents.decide(transaction, command.principal, row["server"], settled_by(row["status"]))
    return ConnectionReply(connection=_view(row))


async def list_connections(transaction: Transaction, query: ListConnections) -> ConnectionList:
    """What the user has allowed, and is asked. Raises TerminalError (forbidden: a chat session)."""
    check_not_bound(query.principal)
    rows = await transaction.rows(sql.list, query)
    return ConnectionList(data=tuple(_view(row) for row in rows))


async def delete_connection(transaction: Transaction, command: DeleteConnection) -> Done:
    """Forget it; runs that wait for it go on without. Raises TerminalError (forbidden: a chat session)."""
    check_not_bound(command.principal)
    if await transaction.execute(sql.delete, command):
        await audit.note(transaction, command.principal.user_id, "consent_withdrawn", server=command.server)
        await consents.decide(transaction, command.principal, command.server, Settled("decline"))
    return Done()


def _view(row: Row) -> ConnectionView:
    return ConnectionView(**{name: row[name] for name in ConnectionView.model_fields})


def _sealed(row: Row) -> SealedConnection:
    fields = ("sealed", "version", "code", "issuer", "error", "is_open")
    return SealedConnection(view=_view(row), **{name: row[name] for name in fields})
