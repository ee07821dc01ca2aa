"""A runner's claim on a run: taking it, keeping it, and all that it needs to go on."""

from contracts.commands import ClaimRun, RenewLease
from contracts.errors import Code, RetryableError, TerminalError
from contracts.message import Json
from contracts.replies import ItemView, LeaseRenewed, LedgerEntry, RunClaimed

from conversation_store.database import Row, Transaction
from conversation_store.repository import access, runs
from conversation_store.repository.rows import CONVERSATION_COLUMNS, RUN_COLUMNS, conversation_view, loads, run_view
from conversation_store.rules import POSITIONS_PER_TURN, check_claim, newest_within, whole_window

# The epoch goes up with every claim: whatever an earlier attempt still writes is refused by it.
CLAIM = f"""
update chat.run r
set status = 'running', epoch = r.epoch + 1, runner_id = $3, started_at = coalesce(r.started_at, now()),
    lease_expires_at = now() + make_interval(secs => $4)
where r.run_id = $1 and r.user_id = $2 and r.is_active and r.epoch < $5
  and (r.status = 'queued' or (r.status = 'running' and (r.lease_expires_at <= now() or r.runner_id = $3)))
returning {RUN_COLUMNS}, r.turn, r.user_message_id, r.inference_options, r.checkpoints_count,
    extract(epoch from now() - r.started_at)::float8 as seconds_since_start
"""
RENEW = """
update chat.run set lease_expires_at = now() + make_interval(secs => $4)
where run_id = $1 and user_id = $2 and epoch = $3 and status = 'running' returning cancel_requested
"""
# $3 is the first position of the run's turn, $4 the next turn's. The history reaches back to the n-th message from
# the end, and no further than its bytes allow.
LOAD = f"""
select {CONVERSATION_COLUMNS}, c.openai_conversation_id,
    (select m.item from chat.message m where m.message_id = $5 and m.user_id = $2) as user_item,
    (select json_agg(json_build_array(s.item, s.bytes) order by s.position) from (
        select s.item, s.position, octet_length(s.item::text) as bytes
        from (
            select coalesce((
                select w.position from chat.session_item w
                where w.conversation_id = $1 and w.user_id = $2 and w.is_message and w.position < $3
                order by w.position desc offset greatest($6 - 1, 0) limit 1
            ), 0) as first_position offset 0
        ) edge join chat.session_item s on s.position >= edge.first_position
        where s.conversation_id = $1 and s.user_id = $2 and s.position < $3 and $6 > 0
        order by s.position desc limit 5000
    ) s) as history,
    (select json_agg(json_build_array(s.item, s.is_input) order by s.position) from chat.session_item s
        where s.conversation_id = $1 and s.user_id = $2 and s.position >= $3 and s.position < $4) as own,
    (select json_agg(json_build_object(
            'message_id', m.message_id, 'conversation_id', m.conversation_id, 'run_id', m.run_id, 'role', m.role,
            'type', m.type, 'content', m.content, 'tool_calls', m.tool_calls, 'item', m.item,
            'position', m.position, 'created_at', m.created_at) order by m.position)
        from chat.message m
        where m.run_id = $7 and m.user_id = $2 and m.role = 'assistant') as saved_items,
    (select json_agg(json_build_object(
            'call_id', t.call_id, 'name', t.name, 'arguments', t.arguments, 'status', t.status, 'result', t.result
        ) order by t.begun_at, t.call_id)
        from chat.tool_call t where t.run_id = $7 and t.user_id = $2) as ledger
from chat.conversation c where c.conversation_id = $1 and c.user_id = $2
"""


async def claim_run(
    transaction: Transaction, command: ClaimRun, *, attempts_max: int, history_bytes_max: int
) -> RunClaimed | TerminalError:
    """Give the run to a runner with all that it needs, or end it where it was tried ``attempts_max`` times.

    That end has to be committed, so its error is returned, not raised. Raises NatterError: run_leased (retryable),
    run_finished, forbidden, not_found.
    """
    arguments = (command.run_id, command.principal.user_id, command.runner_id, command.lease_seconds, attempts_max)
    row = await transaction.row(CLAIM, *arguments)
    if row is None:
        return await _refused(transaction, command, attempts_max)
    return await _claimed(transaction, command, row, history_bytes_max)


async def _refused(transaction: Transaction, command: ClaimRun, attempts_max: int) -> TerminalError:
    row = await access.locked_run(transaction, command.principal, command.run_id)
    state = access.run_state(row)
    check_claim(state, runner_id=command.runner_id)
    if state.epoch < attempts_max:  # it became free between the two statements
        raise RetryableError(Code.RUN_LEASED, "The run has just changed hands.", retry_after_seconds=0.1)
    return await give_up(transaction, command.principal.user_id, command.run_id)


async def give_up(transaction: Transaction, user_id: str, run_id: str) -> TerminalError:
    """End a run that too many attempts have failed at (the caller has locked its conversation)."""
    error = TerminalError(Code.RUN_ATTEMPTS_EXHAUSTED, "The answer was tried too often. Please try again.")
    await runs.end_run(transaction, user_id, run_id, "failed", error_code=error.code, error_detail=error.detail)
    return error


async def _claimed(transaction: Transaction, command: ClaimRun, run: Row, history_bytes_max: int) -> RunClaimed:
    base = run["turn"] * POSITIONS_PER_TURN
    found = await transaction.row(
        LOAD,
        run["conversation_id"],
        command.principal.user_id,
        base,
        base + POSITIONS_PER_TURN,
        run["user_message_id"],
        command.history_messages_max,
        command.run_id,
    )
    assert found is not None  # the run's conversation is there: a foreign key says so
    own: list[tuple[Json, bool]] = loads(found["own"]) or []
    saved_items: list[Json] = loads(found["saved_items"]) or []
    ledger: list[Json] = loads(found["ledger"]) or []
    turn_input = [item for item, is_input in own if is_input]
    history = newest_within(loads(found["history"]) or [], history_bytes_max)
    return RunClaimed(
        run=run_view(run),
        epoch=run["epoch"],
        user_item=loads(found["user_item"]) or {},
        input=tuple(turn_input),
        inference_options=loads(run["inference_options"]),
        history=tuple(whole_window(history, following=turn_input)),
        checkpoint=tuple(item for item, is_input in own if not is_input),
        saved_items=tuple(ItemView.model_validate(item) for item in saved_items),
        ledger=tuple(LedgerEntry.model_validate(entry) for entry in ledger),
        is_first_turn=found["title"] is None,
        next_step=run["checkpoints_count"],
        seconds_since_start=run["seconds_since_start"],
        conversation=conversation_view(found),
        openai_conversation_id=found["openai_conversation_id"],
    )


async def renew_lease(transaction: Transaction, command: RenewLease) -> LeaseRenewed:
    """Keep a run. Raises TerminalError: run_stale_epoch, run_finished, forbidden, not_found."""
    row = await transaction.row(RENEW, command.run_id, command.principal.user_id, command.epoch, command.lease_seconds)
    if row is None:
        raise await access.refused_write(transaction, command.principal, command.run_id, command.epoch)
    return LeaseRenewed(lease_seconds=command.lease_seconds, cancel_requested=row["cancel_requested"])
