"""Runs: how they end, how they are stopped, and how the next one starts."""

from typing import Literal

from chatkit_protocol import events as chatkit
from contracts.commands import CancelRun, FinishRun
from contracts.errors import RETRY_CANNOT_HELP, Code, TerminalError
from contracts.events import RunEvent
from contracts.identity import Principal
from contracts.ids import ConversationId, MessageId, RunId
from contracts.message import Json
from contracts.queries import GetRun, ListRuns
from contracts.replies import RunFinished, RunPage, RunReply, RunView

from conversation_store import access
from conversation_store.database import Transaction
from conversation_store.outbox import enqueue
from conversation_store.runs import writes
from conversation_store.runs.rules import UNFINISHED, EndStatus, refusal_of_write, stops_at_once
from conversation_store.statements import Statements, json_text
from conversation_store.views import loads, run_view
from conversation_store.waiting import release

sql = Statements.beside(__file__)

END_EVENTS: dict[EndStatus, Literal["run.completed", "run.failed", "run.cancelled"]] = {
    "completed": "run.completed",
    "failed": "run.failed",
    "cancelled": "run.cancelled",
}


async def get_run(transaction: Transaction, query: GetRun) -> RunReply:
    """One run. Raises TerminalError: forbidden, not_found."""
    return RunReply(run=await run_of(transaction, query.principal, query.run_id))


async def run_of(transaction: Transaction, principal: Principal, run_id: RunId) -> RunView:
    """The run, with what it waits for. Raises TerminalError: forbidden, not_found."""
    row = await transaction.row(sql.get, run_id=run_id, user_id=principal.user_id)
    if row is None:
        raise await access.missing(transaction, "run", run_id)
    access.check_scope(principal, row["conversation_id"])
    return run_view(row)


async def list_runs(transaction: Transaction, query: ListRuns) -> RunPage:
    """A page of the user's runs; a bound principal sees those of its conversation."""
    rows = await transaction.rows(
        sql.newest_first, query, only_this=query.principal.conversation_id, limit=query.limit + 1
    )
    data = tuple(run_view(row) for row in rows[: query.limit])
    has_more = len(rows) > query.limit
    return RunPage(data=data, has_more=has_more, after=data[-1].run_id if has_more else None)


async def cancel_run(transaction: Transaction, command: CancelRun) -> RunReply:
    """Stop a run; one that is finished stays as it is. Raises TerminalError: forbidden, not_found."""
    row = await access.locked_run(transaction, command.principal, command.run_id)
    if row["status"] in UNFINISHED:
        await request_stop(transaction, command.principal, command.run_id)
    return RunReply(run=await run_of(transaction, command.principal, command.run_id))


async def request_stop(transaction: Transaction, principal: Principal, run_id: RunId) -> None:
    """End a run at once if no runner has worked on it; otherwise its runner is told to stop.

    One that waits for a person is requested again: a runner ends it, as it would end any.
    The caller has locked the conversation.
    """
    row = await access.owned_run(transaction, principal, run_id)
    if row["status"] == "waiting":
        await release.cancel(transaction, principal.user_id, row)
        return
    if not stops_at_once(access.run_state(row)):
        await transaction.execute(sql.request_cancel, run_id=run_id, user_id=principal.user_id)
        transaction.runs_to_stop.append(run_id)
        return
    if not row["is_active"]:  # it waited, and its message was not shown yet
        events = await _events_of_waiting_turn(transaction, principal.user_id, row["user_message_id"])
        shown = enqueue.chatkit_events(principal.user_id, row["conversation_id"], run_id, events)
        await enqueue.enqueue(transaction, principal.user_id, shown)
    await end_run(transaction, principal.user_id, run_id, "cancelled")


async def finish_run(transaction: Transaction, command: FinishRun) -> RunFinished:
    """End a run with all that it leaves, and start the turn that waits behind it.

    A run that is finished stays as it is (``already_finished``). Raises TerminalError (run_stale_epoch).
    """
    user_id = command.principal.user_id
    await access.lock_run(transaction, command.principal, command.run_id)
    if not await writes.write_last_items(transaction, command):
        row = await access.owned_run(transaction, command.principal, command.run_id)
        if row["status"] not in UNFINISHED:
            run = await run_of(transaction, command.principal, command.run_id)
            return RunFinished(run=run, already_finished=True)
        raise refusal_of_write(access.run_state(row), epoch=command.epoch)
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
        replaces_title=command.replaces_title,
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
    replaces_title: bool = False,
    openai_conversation_id: str | None = None,
) -> tuple[RunView, RunId | None]:
    """Set a run's terminal state, tell the viewers, and start the turn that waits; its id comes second.

    The caller has locked the conversation and seen that the run is not finished.
    """
    is_failed = status == "failed"
    code = (error_code or Code.INTERNAL) if is_failed else None
    detail = (error_detail or "The answer could not be written.") if is_failed else None
    row = await transaction.row(
        sql.end_run,
        run_id=run_id,
        user_id=user_id,
        status=status,
        error_code=code,
        error_detail=detail,
        usage=usage,
        model=model,
        title=title,
        replaces_title=replaces_title,
        openai_conversation_id=openai_conversation_id,
    )
    if row is None:
        raise TerminalError(Code.RUN_FINISHED, "The run is finished.")
    run = run_view(row)
    end = RunEvent(
        type=END_EVENTS[status], run_id=run_id, conversation_id=run.conversation_id, epoch=run.epoch, code=code
    )
    events: list[Json] = []
    if code is not None and detail is not None:
        # ChatKit tries again by the user's last message, which is not what an action or a schedule was about.
        allow_retry = code not in RETRY_CANNOT_HELP and not row["is_without_message"]
        events = [chatkit.error(detail, allow_retry=allow_retry)]
    outgoing = enqueue.chatkit_events(user_id, run.conversation_id, run_id, events)
    told = [enqueue.deliver_webhook(user_id, webhook_id, run_id) for webhook_id in row["webhook_ids"] or ()]
    await enqueue.enqueue(transaction, user_id, [*outgoing, enqueue.run_event(user_id, end), *told])
    has_next = row["has_next"]
    return run, await activate_next(transaction, user_id, run.conversation_id) if has_next else None


async def activate_next(transaction: Transaction, user_id: str, conversation_id: ConversationId) -> RunId | None:
    """Start the oldest turn that waits, unless one is active: show its message and request its run."""
    row = await transaction.row(sql.activate_next, conversation_id=conversation_id, user_id=user_id)
    if row is None:
        return None
    events = await _events_of_waiting_turn(transaction, user_id, row["user_message_id"])
    shown = enqueue.chatkit_events(user_id, conversation_id, row["run_id"], events)
    requested = enqueue.run_requested(user_id, conversation_id, row["run_id"], row["assistant_id"])
    await enqueue.enqueue(transaction, user_id, [*shown, requested])
    return row["run_id"]


async def _events_of_waiting_turn(transaction: Transaction, user_id: str, message_id: MessageId) -> list[Json]:
    item = await transaction.value(sql.user_item, message_id=message_id, user_id=user_id)
    return [] if item is None else [chatkit.item_done(loads(item))]
