"""Turns that are not a new message: a retry, a client tool's output, the answers to a structured input."""

from dataclasses import dataclass, field

from chatkit_protocol import events
from chatkit_protocol.items import HIDDEN_TYPES
from contracts.commands import BeginTurn, ClientToolOutput, Retry, StructuredInput
from contracts.errors import Code, TerminalError
from contracts.ids import MessageId
from contracts.message import Json
from pydantic import JsonValue

from conversation_store import access
from conversation_store.access import missing
from conversation_store.database import Row, Transaction
from conversation_store.statements import Statements, json_text
from conversation_store.translate import (
    answered,
    model_input_of_structured_input,
    model_input_of_tool_output,
    model_input_of_user_item,
)
from conversation_store.turns import branches
from conversation_store.views import loads

sql = Statements.beside(__file__)


@dataclass(frozen=True)
class Change:
    """What such a turn changes.

    ``message_id``: the item that it is about. ``session_items``: what the model is given. ``events``: what viewers see.
    ``parent_turn``: the turn that it follows where it begins a branch; absent: the last one.
    """

    message_id: MessageId
    session_items: list[Json]
    events: list[Json]
    inference_options: Json = field(default_factory=dict[str, JsonValue])
    parent_turn: int | None = None


async def apply(
    transaction: Transaction, command: BeginTurn, answer: Retry | ClientToolOutput | StructuredInput, turn: int
) -> Change:
    """Change the conversation as the turn says; ``turn`` will be its number.

    Raises TerminalError (not_found, invalid_request).
    """
    if isinstance(answer, Retry):
        return await _retry(transaction, command, answer, turn)
    if isinstance(answer, ClientToolOutput):
        return await _tool_output(transaction, command, answer)
    return await _structured_input(transaction, command, answer)


async def find_user_message(transaction: Transaction, command: BeginTurn, message_id: MessageId) -> Row:
    """A message of the user, of which another version or another answer is wanted (`find`)."""
    message = await _find(transaction, command, message_id)
    if message["type"] != "user_message":
        detail = "Only a message of the user can be edited or retried."
        raise TerminalError(Code.INVALID_REQUEST, detail, field="input.message_id")
    return message


async def find_widget(transaction: Transaction, command: BeginTurn, message_id: MessageId) -> Row:
    """A widget that the user sees (`find`). Raises TerminalError: item_gone, forbidden, invalid_request (no widget)."""
    try:
        row = await _find(transaction, command, message_id)
    except TerminalError as error:
        raise access.item_gone() if error.code == Code.NOT_FOUND else error from None
    if not row["is_shown"]:
        raise access.item_gone()
    if row["type"] != "widget":
        raise TerminalError(Code.INVALID_REQUEST, "Only a widget has actions.", field="input.message_id")
    return row


async def _retry(transaction: Transaction, command: BeginTurn, retry: Retry, turn: int) -> Change:
    assert command.conversation_id is not None  # begin.py has seen to that
    message = await find_user_message(transaction, command, retry.message_id)
    fork = await branches.fork(transaction, command.conversation_id, message, turn=turn, keeps_message=True)
    item = loads(message["item"])
    return Change(
        message_id=retry.message_id,
        session_items=model_input_of_user_item(item, message["content"]),
        events=fork.events,
        inference_options=item.get("inference_options") or {},
        parent_turn=fork.parent_turn,
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
    is_pending = message["type"] == "structured_input" and item.get("status") == "pending"
    if not (is_pending and message["is_shown"]):
        raise TerminalError(Code.INVALID_REQUEST, "This item waits for no answers.", field="input.message_id")
    item = answered(item, answer.answers, skipped=answer.skipped)
    await transaction.execute(sql.replace_item, command, message_id=answer.message_id, item=json_text(item))
    return Change(answer.message_id, model_input_of_structured_input(item), [events.item_replaced(item)])


async def _find(transaction: Transaction, command: BeginTurn, message_id: MessageId) -> Row:
    row = await transaction.row(sql.find, command, message_id=message_id)
    if row is None:
        raise await missing(transaction, "message", message_id)
    return row
