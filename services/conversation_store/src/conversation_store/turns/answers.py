"""Turns that are not a new message: a retry, a client tool's output, the answers to a structured input."""

from dataclasses import dataclass, field

from chatkit_protocol import events
from chatkit_protocol.items import HIDDEN_TYPES
from contracts.commands import BeginTurn, ClientToolOutput, Retry, StructuredInput
from contracts.errors import Code, TerminalError
from contracts.ids import MessageId, RunId
from contracts.message import Json
from pydantic import JsonValue

from conversation_store.access import missing
from conversation_store.database import Row, Transaction
from conversation_store.runs.rules import POSITIONS_PER_TURN
from conversation_store.statements import Statements, json_text
from conversation_store.translate import (
    answered,
    model_input_of_structured_input,
    model_input_of_tool_output,
    model_input_of_user_item,
)
from conversation_store.views import loads

sql = Statements.beside(__file__)


@dataclass(frozen=True)
class Change:
    """What such a turn changes.

    ``message_id``: the item that it is about. ``session_items``: what the model is given. ``events``: what viewers see.
    """

    message_id: MessageId
    session_items: list[Json]
    events: list[Json]
    inference_options: Json = field(default_factory=dict[str, JsonValue])


async def apply(
    transaction: Transaction, command: BeginTurn, answer: Retry | ClientToolOutput | StructuredInput
) -> Change:
    """Change the conversation as the turn says. Raises TerminalError (not_found, invalid_request)."""
    if isinstance(answer, Retry):
        return await _retry(transaction, command, answer)
    if isinstance(answer, ClientToolOutput):
        return await _tool_output(transaction, command, answer)
    return await _structured_input(transaction, command, answer)


async def adopt(transaction: Transaction, command: BeginTurn, message_id: MessageId, run_id: RunId) -> None:
    """A retried message belongs to the run that answers it now."""
    if isinstance(command.input, Retry):
        await transaction.execute(sql.adopt, command, message_id=message_id, run_id=run_id)


async def _retry(transaction: Transaction, command: BeginTurn, retry: Retry) -> Change:
    message = await _find(transaction, command, retry.message_id)
    if message["type"] != "user_message":
        detail = "Only a message of the user can be retried."
        raise TerminalError(Code.INVALID_REQUEST, detail, field="input.message_id")
    removed = await transaction.rows(sql.delete_after, command, position=message["position"])
    turn_position = (message["turn"] or 0) * POSITIONS_PER_TURN
    await transaction.execute(sql.forget_from, command, position=turn_position)
    shown = sorted((row["position"], row["message_id"]) for row in removed if row["type"] not in HIDDEN_TYPES)
    item = loads(message["item"])
    return Change(
        message_id=retry.message_id,
        session_items=model_input_of_user_item(item, message["content"]),
        events=[events.item_removed(message_id) for _, message_id in shown],
        inference_options=item.get("inference_options") or {},
    )


async def _tool_output(transaction: Transaction, command: BeginTurn, output: ClientToolOutput) -> Change:
    last = await transaction.row(sql.last_shown, command, hidden_types=list(HIDDEN_TYPES))
    item: Json = loads(last["item"]) if last is not None else {}
    if last is None or last["type"] != "client_tool_call" or item.get("status") != "pending":
        raise TerminalError(Code.INVALID_REQUEST, "No client tool call waits for its output.", field="input")
    item = {**item, "status": "completed", "output": output.result}
    await transaction.execute(sql.replace_item, command, message_id=last["message_id"], item=json_text(item))
    return Change(last["message_id"], model_input_of_tool_output(item), [events.item_replaced(item)])


async def _structured_input(transaction: Transaction, command: BeginTurn, answer: StructuredInput) -> Change:
    message = await _find(transaction, command, answer.message_id)
    item: Json = loads(message["item"])
    if message["type"] != "structured_input" or item.get("status") != "pending":
        raise TerminalError(Code.INVALID_REQUEST, "This item waits for no answers.", field="input.message_id")
    item = answered(item, answer.answers, skipped=answer.skipped)
    await transaction.execute(sql.replace_item, command, message_id=answer.message_id, item=json_text(item))
    return Change(answer.message_id, model_input_of_structured_input(item), [events.item_replaced(item)])


async def _find(transaction: Transaction, command: BeginTurn, message_id: MessageId) -> Row:
    row = await transaction.row(sql.find, command, message_id=message_id)
    if row is None:
        raise await missing(transaction, "message", message_id)
    return row
