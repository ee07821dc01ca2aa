"""The user as a whole: budget, export, erasure."""

import asyncio
import json
from typing import Any

import pytest
from contracts.commands import (
    AddTask,
    CreateOwnServiceToken,
    CreateSchedule,
    CreateWebhook,
    EraseUser,
    RecordFeedback,
    TakeRequestPermit,
)
from contracts.errors import Code, RetryableError, TerminalError
from contracts.identity import Principal
from contracts.queries import ExportUser, ListConversations
from conversation_store import export
from conversation_store.testing import ALICE, BOB, Client, everything_published


async def exported(client: Client, principal: Principal) -> dict[str, list[Any]]:
    """The whole export document."""
    document: dict[str, list[Any]] = {}
    after: str | None = None
    async with asyncio.timeout(20):
        while True:
            part = await client.ask(ExportUser(principal=principal, after=after))
            document.setdefault(part.kind, []).extend(part.data)
            if part.after is None:
                return document
            after = part.after


async def test_the_export_has_everything_of_the_user_and_nothing_of_others(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(export, "PART_ROWS_MAX", 2)
    conversations = [await client.answer(f"question {n}", f"answer {n}") for n in range(3)]
    await client.answer("more", "and more", conversation_id=conversations[0].conversation_id)
    await client.ask(AddTask(principal=ALICE, title="milk"))
    await client.ask(CreateWebhook(principal=ALICE, url="https://alice.example.org"))
    await client.ask(CreateOwnServiceToken(principal=ALICE, name="shop", token_hash="ab" * 32))
    await client.ask(CreateSchedule(principal=ALICE, text="call mum", cron="0 9 * * *"))
    liked = (f"msg_of_{conversations[0].run_id}",)
    feedback = {"principal": ALICE, "conversation_id": conversations[0].conversation_id, "message_ids": liked}
    await client.ask(RecordFeedback.model_validate({**feedback, "kind": "positive"}))
    await client.answer("bob's secret", principal=BOB)
    document = await exported(client, ALICE)
    assert {kind: len(data) for kind, data in document.items()} == {
        "user": 1,
        "conversations": 3,
        "messages": 8,
        "tasks": 1,
        "feedback": 1,
        "runs": 4,
        "connections": 0,
        "shares": 0,
        "schedules": 1,
        "webhooks": 1,
        "service_tokens": 1,
        "attachments": 0,
    }
    said = {message["content"] for message in document["messages"]}
    assert said == {*(f"question {n}" for n in range(3)), *(f"answer {n}" for n in range(3)), "more", "and more"}
    assert all(run["session_items"] for run in document["runs"])
    assert "bob" not in json.dumps(document)


async def test_an_unknown_user_has_an_empty_export_and_an_empty_receipt(client: Client) -> None:
    nobody = Principal(user_id="nobody")
    assert not any((await exported(client, nobody)).values())
    receipt = await client.ask(EraseUser(principal=nobody))
    assert not any(receipt.counts.values())


async def test_erasure_leaves_a_receipt_and_nothing_else(client: Client) -> None:
    await client.answer("question", "answer", principal=BOB)
    running = await client.begin(principal=BOB)
    await client.claim(running.run_id, principal=BOB)
    await client.ask(AddTask(principal=BOB, title="milk"))
    await client.ask(CreateWebhook(principal=BOB, url="https://bob.example.org"))
    await client.ask(CreateOwnServiceToken(principal=BOB, name="shop", token_hash="ab" * 32))
    await client.ask(CreateSchedule(principal=BOB, text="call mum", cron="0 9 * * *"))
    await client.ask(TakeRequestPermit(principal=BOB, requests_per_minute_max=5))
    kept = await client.answer("alice stays")
    await everything_published(client)
    receipt = await client.ask(EraseUser(principal=BOB))
    assert receipt.counts == {
        "conversations": 2,
        "messages": 3,
        "runs": 2,
        "session_items": 3,
        "tool_calls": 0,
        "tasks": 1,
        "feedback": 0,
        "connections": 0,
        "decisions": 0,
        "shares": 0,
        "schedules": 1,
        "webhooks": 1,
        "service_tokens": 1,
        "attachments": 0,
        "attachment_bytes": 0,
    }
    assert "bob" not in receipt.model_dump_json()
    tables = await client.rows(
        "select table_name from information_schema.columns where table_schema = 'chat' and column_name = 'user_id'"
    )
    for row in tables:
        left = await client.rows(f'select user_id from chat."{row["table_name"]}"')
        assert {user["user_id"] for user in left} <= {"alice"}, row["table_name"]
    receipts = await client.rows("select * from chat.erasure_receipt")
    assert [(row["receipt_id"], json.loads(row["counts"])) for row in receipts] == [
        (receipt.receipt_id, receipt.counts)
    ]
    messages, _ = await client.bus.direct_get("DELTAS", "delta.>")
    assert {message.subject.split(".")[2] for message in messages} == {kept.conversation_id}


async def test_what_a_runner_still_says_of_an_erased_user_is_purged_later(client: Client) -> None:
    turn = await client.begin(principal=BOB)
    await everything_published(client)
    [subject] = {message.subject for message in (await client.bus.direct_get("DELTAS", f"delta.*.*.{turn.run_id}"))[0]}
    await client.ask(EraseUser(principal=BOB))
    await client.bus.publish_stored(subject, b'{"late": true}')
    await asyncio.sleep(0.3)  # longer than erasure_purge_delay_seconds of the test
    await client.store.sweeper.purge_due()
    assert await client.deltas(subject) == []
    assert await client.rows("select 1 from chat.due_purge") == []


async def test_the_request_budget_is_shared_and_says_when_it_starts_anew(client: Client) -> None:
    command = TakeRequestPermit(principal=ALICE, requests_per_minute_max=5)
    answers = await asyncio.gather(*(client.ask(command) for _ in range(8)), return_exceptions=True)
    assert sum(isinstance(answer, RetryableError) for answer in answers) == 3
    with pytest.raises(RetryableError) as refused:
        await client.ask(command)
    assert refused.value.code == Code.RATE_LIMITED
    assert refused.value.retry_after_seconds is not None
    assert 0 < refused.value.retry_after_seconds <= 60
    other = await client.ask(TakeRequestPermit(principal=BOB, requests_per_minute_max=5))
    assert (other.limit, other.remaining) == (5, 4)
    several = command.model_copy(update={"principal": BOB, "permits": 3})
    checked = await client.ask(several)
    assert (checked.granted, checked.remaining) == (3, 1)
    checked = await client.ask(several)
    assert (checked.granted, checked.remaining) == (1, 0)
    await client.execute("update chat.request_budget set window_started_at = now() - interval '61 s'")
    assert (await client.ask(command)).remaining == 4


async def test_a_session_of_one_conversation_opens_that_one_only(client: Client) -> None:
    mine, other = await client.answer("one"), await client.answer("two")
    bound = Principal(user_id="alice", scope="chat", conversation_id=mine.conversation_id)
    listed = await client.ask(ListConversations(principal=bound))
    assert [view.conversation_id for view in listed.data] == [mine.conversation_id]
    await client.begin("more", conversation_id=mine.conversation_id, principal=bound)
    for refused_of in (
        client.begin("x", conversation_id=other.conversation_id, principal=bound),
        client.begin("x", principal=bound),
        client.ask(EraseUser(principal=bound)),
        client.ask(ExportUser(principal=Principal(user_id="alice", scope="chat"))),
    ):
        with pytest.raises(TerminalError) as refused:
            await refused_of
        assert refused.value.code == Code.FORBIDDEN
