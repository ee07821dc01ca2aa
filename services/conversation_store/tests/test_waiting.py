"""A run that waits for a person: it holds nothing, survives, is decided once, and goes on."""

import asyncio
from typing import Any

import pytest
from contracts.commands import (
    BeginToolCall,
    BeginTurn,
    CancelRun,
    ClientToolOutput,
    DecideCall,
    DeleteConversation,
    FinishToolCall,
    StructuredInput,
    SuspendRun,
)
from contracts.errors import Code, NatterError, TerminalError
from contracts.identity import Principal
from contracts.queries import GetConversation, GetRun, ListConversations, ListItems, ListRuns
from contracts.waiting import CallToDecide, DecidedCall, Form, Question
from conversation_store.testing import ALICE, BOB, Client, everything_published, running_client, store_settings
from prometheus_client import REGISTRY

COLOUR = Form(
    questions=(
        Question(id="colour", type="choice", question="Which colour?", options=("green", "blue")),
        Question(id="note", type="text", question="Anything else?", is_required=False),
        Question(id="layers", type="text", question="How many layers?", is_required=False, format="integer"),
    )
)


def approval(call_id: str = "c1", tool: str = "refund_order") -> CallToDecide:
    inputs: Any = [
        {"id": "decision", "type": "multiple_choice", "question": "Allow?", "options": [{"value": "Approve"}]},
        {"id": "reason", "type": "freeform", "question": "Why not?"},
    ]
    return asks(call_id, "approval", tool, {"type": "structured_input", "status": "pending", "inputs": inputs})


def question(call_id: str = "c1.1") -> CallToDecide:
    inputs: Any = [
        {"id": "colour", "type": "multiple_choice", "question": "Which colour?", "options": [{"value": "green"}]},
        {"id": "note", "type": "freeform", "question": "Anything else?"},
    ]
    item: Any = {"type": "structured_input", "status": "pending", "inputs": inputs}
    return asks(call_id, "question", "paint", item).model_copy(update={"form": COLOUR})


def client_tool(call_id: str = "c1.1") -> CallToDecide:
    item: Any = {"type": "client_tool_call", "status": "pending", "call_id": call_id, "name": "where"}
    return asks(call_id, "client_tool", "where", item)


def asks(call_id: str, kind: Any, tool: str, item: Any) -> CallToDecide:
    message_id = f"ask_{call_id.replace('.', '_')}"
    return CallToDecide(
        call_id=call_id,
        kind=kind,
        tool=tool,
        arguments={"order_id": "1001"},
        message_id=message_id,
        item={"id": message_id, "thread_id": "t", **item},
        standing_name=tool if kind == "approval" else None,
    )


async def waiting(client: Client, *calls: CallToDecide, text: str = "hello", **begin: Any) -> Any:
    """A turn whose run waits for these calls."""
    turn = await client.begin(text, **begin)
    claimed = await client.claim(turn.run_id)
    await client.ask(SuspendRun(principal=ALICE, run_id=turn.run_id, epoch=claimed.epoch, calls=calls or (approval(),)))
    return turn


def decision(turn: Any, call_id: str = "c1", principal: Principal = ALICE, **more: Any) -> DecideCall:
    return DecideCall(principal=principal, run_id=turn.run_id, call_id=call_id, **more)


async def run_of(client: Client, turn: Any) -> Any:
    return (await client.ask(GetRun(principal=ALICE, run_id=turn.run_id))).run


async def test_a_run_that_waits_holds_nothing_and_goes_on_after_the_decision(client: Client) -> None:
    turn = await waiting(client)
    run = await run_of(client, turn)
    assert run.status == "waiting"
    [call] = run.waiting_for
    assert (call.call_id, call.kind, call.tool, call.arguments) == (
        "c1",
        "approval",
        "refund_order",
        {"order_id": "1001"},
    )
    assert (await client.rows("select lease_expires_at from chat.run"))[0]["lease_expires_at"] is None
    with pytest.raises(TerminalError) as refused:  # a message that is delivered again is nobody's
        await client.claim(turn.run_id)
    assert refused.value.code == Code.RUN_WAITING
    await client.store.sweeper.sweep()
    assert REGISTRY.get_sample_value("natter_store_runs_waiting") == 1
    await client.execute("update chat.run set waiting_since = now() - interval '1 hour'")
    decided = await client.ask(decision(turn, decision="approve", remember=True))
    assert (decided.run.status, decided.run.waiting_for, decided.wait) == ("queued", (), 1)
    await client.store.sweeper.sweep()
    assert REGISTRY.get_sample_value("natter_store_runs_waiting") == 0
    claimed = await client.claim(turn.run_id, runner_id="another")
    assert (claimed.epoch, claimed.is_resumed) == (2, True)
    assert claimed.decisions == (DecidedCall(call_id="c1", kind="approval", verdict="approve"),)
    assert claimed.standing_approvals == ("refund_order",)
    assert claimed.seconds_since_start < 60  # the hour was a person's
    await client.finish(claimed, "paid back")
    await everything_published(client)
    shown = [event["type"] for event in await client.deltas(f"delta.*.*.{turn.run_id}")]
    assert shown == [
        "thread.created",
        "thread.item.done",
        "thread.item.done",
        "run.waiting",
        "run.resumed",
        "thread.item.replaced",
        "run.completed",
    ]
    next_turn = await client.begin("again", conversation_id=turn.conversation_id)
    assert (await client.claim(next_turn.run_id)).standing_approvals == ("refund_order",)


