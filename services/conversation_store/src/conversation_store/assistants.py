"""The assistants: which are offered is the operator's choice, what they look like their runners tell."""

from collections.abc import Sequence

from contracts.assistants import AssistantCard
from contracts.commands import RegisterAssistants
from contracts.ids import AssistantId
from contracts.queries import ListAssistants
from contracts.replies import AssistantList, Done

from conversation_store.database import Transaction
from conversation_store.statements import Statements, json_text

sql = Statements.beside(__file__)


async def register_assistants(transaction: Transaction, command: RegisterAssistants) -> Done:
    """Keep the cards; a later one of the same assistant replaces an earlier one."""
    cards = {card.assistant_id: card for card in sorted(command.cards, key=lambda card: card.assistant_id)}
    await transaction.execute(
        sql.register,
        assistant_ids=list(cards),
        cards=[json_text(card.model_dump(mode="json", exclude_none=True)) for card in cards.values()],
    )
    return Done()


async def card_of(transaction: Transaction, assistant_id: AssistantId) -> AssistantCard | None:
    """What the runners of an assistant have told of it; None where none has."""
    row = await transaction.row(sql.cards, assistant_ids=[assistant_id])
    return None if row is None else AssistantCard.decode(row["card"].encode())


async def list_assistants(
    transaction: Transaction, _query: ListAssistants, offered: Sequence[AssistantId]
) -> AssistantList:
    """The cards of the offered assistants, in the operator's order; one that no runner has told of is left out."""
    rows = await transaction.rows(sql.cards, assistant_ids=list(offered))
    return AssistantList(data=tuple(AssistantCard.decode(row["card"].encode()) for row in rows))
