"""A runner's claim on a run: taking it, keeping it, and all that it needs to go on."""

from collections.abc import Sequence
from dataclasses import dataclass

from chatkit_protocol.history import whole_window
from contracts.assistants import Requester
from contracts.commands import ClaimRun, RenewLease
from contracts.errors import Code, RetryableError, TerminalError
from contracts.message import Json
from contracts.replies import ActionView, ItemView, LeaseRenewed, LedgerEntry, RunClaimed
from contracts.waiting import DecidedCall

from conversation_store import access
from conversation_store.database import Row, Transaction
from conversation_store.runs import finish
from conversation_store.runs.rules import POSITIONS_PER_TURN, check_claim, newest_within
from conversation_store.statements import Statements
from conversation_store.views import conversation_view, loads, run_view

sql = Statements.beside(__file__)


@dataclass(frozen=True)
class ClaimLimits:
    """How often a run is tried, and how much of the earlier turns a claim brings."""

    attempts_max: int
    history_bytes_max: int


async def claim_run(transaction: Transaction, command: ClaimRun, limits: ClaimLimits) -> RunClaimed | TerminalError:
    """Give the run to a runner with all that it needs, or end it where it was tried ``attempts_max`` times.

    That end has to be committed, so its error is returned, not raised. Raises NatterError: run_leased (retryable),
    run_finished, forbidden, not_found.
    """
    row = await transaction.row(sql.claim, command, attempts_max=limits.attempts_max)
    if row is None:
        return await _refused(transaction, command, limits)
    return await _claimed(transaction, command, row, limits)


async def _refused(transaction: Transaction, command: ClaimRun, limits: ClaimLimits) -> TerminalError:
    row = await access.locked_run(transaction, command.principal, command.run_id)
    state = access.run_state(row)
    check_claim(state, runner_id=command.runner_id)
    if state.attempts_count < limits.attempts_max:  # it became free between the two statements
        raise RetryableError(Code.RUN_LEASED, "The run has just changed hands.", retry_after_seconds=0.1)
    return await give_up(transaction, command.principal.user_id, command.run_id)


async def give_up(transaction: Transaction, user_id: str, run_id: str) -> TerminalError:
    """End a run that too many attempts have failed at (the caller has locked its conversation)."""
    error = TerminalError(Code.RUN_ATTEMPTS_EXHAUSTED, "The answer was tried too often. Please try again.")
    await finish.end_run(transaction, user_id, run_id, "failed", error_code=error.code, error_detail=error.detail)
    return error


async def _claimed(transaction: Transaction, command: ClaimRun, run: Row, limits: ClaimLimits) -> RunClaimed:
    turn_position = run["turn"] * POSITIONS_PER_TURN
    found = await transaction.row(
        sql.load,
        command,
        conversation_id=run["conversation_id"],
        user_message_id=run["user_message_id"],
        turn_position=turn_position,
        next_turn_position=turn_position + POSITIONS_PER_TURN,
    )
    assert found is not None  # the run's conversation is there: a foreign key says so
    own: list[tuple[Json, bool]] = loads(found["own"]) or []
    saved_items: list[Json] = loads(found["saved_items"]) or []
    ledger: list[Json] = loads(found["ledger"]) or []
    turn_input = [item for item, is_input in own if is_input]
    history = newest_within(loads(found["history"]) or [], limits.history_bytes_max)
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
        stalls_count=run["stalls_count"],
        conversation=conversation_view(found),
        openai_conversation_id=found["openai_conversation_id"],
        assistant_id=found["assistant_id"],
        agent_name=run["agent_name"],
        requester=Requester.decode(run["requester"].encode()),
        action=None if run["action"] is None else ActionView.model_validate_json(run["action"]),
        decisions=tuple(DecidedCall.model_validate(one) for one in loads(found["decisions"]) or ()),
        standing_approvals=tuple(loads(found["standing_approvals"]) or ()),
        is_resumed=run["epoch"] == run["epoch_waited"] + 1 and run["epoch_waited"] > 0,
    )


async def renew_lease(transaction: Transaction, command: RenewLease) -> LeaseRenewed:
    """Keep a run. Raises TerminalError: run_stale_epoch, run_finished, forbidden, not_found."""
    row = await transaction.row(sql.renew, command)
    if row is None:
        raise await access.refused_write(transaction, command.principal, command.run_id, command.epoch)
    return LeaseRenewed(lease_seconds=command.lease_seconds, cancel_requested=row["cancel_requested"])


async def renew_many(transaction: Transaction, commands: Sequence[RenewLease]) -> list[Row]:
    """Keep many runs, of any users. Returns a row for each that was there to be kept."""
    return await transaction.rows(
        sql.renew_many,
        run_ids=[command.run_id for command in commands],
        user_ids=[command.principal.user_id for command in commands],
        epochs=[str(command.epoch) for command in commands],
        leases_seconds=[str(command.lease_seconds) for command in commands],
    )
