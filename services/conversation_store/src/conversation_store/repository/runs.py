"""Runs: how they end, how they are stopped, and how the next one starts."""

from typing import Literal

from contracts.commands import CancelRun, FinishRun
from contracts.errors import Code, TerminalError
from contracts.events import RunEvent
from contracts.identity import Principal
from contracts.ids import ConversationId, MessageId, RunId
from contracts.message import Json
from contracts.queries import GetRun
from contracts.replies import RunFinished, RunReply, RunView

from conversation_store.database import Transaction
from conversation_store.repository import access, items, outbox, session
from conversation_store.repository.rows import RUN_COLUMNS, loads, run_view
from conversation_store.rules import UNFINISHED, EndStatus, check_scope, refusal_of_write, stops_at_once
from conversation_store.translate import error_event, item_done, json_text

GET = f"select {RUN_COLUMNS} from chat.run r where r.run_id = $1 and r.user_id = $2"
# The end, and what a finished run leaves at its conversation: a title where there was none.
END = f"""
with ended as (
    update chat.run r
    set status = $3, is_active = false, finished_at = now(), lease_expires_at = null, error_code = $4,
        error_detail = $5, usage = coalesce($6::jsonb, usage), model = coalesce($7, model)
    where r.run_id = $1 and r.user_id = $2 and r.status in ('queued', 'running')
    returning {RUN_COLUMNS}
), touched as (
    update chat.conversation
    set updated_at = now(), title = coalesce(title, $8),
        openai_conversation_id = coalesce($9, openai_conversation_id)
    where conversation_id = (select conversation_id from ended) and user_id = $2
)
select * from ended
"""
ACTIVATE_NEXT = """
update chat.run r set is_active = true, requested_at = now(), requests_count = r.requests_count + 1
from (
    select run_id from chat.run
    where conversation_id = $1 and user_id = $2 and status = 'queued' and not is_active
        and not exists (select from chat.run where conversation_id = $1 and user_id = $2 and is_active)
    order by turn limit 1
) next
where r.run_id = next.run_id and r.user_id = $2 returning r.run_id, r.user_message_id
"""
REQUEST_CANCEL = f"""
update chat.run r set cancel_requested = true where r.run_id = $1 and r.user_id = $2 returning {RUN_COLUMNS}
"""
END_EVENTS: dict[EndStatus, Literal["run.completed", "run.failed", "run.cancelled"]] = {
    "completed": "run.completed",
    "failed": "run.failed",
    "cancelled": "run.cancelled",
}
USER_ITEM = "select item from chat.message where message_id = $1 and user_id = $2"


async def get_run(transaction: Transaction, query: GetRun) -> RunReply:
    return RunReply(run=await _get(transaction, query.principal, query.run_id))


async def _get(transaction: Transaction, principal: Principal, run_id: RunId) -> RunView:
    row = await transaction.row(GET, run_id, principal.user_id)
    if row is None:
        raise await access.missing(transaction, "run", run_id)
    check_scope(principal, row["conversation_id"])
    return run_view(row)


async def cancel_run(transaction: Transaction, command: CancelRun) -> RunReply:
    """Stop a run; one that is finished stays as it is."""
    row = await access.locked_run(transaction, command.principal, command.run_id)
    if row["status"] in UNFINISHED:
        await request_stop(transaction, command.principal, command.run_id)
    return RunReply(run=await _get(transaction, command.principal, command.run_id))


async def request_stop(transaction: Transaction, principal: Principal, run_id: RunId) -> None:
    """End a run that nobody has worked on; tell the runner of another (the caller has locked its conversation)."""
    row = await access.owned_run(transaction, principal, run_id)
    if not stops_at_once(access.run_state(row)):
        await transaction.execute(REQUEST_CANCEL, run_id, principal.user_id)
        transaction.runs_to_stop.append(run_id)
        return
    if not row["is_active"]:  # it waited, and its message was not shown yet
        events = await _events_of_waiting_turn(transaction, principal.user_id, row["user_message_id"])
        shown = outbox.chatkit_events(principal.user_id, row["conversation_id"], run_id, events)
        await outbox.enqueue(transaction, principal.user_id, shown)
    await end_run(transaction, principal.user_id, run_id, "cancelled")


