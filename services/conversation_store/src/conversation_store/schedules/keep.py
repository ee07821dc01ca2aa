"""Schedules as their users keep them: made, listed, paused, deleted."""

from contracts.assistants import Requester
from contracts.commands import CreateSchedule, DeleteSchedule, UpdateSchedule
from contracts.errors import Code, TerminalError
from contracts.ids import ScheduleId
from contracts.queries import ListSchedules
from contracts.replies import Done, ScheduleList, ScheduleReply, ScheduleView

from conversation_store import access
from conversation_store.database import Row, Transaction
from conversation_store.effects import once
from conversation_store.schedules import rules
from conversation_store.statements import Statements, json_text
from conversation_store.turns.rules import assistant_of_turn, quota_exceeded

sql = Statements.beside(__file__)

LISTED_MAX = 200


async def create_schedule(
    transaction: Transaction,
    command: CreateSchedule,
    schedule_id: ScheduleId,
    *,
    assistants: tuple[str, ...],
    schedules_max: int,
    interval_seconds_min: float,
) -> ScheduleReply:
    """Keep a schedule; the same effect key gives the one that it has made before.

    Raises TerminalError: invalid_request, quota_exceeded, forbidden, not_found, assistant_unknown.
    """

    async def create() -> ScheduleReply:
        if command.conversation_id is not None:
            await access.owned_conversation(transaction, command.principal, command.conversation_id)
        known = await transaction.row(sql.know_user, command, run_id=command.effect_key and command.effect_key.run_id)
        assert known is not None  # one row of counts
        requester = command.requester or Requester.decode((known["requester"] or "{}").encode())
        time_zone = command.time_zone or requester.time_zone or "UTC"
        next_due_at = rules.first_due(
            due_at=command.due_at,
            cron=command.cron,
            time_zone=time_zone,
            now=known["now"],
            interval_seconds_min=interval_seconds_min,
        )
        if known["schedules_count"] >= schedules_max:
            raise quota_exceeded(f"At most {schedules_max} schedules are kept.", "schedules")
        assistant_of_turn(command.assistant_id, None, assistants)
        row = await transaction.row(
            sql.create,
            command,
            schedule_id=schedule_id,
            assistant_id=command.assistant_id or known["assistant_id"],
            time_zone=time_zone,
            next_due_at=next_due_at,
            requester=json_text(requester.model_dump(mode="json", exclude_defaults=True)),
        )
        assert row is not None  # an upsert always gives one row
        return ScheduleReply(schedule=schedule_view(row))

    access.check_scope(command.principal, command.conversation_id)
    return await once(transaction, command.principal, command.effect_key, ScheduleReply, "create_schedule", create)


async def list_schedules(transaction: Transaction, query: ListSchedules) -> ScheduleList:
    """The newest first; those of todos are theirs. Raises TerminalError (forbidden)."""
    access.check_scope(query.principal, None)
    rows = await transaction.rows(sql.list, query, limit=LISTED_MAX)
    return ScheduleList(data=tuple(schedule_view(row) for row in rows))


async def update_schedule(transaction: Transaction, command: UpdateSchedule) -> ScheduleReply:
    """Pause it, or let it go on from now. Raises TerminalError: forbidden, not_found; invalid_request (it is done)."""

    async def update() -> ScheduleReply:
        row = await transaction.row(sql.lock, command)
        if row is None:
            raise TerminalError.not_found("schedule")
        if row["status"] == "done":
            raise TerminalError(Code.INVALID_REQUEST, "This schedule is done.", field="paused")
        status, due_at = ("paused", None) if command.paused else ("active", row["next_due_at"] or row["due_at"])
        if not command.paused and due_at is None:
            due_at = rules.next_due(row["cron"], row["time_zone"], row["now"])
        changed = await transaction.row(sql.change, command, status=status, next_due_at=due_at)
        assert changed is not None  # locked above
        return ScheduleReply(schedule=schedule_view(changed))

    access.check_scope(command.principal, None)
    return await once(transaction, command.principal, command.effect_key, ScheduleReply, "update_schedule", update)


async def delete_schedule(transaction: Transaction, command: DeleteSchedule) -> Done:
    """Forget it. Raises TerminalError: forbidden, not_found."""

    async def delete() -> ScheduleReply:
        row = await transaction.row(sql.delete, command)
        if row is None:
            raise TerminalError.not_found("schedule")
        return ScheduleReply(schedule=schedule_view(row))

    access.check_scope(command.principal, None)
    await once(transaction, command.principal, command.effect_key, ScheduleReply, "delete_schedule", delete)
    return Done()


def schedule_view(row: Row) -> ScheduleView:
    return ScheduleView(**{name: row[name] for name in ScheduleView.model_fields})
