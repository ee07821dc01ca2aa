"""Turns that are not a new message: a retry, a client tool's output, the answers to a structured input."""

from dataclasses import dataclass, field

from contracts.commands import BeginTurn, ClientToolOutput, Retry, StructuredInput
from contracts.errors import Code, TerminalError
from contracts.ids import ConversationId, MessageId, RunId
from contracts.message import Json
from pydantic import JsonValue

from conversation_store.database import Row, Transaction
from conversation_store.repository.access import missing
from conversation_store.repository.rows import loads
from conversation_store.translate import (
    HIDDEN_TYPES,
    answered,
    item_removed,
    item_replaced,
    json_text,
    model_input_of_structured_input,
    model_input_of_tool_output,
    model_input_of_user_item,
)

FIND = """
select m.message_id, m.type, m.content, m.item, m.position, r.turn
from chat.message m left join chat.run r using (run_id)
where m.message_id = $1 and m.conversation_id = $2 and m.user_id = $3
"""
LAST = """
select message_id, type, item from chat.message
where conversation_id = $1 and user_id = $2 and not type = any($3::text[]) order by position desc limit 1
"""
REPLACE = "update chat.message set item = $3::jsonb where message_id = $1 and user_id = $2"
# A retried message stays where it is, though the run that answers it is a later turn.
DELETE_AFTER = """
delete from chat.message where conversation_id = $1 and user_id = $2 and position > $3
returning message_id, type, position
"""
FORGET_FROM = "delete from chat.session_item where conversation_id = $1 and user_id = $2 and position >= $3"
ADOPT = "update chat.message set run_id = $3 where message_id = $1 and user_id = $2"


@dataclass(frozen=True)
class Change:
    """What such a turn does: the item it is about, what the model is told, and what viewers are."""

    message_id: MessageId
    session_items: list[Json]
    events: list[Json]
    inference_options: Json = field(default_factory=dict[str, JsonValue])


async def apply(
    transaction: Transaction,
    user_id: str,
    conversation_id: ConversationId,
    answer: Retry | ClientToolOutput | StructuredInput,
) -> Change:
    """Change the conversation as the turn says. Raises TerminalError (not_found, invalid_request)."""
    if isinstance(answer, Retry):
        return await _retry(transaction, user_id, conversation_id, answer)
    if isinstance(answer, ClientToolOutput):
        return await _tool_output(transaction, user_id, conversation_id, answer)
    return await _structured_input(transaction, user_id, conversation_id, answer)


async def adopt(transaction: Transaction, command: BeginTurn, message_id: MessageId, run_id: RunId) -> None:
    """A retried message belongs to the run that answers it now."""
    if isinstance(command.input, Retry):
        await transaction.execute(ADOPT, message_id, command.principal.user_id, run_id)


async def _retry(transaction: Transaction, user_id: str, conversation_id: ConversationId, retry: Retry) -> Change:
    message = await _find(transaction, user_id, conversation_id, retry.message_id)
    if message["type"] != "user_message":
        detail = "Only a message of the user can be retried."
        raise TerminalError(Code.INVALID_REQUEST, detail, field="input.message_id")
    removed = await transaction.rows(DELETE_AFTER, conversation_id, user_id, message["position"])
    await transaction.execute(FORGET_FROM, conversation_id, user_id, (message["turn"] or 0) * 1_000_000)
    shown = sorted((row["position"], row["message_id"]) for row in removed if row["type"] not in HIDDEN_TYPES)
    item = loads(message["item"])
    return Change(
        message_id=retry.message_id,
        session_items=model_input_of_user_item(item, message["content"]),
        events=[item_removed(message_id) for _, message_id in shown],
        inference_options=item.get("inference_options") or {},
    )


async def _tool_output(
    transaction: Transaction, user_id: str, conversation_id: ConversationId, output: ClientToolOutput
) -> Change:
    last = await transaction.row(LAST, conversation_id, user_id, list(HIDDEN_TYPES))
    item: Json = loads(last["item"]) if last is not None else {}
    if last is None or last["type"] != "client_tool_call" or item.get("status") != "pending":
        raise TerminalError(Code.INVALID_REQUEST, "No client tool call waits for its output.", field="input")
    item = {**item, "status": "completed", "output": output.result}
    await transaction.execute(REPLACE, last["message_id"], user_id, json_text(item))
    return Change(last["message_id"], model_input_of_tool_output(item), [item_replaced(item)])


async def _structured_input(
    transaction: Transaction, user_id: str, conversation_id: ConversationId, answer: StructuredInput
) -> Change:
    message = await _find(transaction, user_id, conversation_id, answer.message_id)
    item: Json = loads(message["item"])
    if message["type"] != "structured_input" or item.get("status") != "pending":
        raise TerminalError(Code.INVALID_REQUEST, "This item waits for no answers.", field="input.message_id")
    item = answered(item, answer.answers, skipped=answer.skipped)
    await transaction.execute(REPLACE, answer.message_id, user_id, json_text(item))
    return Change(answer.message_id, model_input_of_structured_input(item), [item_replaced(item)])


async def _find(transaction: Transaction, user_id: str, conversation_id: ConversationId, message_id: MessageId) -> Row:
    row = await transaction.row(FIND, message_id, conversation_id, user_id)
    if row is None:
        raise await missing(transaction, "message", message_id)
    return row
