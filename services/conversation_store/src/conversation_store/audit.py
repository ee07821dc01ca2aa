"""Notes what an operator may later be asked about, with the transaction that does it: it is told if it has happened."""

from contracts.events import NOBODY, AuditAction, AuditDetail, AuditEvent

from conversation_store.database import Transaction
from conversation_store.outbox.enqueue import audit_event, enqueue


async def note(transaction: Transaction, user_id: str | None, action: AuditAction, **details: AuditDetail) -> None:
    """Put it into the outbox; without a user where it concerns none.

    ``details``: ids, names and counts alone, nothing that a person wrote.
    """
    event = AuditEvent(action=action, user_id=user_id, details=details)
    await enqueue(transaction, user_id or NOBODY, [audit_event(event)])