async def test_what_was_sent_twice_is_done_once(client: Client) -> None:
    turn = await client.begin()
    await client.claim(turn.run_id)
    suspend = SuspendRun(principal=ALICE, run_id=turn.run_id, epoch=1, calls=(approval(),))
    for _ in range(2):
        assert not (await client.ask(suspend)).cancel_requested
    for _ in range(2):
        assert (await client.ask(decision(turn, decision="decline", reason="Not mine."))).run.status == "queued"
    assert not (await client.ask(suspend)).cancel_requested  # its answer was lost for that long
    await everything_published(client)
    requests = await client.rows("select requests_count, waits_count from chat.run")
    assert [tuple(row) for row in requests] == [(1, 1)]
    with pytest.raises(TerminalError) as refused:
        await client.ask(decision(turn, decision="approve"))
    assert refused.value.code == Code.DECISION_TAKEN
    claimed = await client.claim(turn.run_id)
    assert claimed.decisions[0].reason == "Not mine."
    with pytest.raises(TerminalError) as stale:
        await client.ask(suspend)
    assert stale.value.code == Code.RUN_STALE_EPOCH


async def test_of_two_tabs_that_decide_at_once_one_wins(client: Client) -> None:
    turn = await waiting(client)
    said = [decision(turn, decision="approve"), decision(turn, decision="decline")] * 5
    answers = await asyncio.gather(*(client.ask(one) for one in said), return_exceptions=True)
    [row] = await client.rows("select verdict from chat.pending_decision")
    won = [one.decision == row["verdict"] for one in said]
    assert [isinstance(answer, NatterError) for answer in answers] == [not mine for mine in won]
    assert {answer.code for answer in answers if isinstance(answer, NatterError)} == {Code.DECISION_TAKEN}


async def test_it_waits_until_the_last_call_is_decided(client: Client) -> None:
    turn = await waiting(client, approval("c1"), approval("c2"), question("c3.1"))
    assert (await client.ask(decision(turn, "c2", decision="decline"))).run.status == "waiting"
    run = await run_of(client, turn)
    assert [call.call_id for call in run.waiting_for] == ["c1", "c3.1"]
    await client.ask(decision(turn, "c1", decision="approve"))
    decided = await client.ask(decision(turn, "c3.1", answer={"colour": "green"}))
    assert (decided.run.status, decided.wait) == ("queued", 3)
    claimed = await client.claim(turn.run_id)
    answers = {one.call_id: (one.verdict, one.answer) for one in claimed.decisions}
    assert answers == {
        "c1": ("approve", None),
        "c2": ("decline", None),
        "c3.1": ("approve", {"colour": "green", "note": None, "layers": None}),
    }


@pytest.mark.parametrize(
    ("call", "said", "field"),
    [
        (approval(), {}, "decision"),
        (approval(), {"decision": "approve", "answer": {"colour": "green"}}, "answer"),
        (approval(), {"decision": "decline", "remember": True}, "remember"),
        (question("c1"), {"decision": "approve"}, "answer"),
        (question("c1"), {"answer": {}}, "answer.colour"),
        (question("c1"), {"answer": {"colour": "red"}}, "answer.colour"),
        (question("c1"), {"answer": {"colour": "green", "size": "L"}}, "answer.size"),
        (question("c1"), {"answer": {"colour": ["green"]}}, "answer.colour"),
        (question("c1"), {"answer": {"colour": "green", "layers": "1.5"}}, "answer.layers"),
        (question("c1"), {"answer": {"colour": "green", "note": "x" * 2_001}}, "answer.note"),
        (client_tool("c1"), {"decision": "approve"}, "output"),
        (client_tool("c1"), {"decision": "decline", "output": 1, "has_output": True}, "decision"),
    ],
)
async def test_a_decision_that_does_not_fit_names_the_field(
    client: Client, call: CallToDecide, said: dict[str, Any], field: str
) -> None:
    turn = await waiting(client, call)
    with pytest.raises(TerminalError) as refused:
        await client.ask(decision(turn, **said))
    assert (refused.value.code, refused.value.field) == (Code.INVALID_REQUEST, field)
    assert (await run_of(client, turn)).status == "waiting"


