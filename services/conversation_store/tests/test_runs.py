"""A run: claimed by one runner at a time, fenced by its epoch, ended once."""

import asyncio
from typing import Any

import pytest
from contracts.commands import (
    AppendCheckpoint,
    BeginToolCall,
    CancelRun,
    FinishToolCall,
    LinkOpenaiConversation,
    RenewLease,
    TruncateSession,
)
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from contracts.message import Json
from contracts.queries import GetConversation, GetRun, ListItems
from contracts.replies import ToolAttachment, ToolCallView, Usage
from conversation_store.testing import (
    ALICE,
    Client,
    assistant_item,
    everything_published,
    running_client,
    store_settings,
)

SAID: Json = {"type": "message", "role": "assistant", "id": "m1", "content": "so far"}


async def expire_lease(client: Client, run_id: str) -> None:
    await client.execute("update chat.run set lease_expires_at = now() - interval '1 s' where run_id = $1", run_id)


async def test_a_claimed_run_is_another_runners_only_when_its_lease_has_run_out(client: Client) -> None:
    turn = await client.begin()
    await client.claim(turn.run_id, runner_id="one")
    with pytest.raises(RetryableError) as leased:
        await client.claim(turn.run_id, runner_id="two")
    assert leased.value.code == Code.RUN_LEASED
    assert leased.value.retry_after_seconds is not None
    assert 25 < leased.value.retry_after_seconds <= 30
    assert (await client.claim(turn.run_id, runner_id="one")).epoch == 2
    await expire_lease(client, turn.run_id)
    assert (await client.claim(turn.run_id, runner_id="two")).epoch == 3


async def test_of_many_concurrent_claims_one_wins(client: Client) -> None:
    turn = await client.begin()
    claims = [client.claim(turn.run_id, runner_id=f"runner_{n}") for n in range(20)]
    answers = await asyncio.gather(*claims, return_exceptions=True)
    errors = [answer for answer in answers if isinstance(answer, NatterError)]
    assert len(errors) == 19
    assert {error.code for error in errors} == {Code.RUN_LEASED}


async def test_a_takeover_gets_what_the_dead_attempt_has_stored(client: Client) -> None:
    turn = await client.begin()
    await client.claim(turn.run_id, runner_id="one")
    run: dict[str, Any] = {"principal": ALICE, "run_id": turn.run_id, "epoch": 1}
    for _ in range(2):  # the same step twice is stored once
        checkpoint = {**run, "step": 0, "session_items": (SAID,), "items": (assistant_item("a1", "so far"),)}
        checkpoint["usage"] = {"requests": 1, "total_tokens": 9}
        await client.ask(AppendCheckpoint.model_validate(checkpoint))
    await client.ask(BeginToolCall(**run, call_id="c1", name="add_task", arguments={"title": "milk"}))
    link = ToolAttachment(type="link", title="The bill", url="https://example.org/bill")
    await client.ask(FinishToolCall(**run, call_id="c1", status="success", result={"ok": True}, attachments=(link,)))
    await client.ask(BeginToolCall(**run, call_id="c2", name="add_task"))
    await client.ask(AppendCheckpoint(**run, step=1))  # says nothing of the usage, so it stays
    await client.execute("update chat.run set started_at = now() - interval '1 minute'")
    await expire_lease(client, turn.run_id)
    taken = await client.claim(turn.run_id, runner_id="two")
    assert (taken.epoch, taken.next_step) == (2, 2)
    assert 60 <= taken.seconds_since_start < 120
    assert taken.run.usage == Usage(requests=1, total_tokens=9)
    assert taken.checkpoint == (SAID,)
    assert [item.message_id for item in taken.saved_items] == ["a1"]
    assert [(entry.call_id, entry.status, entry.result) for entry in taken.ledger] == [
        ("c1", "success", {"ok": True}),
        ("c2", "running", None),
    ]
    again: dict[str, Any] = {**run, "epoch": 2, "name": "add_task"}
    entries = [(await client.ask(BeginToolCall(**again, call_id=call_id))).entry for call_id in ("c1", "c2", "c3")]
    assert [(entry.status, entry.result, entry.attachments, entry.epoch) for entry in entries] == [
        ("success", {"ok": True}, (link,), 1),
        ("running", None, (), 1),  # begun by the dead attempt, and nobody knows how it ended
        ("running", None, (), 2),
    ]
    finish = FinishToolCall(**{**run, "epoch": 2}, call_id="c2", status="unknown", result="Nobody knows.")
    assert (await client.ask(finish)).entry.status == "unknown"
    assert taken.conversation is not None
    assert taken.conversation.active_run_id == turn.run_id


def writes_of(run_id: str, epoch: int) -> list[Any]:
    """Every message by which a run writes."""
    run: dict[str, Any] = {"principal": ALICE, "run_id": run_id, "epoch": epoch}
    return [
        RenewLease(**run, lease_seconds=5),
        AppendCheckpoint(**run, step=7, session_items=(SAID,), items=(assistant_item("zombie", "boo"),)),
        BeginToolCall(**run, call_id="zombie", name="add_task"),
        FinishToolCall(**run, call_id="c1", status="failure", result="boo"),
        LinkOpenaiConversation(**run, openai_conversation_id="zombie"),
    ]


