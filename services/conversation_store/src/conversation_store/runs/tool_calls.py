"""The ledger of tool calls: written before a call is executed, its first result stays."""

from contracts.commands import BeginToolCall, FinishToolCall
from contracts.errors import TerminalError
from contracts.replies import ToolCallBegun

from conversation_store import access
from conversation_store.database import Transaction
from conversation_store.statements import Statements, json_text
from conversation_store.views import ledger_entry

sql = Statements.beside(__file__)


async def begin_tool_call(transaction: Transaction, command: BeginToolCall) -> ToolCallBegun:
    """Write the call, or find it with its result. Raises TerminalError: run_stale_epoch, run_finished, …"""
    row = await transaction.row(sql.begin, command, arguments=json_text(command.arguments))
    if row is None:
        raise await access.refused_write(transaction, command.principal, command.run_id, command.epoch)
    return ToolCallBegun(entry=ledger_entry(row))


async def finish_tool_call(transaction: Transaction, command: FinishToolCall) -> ToolCallBegun:
    """Write the call's result unless it has one; the entry says which one counts."""
    attachments = json_text([attachment.model_dump() for attachment in command.attachments])
    row = await transaction.row(sql.finish, command, result=json_text(command.result), attachments=attachments)
    if row is None:
        run = await access.owned_run(transaction, command.principal, command.run_id)
        if run["status"] == "running" and run["epoch"] == command.epoch:
            raise TerminalError.not_found("tool call")
        raise await access.refused_write(transaction, command.principal, command.run_id, command.epoch)
    return ToolCallBegun(entry=ledger_entry(row))