async def finish_run(transaction: Transaction, command: FinishRun) -> RunFinished:
    """End a run with all that it leaves, and start the turn that waits behind it.

    A run that is finished stays as it is (``already_finished``). Raises TerminalError (run_stale_epoch).
    """
    user_id = command.principal.user_id
    row = await access.locked_run(transaction, command.principal, command.run_id)
    if row["status"] not in UNFINISHED:
        run = await _get(transaction, command.principal, command.run_id)
        return RunFinished(run=run, already_finished=True)
    if row["epoch"] != command.epoch or row["status"] != "running":
        raise refusal_of_write(access.run_state(row), epoch=command.epoch)
    place = await session.reserve(
        transaction,
        command.principal,
        command.run_id,
        command.epoch,
        items_count=len(command.items),
        session_items_count=len(command.session_items),
    )
    await items.save(transaction, place, command.items)
    await session.append(transaction, place, command.session_items)
    run, next_run_id = await end_run(
        transaction,
        user_id,
        command.run_id,
        command.status,
        error_code=command.error_code,
        error_detail=command.error_detail,
        usage=None if command.usage is None else json_text(command.usage.model_dump()),
        model=command.model,
        title=command.title,
        openai_conversation_id=command.openai_conversation_id,
    )
    return RunFinished(run=run, next_run_id=next_run_id)


async def end_run(  # noqa: PLR0913  the columns that an end may set
    transaction: Transaction,
    user_id: str,
    run_id: RunId,
    status: EndStatus,
    *,
    error_code: str | None = None,
    error_detail: str | None = None,
    usage: str | None = None,
    model: str | None = None,
    title: str | None = None,
    openai_conversation_id: str | None = None,
) -> tuple[RunView, RunId | None]:
    """Set a run's terminal state, tell the viewers, and start the turn that waits; its id comes second.

    The caller has locked the conversation and seen that the run is not finished.
    """
    is_failed = status == "failed"
    code = (error_code or Code.INTERNAL) if is_failed else None
    detail = (error_detail or "The answer could not be written.") if is_failed else None
    row = await transaction.row(END, run_id, user_id, status, code, detail, usage, model, title, openai_conversation_id)
    if row is None:
        raise TerminalError(Code.RUN_FINISHED, "The run is finished.")
    run = run_view(row)
    end = RunEvent(
        type=END_EVENTS[status], run_id=run_id, conversation_id=run.conversation_id, epoch=run.epoch, code=code
    )
    events = [] if code is None or detail is None else [error_event(code, detail)]
    outgoing = outbox.chatkit_events(user_id, run.conversation_id, run_id, events)
    await outbox.enqueue(transaction, user_id, [*outgoing, outbox.run_event(user_id, end)])
    return run, await activate_next(transaction, user_id, run.conversation_id)


async def activate_next(transaction: Transaction, user_id: str, conversation_id: ConversationId) -> RunId | None:
    """Start the oldest turn that waits, unless one is active: show its message and request its run."""
    row = await transaction.row(ACTIVATE_NEXT, conversation_id, user_id)
    if row is None:
        return None
    events = await _events_of_waiting_turn(transaction, user_id, row["user_message_id"])
    shown = outbox.chatkit_events(user_id, conversation_id, row["run_id"], events)
    requested = outbox.run_requested(user_id, conversation_id, row["run_id"])
    await outbox.enqueue(transaction, user_id, [*shown, requested])
    return row["run_id"]


async def _events_of_waiting_turn(transaction: Transaction, user_id: str, message_id: MessageId) -> list[Json]:
    item = await transaction.value(USER_ITEM, message_id, user_id)
    return [] if item is None else [item_done(loads(item))]