async def test_every_write_of_a_stale_attempt_is_refused_and_changes_nothing(client: Client) -> None:
    turn = await client.begin()
    zombie = await client.claim(turn.run_id, runner_id="one")
    await client.ask(BeginToolCall(principal=ALICE, run_id=turn.run_id, epoch=1, call_id="c1", name="add_task"))
    await expire_lease(client, turn.run_id)
    owner = await client.claim(turn.run_id, runner_id="two")
    before = await dump(client)
    for write in writes_of(turn.run_id, zombie.epoch):
        with pytest.raises(TerminalError) as refused:
            await client.ask(write)
        assert refused.value.code == Code.RUN_STALE_EPOCH, type(write).__name__
    with pytest.raises(TerminalError) as refused:
        await client.finish(zombie, "boo")
    assert refused.value.code == Code.RUN_STALE_EPOCH
    assert await dump(client) == before
    await client.finish(owner, "the answer")


async def dump(client: Client) -> list[Any]:
    tables = ("run", "message", "session_item", "tool_call", "conversation")
    return [[tuple(row) for row in await client.rows(f"select * from chat.{table}")] for table in tables]


async def test_a_finished_run_takes_no_writes_and_no_claim(client: Client) -> None:
    turn = await client.begin()
    claimed = await client.claim(turn.run_id)
    await client.finish(claimed, "done")
    for write in writes_of(turn.run_id, claimed.epoch):
        with pytest.raises(TerminalError) as refused:
            await client.ask(write)
        assert refused.value.code == Code.RUN_FINISHED, type(write).__name__
    with pytest.raises(TerminalError) as refused:
        await client.claim(turn.run_id)
    assert refused.value.code == Code.RUN_FINISHED


async def test_finish_is_one_transaction_and_the_second_one_says_so(client: Client) -> None:
    turn = await client.begin()
    claimed = await client.claim(turn.run_id)
    call = ToolCallView(call_id="c1", name="add_task", arguments={"title": "milk"}, status="success", result="ok")
    usage = Usage(requests=1, input_tokens=2, output_tokens=3, total_tokens=5)
    items = (assistant_item("a1", "added", tool_calls=(call,)),)
    finished = await client.finish(claimed, items=items, session_items=(SAID,), title="Milk", usage=usage, model="demo")
    assert (finished.run.status, finished.run.usage, finished.run.model) == ("completed", usage, "demo")
    assert not finished.already_finished
    for text, status in (("other", "completed"), ("failed", "failed")):
        again = await client.finish(claimed, text, status=status, error_code="internal", title="Other")
        assert again.already_finished
        assert again.run == finished.run
    query = ListItems(principal=ALICE, conversation_id=turn.conversation_id)
    assert (await client.ask(query)).data[1].tool_calls == (call,)
    reply = await client.ask(GetConversation(principal=ALICE, conversation_id=turn.conversation_id))
    assert (reply.conversation.title, reply.conversation.active_run_id) == ("Milk", None)
    assert len(await client.rows("select 1 from chat.message")) == 2


async def test_a_title_is_given_once(client: Client) -> None:
    turn = await client.begin()
    await client.finish(await client.claim(turn.run_id), "a", title="First")
    second = await client.begin(conversation_id=turn.conversation_id)
    claimed = await client.claim(second.run_id)
    assert not claimed.is_first_turn
    await client.finish(claimed, "b", title="Second")
    reply = await client.ask(GetConversation(principal=ALICE, conversation_id=turn.conversation_id))
    assert reply.conversation.title == "First"


@pytest.mark.parametrize(("code", "can_help"), [("model_timeout", True), ("model_context_exceeded", False)])
async def test_a_failed_run_is_shown_as_an_error_with_retry_where_it_can_help(
    client: Client, code: str, can_help: bool
) -> None:
    turn = await client.begin()
    claimed = await client.claim(turn.run_id)
    error: dict[str, Any] = {
        "status": "failed",
        "error_code": code,
        "error_detail": "The model took too long.",
    }
    finished = await client.finish(claimed, "half", **error)
    assert (finished.run.error_code, finished.run.error_detail) == (code, "The model took too long.")
    await everything_published(client)
    shown = await client.deltas(f"delta.*.*.{turn.run_id}")
    assert shown[-2] == {
        "type": "error",
        "code": "custom",
        "message": "The model took too long.",
        "allow_retry": can_help,
    }
    assert (shown[-1]["type"], shown[-1]["code"], shown[-1]["epoch"]) == ("run.failed", code, 1)


