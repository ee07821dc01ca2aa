"""Let a run wait for a person: without a lease, a slot or a message in flight."""

from chatkit_protocol import events as chatkit
from contracts.commands import ItemToSave, SuspendRun
from contracts.events import RunEvent
from contracts.replies import RunSuspended

from conversation_store import access
from conversation_store.database import Transaction
from conversation_store.outbox import enqueue
from conversation_store.runs import writes
from conversation_store.runs.rules import refusal_of_write
from conversation_store.statements import Statements, json_text
from conversation_store.waiting import consents

sql = Statements.beside(__file__)


async def suspend_run(transaction: Transaction, command: SuspendRun, *, expires_seconds: float) -> RunSuspended:
    """Store what a run has shown and what it asks, and show that; an answer that was lost is given again.

    Raises TerminalError: run_stale_epoch, run_finished, forbidden, not_found.
    """
    run = await access.locked_run(transaction, command.principal, command.run_id)
    if run["epoch"] != command.epoch or run["status"] != "running":
        if run["epoch"] == run["epoch_waited"] == command.epoch and run["status"] in ("waiting", "queued"):
            return RunSuspended()  # it was sent twice
        raise refusal_of_write(access.run_state(run), epoch=command.epoch)
    if run["cancel_requested"]:
        return RunSuspended(cancel_requested=True)
    asked = [
        ItemToSave(message_id=call.message_id, type=str(call.item["type"]), item=call.item) for call in command.calls
    ]
    await writes.write_suspended(transaction, command, (*command.items, *asked))
    row = await transaction.row(sql.suspend, command)
    assert row is not None  # the conversation is locked, and the run was looked at
    await transaction.execute(
        sql.ask,
        command,
        conversation_id=row["conversation_id"],
        expires_seconds=expires_seconds,
        call_ids=[call.call_id for call in command.calls],
        kinds=[call.kind for call in command.calls],
        tools=[call.tool for call in command.calls],
        arguments=[json_text(call.arguments) for call in command.calls],
        forms=[None if call.form is None else call.form.model_dump_json() for call in command.calls],
        message_ids=[call.message_id for call in command.calls],
        standing_names=[call.standing_name for call in command.calls],
        own_seconds=[None if call.expires_seconds is None else float(call.expires_seconds) for call in command.calls],
    )
    user_id, conversation_id = command.principal.user_id, row["conversation_id"]
    shown = [chatkit.item_done(call.item) for call in command.calls]
    waits = RunEvent(
        type="run.waiting",
        run_id=command.run_id,
        conversation_id=conversation_id,
        epoch=command.epoch,
        wait=row["waits_count"],
    )
    outgoing = enqueue.chatkit_events(user_id, conversation_id, command.run_id, shown)
    await enqueue.enqueue(transaction, user_id, [*outgoing, enqueue.run_event(user_id, waits)])
    await consents.decide_answered(transaction, command.principal, command.run_id, command.calls)
    return RunSuspended()
