"""A person decides: by REST, or as ChatKit's answer to an item. The first decision stays."""

from contracts.commands import BeginTurn, ClientToolOutput, DecideCall, StructuredInput
from contracts.errors import Code, TerminalError
from contracts.identity import Principal
from contracts.message import Json
from contracts.replies import CallDecided, TurnBegun
from contracts.waiting import Form

from conversation_store import access, audit
from conversation_store.database import Row, Transaction
from conversation_store.runs import finish
from conversation_store.statements import Statements
from conversation_store.views import loads
from conversation_store.waiting import release
from conversation_store.waiting.rules import Settled, settle, settle_item

sql = Statements.beside(__file__)


async def decide_call(transaction: Transaction, command: DecideCall) -> CallDecided:
    """Decide a call. Raises TerminalError: decision_taken, invalid_request, forbidden, not_found."""
    run = await access.locked_run(transaction, command.principal, command.run_id)
    call = await transaction.row(sql.find, command)
    if call is None:
        raise TerminalError.not_found("call")
    settled = settle(call["kind"], _form(call), command)
    wait = await _decide(transaction, command.principal, run, call, settled)
    return CallDecided(run=await finish.run_of(transaction, command.principal, command.run_id), wait=wait)


async def answer_item(transaction: Transaction, command: BeginTurn) -> TurnBegun | None:
    """Take ChatKit's answer to what a run waits for; None where no run does: then it begins a turn.

    The caller has locked the conversation. An output that another page has given already is that one's: ChatKit's
    request does not say which call it is of. Raises TerminalError: decision_taken, invalid_request.
    """
    answer = command.input
    if isinstance(answer, StructuredInput):
        call = await transaction.row(sql.find_by_item, command, message_id=answer.message_id)
    elif isinstance(answer, ClientToolOutput):
        call = await transaction.row(sql.find_client_tool, command)
    else:
        return None
    if call is None:
        return None
    run = await access.owned_run(transaction, command.principal, call["run_id"])
    if isinstance(answer, StructuredInput):
        settled = settle_item(call["kind"], _form(call), answer.answers, skipped=answer.skipped)
        wait = await _decide(transaction, command.principal, run, call, settled)
    elif call["verdict"] is None:
        wait = await _decide(transaction, command.principal, run, call, Settled("approve", answer=answer.result))
    else:
        wait = call["wait"]
    view = await finish.run_of(transaction, command.principal, call["run_id"])
    return TurnBegun(
        conversation_id=view.conversation_id,
        message_id=call["message_id"],
        run_id=view.run_id,
        status=view.status,
        wait=wait,
    )


async def _decide(transaction: Transaction, principal: Principal, run: Row, call: Row, settled: Settled) -> int:
    """Store it, unless it is decided; returns the number of the wait that it belonged to."""
    if call["verdict"] is not None:
        if not settled.is_like(call["verdict"], loads(call["answer"])):
            raise TerminalError(Code.DECISION_TAKEN, f"This was decided already: {call['verdict']}.")
        return call["wait"]
    if settled.remember and call["standing_name"]:
        await transaction.execute(
            sql.remember,
            conversation_id=run["conversation_id"],
            user_id=principal.user_id,
            tool=call["standing_name"],
        )
    await release.decide(transaction, principal.user_id, run, [(call, settled)])
    if call["kind"] == "approval":
        action = "tool_call_approved" if settled.verdict == "approve" else "tool_call_refused"
        of_call = {"run_id": run["run_id"], "call_id": call["call_id"], "is_remembered": int(settled.remember)}
        await audit.note(transaction, principal.user_id, action, **of_call)
    return run["waits_count"]


def _form(call: Row) -> Form | None:
    form: Json | None = loads(call["form"])
    return None if form is None else Form.model_validate(form)