async def test_cancel_is_found_at_the_next_renewal(client: Client) -> None:
    turn = await client.begin()
    claimed = await client.claim(turn.run_id)
    renew = RenewLease(principal=ALICE, run_id=turn.run_id, epoch=claimed.epoch, lease_seconds=5)
    assert not (await client.ask(renew)).cancel_requested
    cancelled = (await client.ask(CancelRun(principal=ALICE, run_id=turn.run_id))).run
    assert (cancelled.status, cancelled.cancel_requested) == ("running", True)
    assert (await client.ask(renew)).cancel_requested
    await client.finish(claimed, "half", status="cancelled")
    run = (await client.ask(CancelRun(principal=ALICE, run_id=turn.run_id))).run
    assert run.status == "cancelled"
    await everything_published(client)
    assert (await client.deltas(f"delta.*.*.{turn.run_id}"))[-1]["type"] == "run.cancelled"


async def test_a_run_that_nobody_has_claimed_is_cancelled_at_once(client: Client) -> None:
    turn = await client.begin()
    assert (await client.ask(CancelRun(principal=ALICE, run_id=turn.run_id))).run.status == "cancelled"
    with pytest.raises(TerminalError) as refused:
        await client.claim(turn.run_id)
    assert refused.value.code == Code.RUN_FINISHED
    await client.begin(conversation_id=turn.conversation_id)


async def test_a_run_is_given_up_after_its_attempts(nats_url: str, database_url: str) -> None:
    settings = store_settings(nats_url, database_url, run_attempts_max=2)
    async with running_client(settings, database_url) as client:
        turn = await client.begin()
        for runner_id in ("one", "two"):
            await client.claim(turn.run_id, runner_id=runner_id)
            await expire_lease(client, turn.run_id)
        with pytest.raises(TerminalError) as refused:
            await client.claim(turn.run_id, runner_id="three")
        assert refused.value.code == Code.RUN_ATTEMPTS_EXHAUSTED
        run = (await client.ask(GetRun(principal=ALICE, run_id=turn.run_id))).run
        assert (run.status, run.error_code) == ("failed", Code.RUN_ATTEMPTS_EXHAUSTED)
        await everything_published(client)
        assert [event["type"] for event in await client.deltas()][-2:] == ["error", "run.failed"]


async def test_a_run_that_stalled_its_runner_says_so_to_the_next_one(client: Client) -> None:
    turn = await client.begin()
    assert (await client.claim(turn.run_id)).stalls_count == 0
    renewal = RenewLease(principal=ALICE, run_id=turn.run_id, epoch=1, lease_seconds=8)
    for has_stalled in (True, False, True):
        await client.ask(renewal.model_copy(update={"has_stalled": has_stalled}))
    assert (await client.claim(turn.run_id)).stalls_count == 2


async def test_the_ledger_keeps_the_first_result(client: Client) -> None:
    turn = await client.begin()
    await client.claim(turn.run_id)
    run: dict[str, Any] = {"principal": ALICE, "run_id": turn.run_id, "epoch": 1, "call_id": "c1"}
    for _ in range(2):
        begun = await client.ask(BeginToolCall(**run, name="add_task", arguments={"title": "milk"}))
        assert (begun.entry.status, begun.entry.arguments) == ("running", {"title": "milk"})
    results: list[tuple[Any, Any]] = [("success", [1]), ("failure", [2])]
    for status, result in results:
        finished = await client.ask(FinishToolCall(**run, status=status, result=result))
        assert (finished.entry.status, finished.entry.result) == ("success", [1])
    begun = await client.ask(BeginToolCall(**run, name="add_task"))
    assert (begun.entry.status, begun.entry.result) == ("success", [1])
    with pytest.raises(TerminalError) as refused:
        await client.ask(FinishToolCall(**{**run, "call_id": "never"}, status="success"))
    assert refused.value.code == Code.NOT_FOUND


async def test_the_session_is_cut_from_its_end(client: Client) -> None:
    turn = await client.answer("one", "1")
    truncate = {"principal": ALICE, "conversation_id": turn.conversation_id}
    next_turn = await client.begin("next", conversation_id=turn.conversation_id)
    await client.claim(next_turn.run_id)

    async def left() -> list[str]:
        found = await client.rows("select item ->> 'role' as role from chat.session_item order by position")
        return [row["role"] for row in found]

    await client.ask(TruncateSession(**truncate, items_count=1))
    assert await left() == ["user", "assistant"]
    await client.ask(TruncateSession(**truncate, items_count=1))
    assert await left() == ["user"]
    await client.ask(TruncateSession(**truncate, items_count=5))
    assert await left() == []


async def test_a_session_is_forgotten_as_a_whole(client: Client) -> None:
    turn = await client.answer("one", "1")
    next_turn = await client.begin("two", conversation_id=turn.conversation_id)
    await client.claim(next_turn.run_id)
    await client.ask(TruncateSession(principal=ALICE, conversation_id=turn.conversation_id))
    assert await client.rows("select 1 from chat.session_item") == []


async def test_the_id_of_openais_conversation_is_kept(client: Client) -> None:
    turn = await client.begin()
    await client.claim(turn.run_id)
    run: dict[str, Any] = {"principal": ALICE, "run_id": turn.run_id, "epoch": 1}
    await client.ask(LinkOpenaiConversation(**run, openai_conversation_id="conv_openai"))
    assert (await client.claim(turn.run_id)).openai_conversation_id == "conv_openai"
