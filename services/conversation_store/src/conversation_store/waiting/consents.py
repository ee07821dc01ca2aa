"""A user's answer at a foreign server decides what their runs wait with, which asked them to connect it."""

from contracts.identity import Principal
from contracts.waiting import CallToDecide

from conversation_store import access
from conversation_store.database import Row, Transaction
from conversation_store.statements import Statements
from conversation_store.waiting import release
from conversation_store.waiting.rules import Settled, settled_by

sql = Statements.beside(__file__)


async def decide(transaction: Transaction, principal: Principal, server: str, settled: Settled) -> None:
    """Let the runs go on that wait for it. The caller has written the connection's row, so that a run which begins to
    wait meanwhile reads it (`decide_answered`).
    """
    for found in await transaction.rows(sql.waiting, user_id=principal.user_id, server=server):
        run = await access.locked_run(transaction, principal, found["run_id"])
        await _decide(transaction, principal.user_id, run, {server: settled})


async def decide_answered(
    transaction: Transaction, principal: Principal, run_id: str, asked: tuple[CallToDecide, ...]
) -> None:
    """Decide what was answered before its run began to wait. The caller has locked the conversation."""
    servers = sorted({call.tool for call in asked if call.kind == "consent"})
    if not servers:
        return
    user_id = principal.user_id
    rows = await transaction.rows(sql.lock_connections, user_id=user_id, servers=servers)
    status = dict.fromkeys(servers, "declined") | {row["server"]: row["status"] for row in rows}
    answered = {server: settled_by(value) for server, value in status.items() if value != "asked"}
    if answered:
        await _decide(transaction, user_id, await access.owned_run(transaction, principal, run_id), answered)


async def _decide(transaction: Transaction, user_id: str, run: Row, answered: dict[str, Settled]) -> None:
    calls = await release.undecided(transaction, user_id, run["run_id"])
    asked = [call for call in calls if call["kind"] == "consent" and call["tool"] in answered]
    decided = [(call, answered[call["tool"]]) for call in asked]
    if decided:
        await release.decide(transaction, user_id, run, decided)
