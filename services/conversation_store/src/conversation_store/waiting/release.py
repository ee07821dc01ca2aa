"""What a run waits for is decided: the item says so, and when nothing is left the run is requested again."""

from collections.abc import Callable, Sequence

from chatkit_protocol import events as chatkit
from contracts.events import RunEvent
from contracts.message import Json

from conversation_store.database import Row, Transaction
from conversation_store.outbox import enqueue
from conversation_store.statements import Statements, json_text
from conversation_store.views import loads
from conversation_store.waiting.rules import Settled, item_of

sql = Statements.beside(__file__)


async def undecided(transaction: Transaction, user_id: str, run_id: str) -> list[Row]:
    """The calls that a run waits with (`undecided`)."""
    return await transaction.rows(sql.undecided, run_id=run_id, user_id=user_id)


async def decide(
    transaction: Transaction, user_id: str, run: Row, decided: Sequence[tuple[Row, Settled]], *, cancels: bool = False
) -> None:
    """Store decisions about calls that a run waits with, and let the run go on where none is left.

    The caller has locked the conversation; ``run`` is a row of `access.find_run`.
    """
    run_id, conversation_id = run["run_id"], run["conversation_id"]
    items: list[Json] = []
    for call, settled in decided:
        answer = None if settled.answer is None else json_text(settled.answer)
        await transaction.execute(
            sql.decide,
            run_id=run_id,
            user_id=user_id,
            call_id=call["call_id"],
            verdict=settled.verdict,
            reason=settled.reason,
            answer=answer,
            wait=run["waits_count"],
        )
        if call["item"] is not None:
            items.append(item_of(loads(call["item"]), call["kind"], settled))
            item = json_text(items[-1])
            await transaction.execute(sql.replace_item, message_id=call["message_id"], user_id=user_id, item=item)
    left = await undecided(transaction, user_id, run_id)
    shown = enqueue.chatkit_events(user_id, conversation_id, run_id, [chatkit.item_replaced(item) for item in items])
    tell = _teller(user_id, run)
    if left:
        wait = await transaction.value(sql.wait_on, run_id=run_id, user_id=user_id)
        outgoing = [tell("run.waiting", run["waits_count"]), *shown, tell("run.waiting", wait)]
    else:
        assistant_id = await transaction.value(sql.go_on, run_id=run_id, user_id=user_id, cancels=cancels)
        requested = enqueue.run_requested(user_id, conversation_id, run_id, assistant_id)
        outgoing = [tell("run.resumed", run["waits_count"]), *shown, requested]
    await enqueue.enqueue(transaction, user_id, outgoing)


async def cancel(transaction: Transaction, user_id: str, run: Row) -> None:
    """Decide all that a run waits for by stopping it: whoever claims it ends it."""
    calls = await undecided(transaction, user_id, run["run_id"])
    await decide(transaction, user_id, run, [(call, Settled("cancelled")) for call in calls], cancels=True)


async def expire(transaction: Transaction, user_id: str, run: Row) -> int:
    """Decide what nobody has decided in time; returns how many."""
    due = [call for call in await undecided(transaction, user_id, run["run_id"]) if call["is_due"]]
    if due:
        await decide(transaction, user_id, run, [(call, Settled("expired")) for call in due])
    return len(due)


def _teller(user_id: str, run: Row) -> Callable[[str, int], enqueue.Outgoing]:
    def tell(kind: str, wait: int) -> enqueue.Outgoing:
        known = {"run_id": run["run_id"], "conversation_id": run["conversation_id"], "epoch": run["epoch"]}
        return enqueue.run_event(user_id, RunEvent.model_validate({"type": kind, "wait": wait, **known}))

    return tell