async def test_nobody_else_decides_and_nothing_unknown_is_decided(client: Client) -> None:
    turn = await waiting(client)
    await client.begin(principal=BOB)
    for message, code in (
        (decision(turn, principal=BOB, decision="approve"), Code.FORBIDDEN),
        (decision(turn, "c9", decision="approve"), Code.NOT_FOUND),
        (DecideCall(principal=ALICE, run_id="run_none", call_id="c1", decision="approve"), Code.NOT_FOUND),
    ):
        with pytest.raises(TerminalError) as refused:
            await client.ask(message)
        assert refused.value.code == code
    assert (await run_of(client, turn)).status == "waiting"


async def test_a_waiting_run_that_is_stopped_is_ended_by_whoever_claims_it(client: Client) -> None:
    turn = await waiting(client)
    stopped = (await client.ask(CancelRun(principal=ALICE, run_id=turn.run_id))).run
    assert (stopped.status, stopped.cancel_requested) == ("queued", True)
    with pytest.raises(TerminalError) as late:
        await client.ask(decision(turn, decision="approve"))
    assert late.value.code == Code.DECISION_TAKEN
    claimed = await client.claim(turn.run_id)
    assert claimed.run.cancel_requested
    await client.finish(claimed, status="cancelled")
    page = await client.ask(ListItems(principal=ALICE, conversation_id=turn.conversation_id))
    assert [item.item["status"] for item in page.data if item.type == "structured_input"] == ["skipped"]
    with pytest.raises(TerminalError) as late:
        await client.ask(decision(turn, decision="approve"))
    assert late.value.code == Code.DECISION_TAKEN


async def test_a_stop_that_comes_first_lets_no_run_wait(client: Client) -> None:
    turn = await client.begin()
    await client.claim(turn.run_id)
    await client.ask(CancelRun(principal=ALICE, run_id=turn.run_id))
    suspend = SuspendRun(principal=ALICE, run_id=turn.run_id, epoch=1, calls=(approval(),))
    assert (await client.ask(suspend)).cancel_requested
    assert (await run_of(client, turn)).status == "running"
    assert await client.rows("select 1 from chat.pending_decision") == []


@pytest.mark.parametrize("on_busy", ["reject", "enqueue", "interrupt"])
async def test_a_message_to_a_run_that_waits(client: Client, on_busy: Any) -> None:
    turn = await waiting(client)
    if on_busy == "reject":
        with pytest.raises(TerminalError) as busy:
            await client.begin("next", conversation_id=turn.conversation_id, on_busy=on_busy)
        assert busy.value.code == Code.CONVERSATION_BUSY
        return
    await client.begin("next", conversation_id=turn.conversation_id, on_busy=on_busy)
    run = await run_of(client, turn)
    assert (run.status, run.cancel_requested) == (("waiting", False) if on_busy == "enqueue" else ("queued", True))
    verdicts = [row["verdict"] for row in await client.rows("select verdict from chat.pending_decision")]
    assert verdicts == [None if on_busy == "enqueue" else "cancelled"]


async def test_chatkits_answers_are_decisions(client: Client) -> None:
    turn = await waiting(client, approval(), question())
    answer = {"principal": ALICE, "conversation_id": turn.conversation_id}
    said = StructuredInput(message_id="ask_c1", answers={"decision": {"values": ["Decline"]}, "reason": ["Too much."]})
    first = await client.ask(BeginTurn.model_validate({**answer, "input": said}))
    assert (first.run_id, first.status, first.wait) == (turn.run_id, "waiting", 1)
    wrong = StructuredInput(message_id="ask_c1_1", answers={"colour": {"values": ["red"]}})
    with pytest.raises(TerminalError) as refused:
        await client.ask(BeginTurn.model_validate({**answer, "input": wrong}))
    assert refused.value.field == "answer.colour"
    right = StructuredInput(message_id="ask_c1_1", answers={"colour": {"values": ["blue"]}})
    second = await client.ask(BeginTurn.model_validate({**answer, "input": right}))
    assert (second.run_id, second.status, second.wait) == (turn.run_id, "queued", 2)
    again = await client.ask(BeginTurn.model_validate({**answer, "input": right}))
    assert (again.run_id, again.wait) == (turn.run_id, 2)
    claimed = await client.claim(turn.run_id)
    assert [(one.verdict, one.reason, one.answer) for one in claimed.decisions] == [
        ("decline", "Too much.", None),
        ("approve", None, {"colour": "blue", "note": None, "layers": None}),
    ]
    page = await client.ask(ListItems(principal=ALICE, conversation_id=turn.conversation_id))
    inputs: Any = [item.item["inputs"] for item in page.data if item.type == "structured_input"]
    assert inputs[0][0]["answer"] == {"values": ["Decline"], "skipped": False}
    assert inputs[1][1]["answer"] == {"values": [], "skipped": True}


