"""The ledger of tool calls: written before a call is executed, its first result stays."""

from contracts.commands import BeginToolCall, FinishToolCall
from contracts.errors import TerminalError
from contracts.replies import ToolCallBegun

from conversation_store.database import Transaction
from conversation_store.repository import access
from conversation_store.repository.rows import ledger_entry
from conversation_store.translate import json_text

COLUMNS = "t.call_id, t.name, t.arguments, t.status, t.result, t.attachments, t.epoch"
# The run's row is locked against a claim while the call is written: an attempt that was fenced writes none.
BEGIN = f"""
with fence as (
    select conversation_id from chat.run
    where run_id = $1 and user_id = $2 and epoch = $3 and status = 'running' for share
)
insert into chat.tool_call as t (run_id, call_id, conversation_id, user_id, name, arguments, status, epoch)
select $1, $4, conversation_id, $2, $5, $6::jsonb, 'running', $3 from fence
on conflict (run_id, call_id) do update set call_id = excluded.call_id
returning {COLUMNS}
"""
FINISH = f"""
with fence as (
    select run_id from chat.run where run_id = $1 and user_id = $2 and epoch = $3 and status = 'running' for share
)
update chat.tool_call t
set status = case when t.finished_at is null then $5 else t.status end,
    result = case when t.finished_at is null then $6::jsonb else t.result end,
    attachments = case when t.finished_at is null then $7::jsonb else t.attachments end,
    finished_at = case when $5 = 'running' then t.finished_at else coalesce(t.finished_at, now()) end
from fence where t.run_id = fence.run_id and t.call_id = $4 and t.user_id = $2
returning {COLUMNS}
"""


async def begin_tool_call(transaction: Transaction, command: BeginToolCall) -> ToolCallBegun:
    """Write the call, or find it with its result. Raises TerminalError: run_stale_epoch, run_finished, …"""
    row = await transaction.row(
        BEGIN,
        command.run_id,
        command.principal.user_id,
        command.epoch,
        command.call_id,
        command.name,
        json_text(command.arguments),
    )
    if row is None:
        raise await access.refused_write(transaction, command.principal, command.run_id, command.epoch)
    return ToolCallBegun(entry=ledger_entry(row))


async def finish_tool_call(transaction: Transaction, command: FinishToolCall) -> ToolCallBegun:
    """Write the call's result unless it has one; the entry says which one counts."""
    row = await transaction.row(
        FINISH,
        command.run_id,
        command.principal.user_id,
        command.epoch,
        command.call_id,
        command.status,
        json_text(command.result),
        json_text([attachment.model_dump() for attachment in command.attachments]),
    )
    if row is None:
        run = await access.owned_run(transaction, command.principal, command.run_id)
        if run["status"] == "running" and run["epoch"] == command.epoch:
            raise TerminalError.not_found("tool call")
        raise await access.refused_write(transaction, command.principal, command.run_id, command.epoch)
    return ToolCallBegun(entry=ledger_entry(row))
