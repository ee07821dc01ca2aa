"""The tree of a conversation's turns: where a retry or an edit begins a branch, and how one goes to another."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from chatkit_protocol import events as chatkit
from chatkit_protocol.items import HIDDEN_TYPES
from contracts.commands import SwitchBranch
from contracts.errors import Code, TerminalError
from contracts.ids import ConversationId
from contracts.message import Json
from contracts.queries import ListTurns
from contracts.replies import ConversationReply, TurnList

from conversation_store import access, conversations
from conversation_store.database import Row, Transaction
from conversation_store.outbox import enqueue
from conversation_store.statements import Statements
from conversation_store.turns.rules import ON_NO_BRANCH, TreeTurn, branch_to, newest_under, path_along, turns_told_apart
from conversation_store.views import loads

sql = Statements.beside(__file__)

TOLD_APART_MAX = 2_000
"""Of a conversation with more failed, stopped and repeated turns than this, the newest."""


@dataclass(frozen=True)
class Fork:
    """Where a turn joins the tree: the turn that it follows, and what that takes from the view or brings into it."""

    parent_turn: int
    events: list[Json] = field(default_factory=list[Json])


async def fork(
    transaction: Transaction, conversation_id: ConversationId, message: Row, *, turn: int, keeps_message: bool
) -> Fork:
    """Let the conversation go on at a user message (`find_user_message`) with this new turn.

    ``keeps_message``: the turn is another answer to it, and not another version of it.
    """
    turns = await _turns(transaction, conversation_id)
    # It is the message of its own turn and of every retry of it: all of them follow the same turn.
    parents = [t.parent for t in turns if t.message_position == message["position"] and t.parent != ON_NO_BRANCH]
    if not parents:
        raise TerminalError(Code.INVALID_REQUEST, "This message is on no branch.", field="input.message_id")
    branch = branch_to(turns, parents[0])
    path = path_along(branch, next_turn=turn, also_position=message["position"] if keeps_message else None)
    events = await _take_path(transaction, conversation_id, path, last_turn=turn)
    return Fork(parents[0], events)


async def switch_branch(transaction: Transaction, command: SwitchBranch) -> ConversationReply:
    """Go to the newest branch through a run, and show it. Raises TerminalError (conversation_busy, not_found, …)."""
    user_id, conversation_id = command.principal.user_id, command.conversation_id
    await access.owned_conversation(transaction, command.principal, conversation_id, lock=True)
    run = await access.owned_run(transaction, command.principal, command.run_id)
    if run["conversation_id"] != conversation_id:
        raise TerminalError.not_found("run")
    if await transaction.value(sql.active_run, command) is not None:
        raise TerminalError(Code.CONVERSATION_BUSY, "The conversation is being answered.")
    turns = await _turns(transaction, conversation_id)
    branch = branch_to(turns, newest_under(turns, run["turn"]))
    if branch[0].parent == ON_NO_BRANCH:
        raise TerminalError(Code.INVALID_REQUEST, "This run is on no branch.", field="run_id")
    path = path_along(branch, next_turn=turns[-1].number + 1)
    events = await _take_path(transaction, conversation_id, path, last_turn=branch[-1].number)
    shown = [enqueue.conversation_changed(user_id, conversation_id, event) for event in events]
    await enqueue.enqueue(transaction, user_id, shown)
    view = await conversations.get_view(transaction, command.principal, conversation_id)
    return ConversationReply(conversation=view)


async def list_turns(transaction: Transaction, query: ListTurns) -> TurnList:
    """What the items of a conversation do not say of its turns. Raises TerminalError: forbidden, not_found."""
    await access.owned_conversation(transaction, query.principal, query.conversation_id)
    rows = await transaction.rows(sql.told_apart, query, limit=TOLD_APART_MAX)
    return TurnList(data=turns_told_apart([dict(row) for row in reversed(rows)]))


async def _turns(transaction: Transaction, conversation_id: ConversationId) -> Sequence[TreeTurn]:
    rows = await transaction.rows(sql.turns, conversation_id=conversation_id, user_id=transaction.user_id)
    return [TreeTurn(row["turn"], row["parent_turn"], row["message_position"]) for row in rows]


async def _take_path(
    transaction: Transaction, conversation_id: ConversationId, path: str, *, last_turn: int
) -> list[Json]:
    """Make it the conversation's. Returns what a viewer is told: first what goes, then what comes, in its order.

    The two branches are the same up to where they part, so what comes belongs behind all that stays.
    """
    conversation = {"conversation_id": conversation_id, "user_id": transaction.user_id}
    rows = await transaction.rows(sql.difference, **conversation, path=path, hidden_types=list(HIDDEN_TYPES))
    await transaction.execute(sql.set_path, **conversation, path=path, last_turn=last_turn)
    gone = [chatkit.item_removed(row["message_id"]) for row in rows if row["is_shown"]]
    return [*gone, *(chatkit.item_done(loads(row["item"])) for row in rows if not row["is_shown"])]
