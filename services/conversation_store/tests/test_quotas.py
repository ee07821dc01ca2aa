"""What one user may store: messages, todos, bytes. What is there stays, and what is deleted makes room."""

from secrets import token_hex
from typing import Any

import pytest
from contracts.commands import AddTask, DeleteConversation, DeleteTask
from contracts.errors import Code, TerminalError
from conversation_store.testing import ALICE, BOB, Client, running_client, store_settings
from conversation_store.turns.rules import TURNS_BETWEEN_LOOKS_AT_BYTES, Quota, TurnState, check_quota


async def refused(client: Client, request: Any = None) -> str | None:
    """The field of the quota that refuses a message, or a request."""
    with pytest.raises(TerminalError) as error:
        await (client.begin("one more") if request is None else client.ask(request))
    assert error.value.code == Code.QUOTA_EXCEEDED
    return error.value.field


async def test_messages_are_counted_over_all_conversations_of_a_user(nats_url: str, database_url: str) -> None:
    async with running_client(store_settings(nats_url, database_url, user_turns_max=3), database_url) as client:
        first = await client.answer("1")
        await client.answer("2", conversation_id=first.conversation_id)
        kept = await client.begin("3", idempotency_key="key", body_hash="0" * 64)
        assert await refused(client) == "messages"
        # What was stored before is found again, and others have quotas of their own.
        again = await client.begin("3", idempotency_key="key", body_hash="0" * 64)
        assert (again.run_id, again.replayed) == (kept.run_id, True)
        await client.begin("bob's", principal=BOB)
        await client.ask(DeleteConversation(principal=ALICE, conversation_id=first.conversation_id))
        await client.begin("4")


async def test_todos_are_counted(nats_url: str, database_url: str) -> None:
    async with running_client(store_settings(nats_url, database_url, user_tasks_max=2), database_url) as client:
        first = (await client.ask(AddTask(principal=ALICE, title="1"))).task
        await client.ask(AddTask(principal=ALICE, title="2"))
        assert await refused(client, AddTask(principal=ALICE, title="3")) == "tasks"
        await client.ask(AddTask(principal=BOB, title="bob's"))
        await client.ask(DeleteTask(principal=ALICE, task_id=first.task_id))
        await client.ask(AddTask(principal=ALICE, title="3"))


async def test_bytes_are_looked_at_now_and_then(nats_url: str, database_url: str) -> None:
    async with running_client(store_settings(nats_url, database_url, user_bytes_max=2_000), database_url) as client:
        turn = await client.answer(token_hex(8_000))  # what lies compressed on the disk counts
        await client.execute("update chat.conversation set turns_count = $1", TURNS_BETWEEN_LOOKS_AT_BYTES - 1)
        assert await refused(client) == "bytes"
        await client.begin("bob's", principal=BOB)
        await client.ask(DeleteConversation(principal=ALICE, conversation_id=turn.conversation_id))
        await client.begin("again")


def test_a_sum_over_all_messages_is_not_made_with_each_turn() -> None:
    looked = [n for n in range(100) if check_quota(Quota(1_000, 1), TurnState(turns_stored=n))]
    assert len(looked) == 100 // TURNS_BETWEEN_LOOKS_AT_BYTES


def test_nobody_grows_by_twenty_turns_past_a_look_whatever_they_delete_between() -> None:
    """A walk that adds turns and deletes some: from any height to twenty above, it meets a turn that is looked at."""
    for start in range(60):
        heights = [start]
        while heights[-1] < start + TURNS_BETWEEN_LOOKS_AT_BYTES:
            heights += [heights[-1] + 1, heights[-1] + 2, heights[-1] + 1]  # two turns more, one deleted
        assert any(check_quota(Quota(1_000, 1), TurnState(turns_stored=height)) for height in heights), start
