"""What an operator may be asked about is in AUDIT, once it has happened, and nothing that anybody wrote is."""

import json
from typing import Any

import pytest
from contracts.commands import (
    AddTask,
    BeginExport,
    DecideCall,
    EraseUser,
    RevokeShare,
    RevokeTokens,
    ShareConversation,
    SuspendRun,
)
from contracts.errors import Code, RetryableError, TerminalError
from contracts.identity import Principal, user_token
from contracts.waiting import CallToDecide
from conversation_store.testing import ALICE, BOB, Client, everything_published


async def audited(client: Client) -> list[tuple[str, dict[str, Any]]]:
    """Subjects and events, oldest first."""
    await everything_published(client)
    messages, _ = await client.bus.direct_get("AUDIT", "audit.>")
    return [(message.subject, json.loads(message.payload)) for message in messages]


async def test_what_concerns_a_user_as_a_whole_is_noted_also_when_it_erases_them(client: Client) -> None:
    await client.answer("my secret question", "its answer")
    await client.ask(AddTask(principal=ALICE, title="my secret todo"))
    await client.ask(BeginExport(principal=ALICE, exports_per_hour_max=5, format="markdown"))
    await client.ask(RevokeTokens(principal=BOB))
    await client.ask(EraseUser(principal=ALICE))
    found = await audited(client)
    alice, bob = (f"audit.conversation_store.{user_token(each.user_id)}" for each in (ALICE, BOB))
    assert sorted(subject for subject, _ in found) == sorted(
        [f"{alice}.data_exported", f"{bob}.tokens_revoked", f"{alice}.data_erased"]
    )
    by_action = {event["action"]: event for subject, event in found if subject.startswith(alice)}
    assert by_action["data_exported"]["details"] == {"format": "markdown"}
    assert by_action["data_erased"]["details"]["messages"] == 2
    assert {event["user_id"] for event in by_action.values()} == {"alice"}
    assert "secret" not in json.dumps(found)


async def test_what_was_not_published_yet_outlives_the_erasure(client: Client) -> None:
    waiting = "insert into chat.outbox (user_id, ordering_key, subject, headers, payload, message_id) values"
    for subject in ("audit.conversation_store.YWxpY2U.tokens_revoked", "delta.YWxpY2U.conv_1.run_1"):
        values = f"('alice', '{subject}', '{subject}', '{{}}', '{{}}', '{subject}')"
        await client.store.outbox.__aexit__(None, None, None)
        await client.execute(f"{waiting} {values}")
    await client.ask(EraseUser(principal=ALICE))
    left = {row["subject"] for row in await client.rows("select subject from chat.outbox")}
    assert "audit.conversation_store.YWxpY2U.tokens_revoked" in left
    assert not any(subject.startswith("delta.") for subject in left)


async def test_what_is_refused_is_not_noted_and_exports_of_an_hour_are_counted(client: Client) -> None:
    command = BeginExport(principal=ALICE, exports_per_hour_max=2)
    for _ in range(2):
        await client.ask(command)
    for _ in range(2):
        with pytest.raises(RetryableError) as refused:
            await client.ask(command)
        assert refused.value.code == Code.RATE_LIMITED
        assert 3_500 < (refused.value.retry_after_seconds or 0) <= 3_600
    with pytest.raises(TerminalError):
        await client.ask(command.model_copy(update={"principal": Principal(user_id="alice", scope="chat")}))
    await client.ask(command.model_copy(update={"principal": BOB}))
    assert len(await audited(client)) == 3
    await client.execute("update chat.request_budget set exports_since = now() - interval '61 min'")
    await client.ask(command)


async def test_shares_and_approvals_are_noted_once_each(client: Client) -> None:
    turn = await client.answer("my secret question", "its answer")
    conversation_id = turn.conversation_id
    share = ShareConversation(principal=ALICE, conversation_id=conversation_id, token_hash="a" * 64)
    share_id = (await client.ask(share)).share.share_id
    await client.ask(share)  # the same again
    for _ in range(2):
        await client.ask(RevokeShare(principal=ALICE, conversation_id=conversation_id, share_id=share_id))

    begun = await client.begin("refund it", conversation_id=conversation_id)
    claimed = await client.claim(begun.run_id)
    item: Any = {"id": "ask_c1", "thread_id": "t", "type": "structured_input", "status": "pending", "inputs": []}
    call = CallToDecide(
        call_id="c1", kind="approval", tool="refund", arguments={"reason": "secret"}, message_id="ask_c1", item=item
    )
    fields = {"principal": ALICE, "run_id": begun.run_id, "epoch": claimed.epoch}
    await client.ask(SuspendRun.model_validate({**fields, "calls": (call,)}))
    for _ in range(2):
        await client.ask(DecideCall(principal=ALICE, run_id=begun.run_id, call_id="c1", decision="decline"))
    found = await audited(client)
    assert sorted(event["action"] for _, event in found) == ["share_begun", "share_ended", "tool_call_refused"]
    assert "secret" not in json.dumps(found)