async def test_one_pages_output_is_taken_and_the_others_see_it_done(client: Client) -> None:
    turn = await waiting(client, client_tool())
    outputs = [ClientToolOutput(result={"city": city}) for city in ("Zürich", "Genf")]
    command = {"principal": ALICE, "conversation_id": turn.conversation_id}
    answers = [await client.ask(BeginTurn.model_validate({**command, "input": output})) for output in outputs]
    assert [(answer.run_id, answer.wait) for answer in answers] == [(turn.run_id, 1)] * 2
    claimed = await client.claim(turn.run_id)
    assert [one.answer for one in claimed.decisions] == [{"city": "Zürich"}]


async def test_what_nobody_decides_expires(nats_url: str, database_url: str) -> None:
    settings = store_settings(nats_url, database_url, decision_seconds_max=0.01, sweep_seconds=60)
    async with running_client(settings, database_url) as client:
        turn = await waiting(client, approval("c1"), question("c2.1"))
        await client.execute("update chat.pending_decision set expires_at = now() + '1 hour' where call_id = 'c1'")
        await asyncio.sleep(0.05)
        await client.store.actor.sweeper.sweep()
        assert [call.call_id for call in (await run_of(client, turn)).waiting_for] == ["c1"]
        await client.execute("update chat.pending_decision set expires_at = now() where call_id = 'c1'")
        await client.store.actor.sweeper.sweep()
        claimed = await client.claim(turn.run_id)
        assert {one.verdict for one in claimed.decisions} == {"expired"}
        with pytest.raises(TerminalError) as late:
            await client.ask(decision(turn, decision="approve"))
        assert late.value.code == Code.DECISION_TAKEN


async def test_it_is_seen_that_a_conversation_waits_and_it_can_be_deleted(client: Client) -> None:
    turn = await waiting(client)
    view = (await client.ask(GetConversation(principal=ALICE, conversation_id=turn.conversation_id))).conversation
    assert (view.active_run_id, view.is_waiting) == (turn.run_id, True)
    assert [one.is_waiting for one in (await client.ask(ListConversations(principal=ALICE))).data] == [True]
    await client.answer("another")
    waiting_runs = await client.ask(ListRuns(principal=ALICE, status="waiting"))
    assert [(run.run_id, len(run.waiting_for)) for run in waiting_runs.data] == [(turn.run_id, 1)]
    newest = await client.ask(ListRuns(principal=ALICE, limit=1))
    assert (newest.has_more, newest.after, newest.data[0].status) == (True, newest.data[0].run_id, "completed")
    older = await client.ask(ListRuns(principal=ALICE, after=newest.after))
    assert [run.run_id for run in older.data] == [turn.run_id]
    assert (await client.ask(ListRuns(principal=BOB))).data == ()
    await client.ask(DeleteConversation(principal=ALICE, conversation_id=turn.conversation_id))
    assert await client.rows("select 1 from chat.pending_decision") == []
    with pytest.raises(TerminalError) as late:
        await client.ask(decision(turn, decision="approve"))
    assert late.value.code == Code.NOT_FOUND


async def test_a_call_that_has_come_to_a_question_is_begun_anew(client: Client) -> None:
    turn = await client.begin()
    await client.claim(turn.run_id)
    call: dict[str, Any] = {"principal": ALICE, "run_id": turn.run_id, "call_id": "c1"}
    await client.ask(BeginToolCall(**call, epoch=1, name="paint"))
    await client.ask(FinishToolCall(**call, epoch=1, status="running"))
    await client.ask(SuspendRun(principal=ALICE, run_id=turn.run_id, epoch=1, calls=(question(),)))
    await client.ask(decision(turn, "c1.1", answer={"colour": "green"}))
    await client.claim(turn.run_id)
    assert (await client.ask(BeginToolCall(**call, epoch=2, name="paint"))).entry.epoch == 2
    await client.execute("update chat.run set lease_expires_at = now() - interval '1 s'")
    await client.claim(turn.run_id, runner_id="another")  # it was begun, and came to no question since
    assert (await client.ask(BeginToolCall(**call, epoch=3, name="paint"))).entry.epoch == 2


async def test_waiting_is_no_attempt_that_failed(nats_url: str, database_url: str) -> None:
    async with running_client(store_settings(nats_url, database_url, run_attempts_max=2), database_url) as client:
        turn = await client.begin()
        for number in range(1, 5):
            claimed = await client.claim(turn.run_id)
            call = approval(f"c{number}")
            await client.ask(SuspendRun(principal=ALICE, run_id=turn.run_id, epoch=claimed.epoch, calls=(call,)))
            await client.ask(decision(turn, f"c{number}", decision="approve"))
        assert (await client.claim(turn.run_id)).epoch == 5
