"""Links to a conversation: what they show and what not, for how long, and to whom they belong."""

import json
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest
from contracts.commands import (
    BeginTurn,
    DeleteConversation,
    EraseUser,
    Retry,
    RevokeShare,
    ShareConversation,
    UpdateConversation,
)
from contracts.errors import Code, TerminalError
from contracts.message import Json
from contracts.queries import ExportUser, GetShared, ListShares
from contracts.replies import SharedPage, ShareView
from conversation_store.shares import as_shared
from conversation_store.testing import ALICE, BOB, Client, assistant_item, running_client, store_settings


def hash_of(token: str) -> str:
    return sha256(token.encode()).hexdigest()


async def share(client: Client, conversation_id: str, token: str = "token", **more: Any) -> ShareView:
    fields = {"principal": ALICE, "conversation_id": conversation_id, "token_hash": hash_of(token), **more}
    return (await client.ask(ShareConversation.model_validate(fields))).share


async def read(client: Client, token: str = "token", after: str | None = None) -> SharedPage:
    return await client.bus.request(GetShared(token_hash=hash_of(token), after=after))


def texts(page: SharedPage) -> list[str]:
    items: tuple[Any, ...] = page.items
    return ["".join(part["text"] for part in item["content"]) for item in items if "content" in item]


async def refusal(work: Any) -> Code:
    with pytest.raises(TerminalError) as refused:
        await work
    return refused.value.code


async def test_a_link_shows_what_was_said_when_it_was_made_on_the_branch_that_one_was_on(client: Client) -> None:
    first = await client.answer("first", "one")
    conversation_id = first.conversation_id
    second = await client.answer("second", "two", conversation_id=conversation_id)
    shared = await share(client, conversation_id)
    assert shared.conversation_id == conversation_id
    assert texts(await read(client)) == ["first", "one", "second", "two"]
    # Whatever comes later is not in it: a turn, another branch, a new title.
    await client.answer("third", "three", conversation_id=conversation_id)
    again = await client.ask(_retry(conversation_id, second.message_id))
    await client.finish(await client.claim(again.run_id), "another two")
    await client.ask(UpdateConversation(principal=ALICE, conversation_id=conversation_id, title="Renamed"))
    page = await read(client)
    assert texts(page) == ["first", "one", "second", "two"]
    assert page.title != "Renamed"
    await share(client, conversation_id, "later")
    assert texts(await read(client, "later")) == ["first", "one", "second", "another two"]
    assert (await read(client, "later")).title == "Renamed"


def _retry(conversation_id: str, message_id: str) -> Any:
    return BeginTurn(principal=ALICE, conversation_id=conversation_id, input=Retry(message_id=message_id))


async def test_what_a_turn_still_writes_is_not_shared(client: Client) -> None:
    first = await client.answer("first", "one")
    running = await client.begin("second", conversation_id=first.conversation_id)
    await share(client, first.conversation_id)
    await client.finish(await client.claim(running.run_id), "two")
    assert texts(await read(client)) == ["first", "one"]


async def test_a_link_shows_no_ids_no_arguments_no_outputs_and_no_thoughts(client: Client) -> None:
    turn = await client.begin("hello")
    claimed = await client.claim(turn.run_id)
    task: Json = {"type": "custom", "title": "Added a todo", "icon": "check", "content": "secret output"}
    steps = _workflow("wf_1", "custom", [task])
    thoughts = _workflow("wf_2", "reasoning", [{"type": "thought", "content": "secret thought"}])
    items = (steps, thoughts, assistant_item("msg_of_it", "hi"))
    await client.finish(claimed, items=items)
    await share(client, turn.conversation_id)
    page = await read(client)
    assert [item["type"] for item in page.items] == ["user_message", "workflow", "assistant_message"]
    told = page.model_dump_json()
    assert "Added a todo" in told
    for hidden in ("secret", turn.conversation_id, turn.message_id, turn.run_id, "alice", "msg_of_it", "wf_1"):
        assert hidden not in told


def _workflow(item_id: str, kind: str, tasks: list[Json]) -> Any:
    item: Any = {
        "id": item_id,
        "thread_id": "conv_1",
        "type": "workflow",
        "workflow": {"type": kind, "tasks": tasks, "expanded": False},
    }
    return assistant_item(item_id, "").model_copy(update={"type": "workflow", "item": item})


@pytest.mark.parametrize("kind", ["structured_input", "client_tool_call", "widget", "end_of_turn", "task"])
def test_what_nobody_has_decided_to_share_is_left_out(kind: str) -> None:
    assert as_shared({"type": kind, "id": "i"}, 7, datetime.now(UTC)) is None


def test_of_a_file_its_name_is_shared_and_nothing_that_leads_to_it() -> None:
    attachment = {
        "type": "image",
        "id": "atc_1",
        "name": "garden.png",
        "mime_type": "image/png",
        "preview_url": "/api/alice/attachments/atc_1/content",
        "metadata": {"url": "/api/alice/attachments/atc_1/content"},
    }
    item = {"type": "user_message", "content": [], "attachments": [attachment]}
    shared = as_shared(item, 7, datetime.now(UTC))
    assert shared is not None
    named = {"type": "file", "id": "file_0", "name": "garden.png", "mime_type": "image/png"}
    assert shared["attachments"] == [named]


async def test_a_link_is_revoked_and_goes_with_its_conversation_and_its_user(client: Client) -> None:
    turn = await client.answer()
    shared = await share(client, turn.conversation_id)
    revoke = RevokeShare(principal=ALICE, conversation_id=turn.conversation_id, share_id=shared.share_id)
    await client.ask(revoke)
    assert await refusal(read(client)) == Code.NOT_FOUND
    await client.ask(revoke)  # twice is once
    await share(client, turn.conversation_id, "second")
    await client.ask(DeleteConversation(principal=ALICE, conversation_id=turn.conversation_id))
    assert await refusal(read(client, "second")) == Code.NOT_FOUND
    turn = await client.answer()
    await share(client, turn.conversation_id, "third")
    assert (await client.ask(EraseUser(principal=ALICE))).counts["shares"] == 1
    assert await refusal(read(client, "third")) == Code.NOT_FOUND
    assert await client.rows("select * from chat.share") == []


async def test_links_are_listed_and_exported_without_their_hashes(client: Client) -> None:
    one, two = await client.answer(), await client.answer()
    first = await share(client, one.conversation_id, "1")
    second = await share(client, two.conversation_id, "2")
    of_all = await client.ask(ListShares(principal=ALICE))
    assert of_all.data == (second, first)
    of_one = await client.ask(ListShares(principal=ALICE, conversation_id=one.conversation_id))
    assert of_one.data == (first,)
    assert (await client.ask(ListShares(principal=BOB))).data == ()
    page = await client.ask(ExportUser(principal=ALICE, after="shares:"))
    assert [row["share_id"] for row in page.data] == [first.share_id, second.share_id]
    assert hash_of("1") not in json.dumps(page.data)


async def test_nobody_shares_or_revokes_what_is_another_s(client: Client) -> None:
    turn = await client.answer()
    shared = await share(client, turn.conversation_id)
    assert await refusal(share(client, turn.conversation_id, "b", principal=BOB)) == Code.FORBIDDEN
    revoke = RevokeShare(principal=BOB, conversation_id=turn.conversation_id, share_id=shared.share_id)
    assert await refusal(client.ask(revoke)) == Code.FORBIDDEN
    other = await client.answer(principal=BOB)
    elsewhere = RevokeShare(principal=BOB, conversation_id=other.conversation_id, share_id=shared.share_id)
    await client.ask(elsewhere)
    assert texts(await read(client)) == ["hello", "hi"]
    for user_id, seen in (("alice", 1), ("mallory", 0)):  # whatever the SQL forgets to filter
        async with client.store.database.transaction(user_id) as transaction:
            assert await transaction.connection.fetchval("select count(*) from chat.share") == seen


async def test_a_repeated_request_makes_one_link_and_nothing_is_shared_before_anything_was_said(client: Client) -> None:
    turn = await client.answer()
    first = await share(client, turn.conversation_id)
    assert await share(client, turn.conversation_id) == first
    begun = await client.begin()
    assert await refusal(share(client, begun.conversation_id, "empty")) == Code.INVALID_REQUEST
    assert await refusal(read(client, "empty")) == Code.NOT_FOUND


async def test_a_user_has_so_many_links(nats_url: str, database_url: str) -> None:
    async with running_client(store_settings(nats_url, database_url, user_shares_max=1), database_url) as client:
        turn = await client.answer()
        await share(client, turn.conversation_id, "1")
        assert await refusal(share(client, turn.conversation_id, "2")) == Code.QUOTA_EXCEEDED


async def test_a_long_conversation_is_read_page_by_page(client: Client) -> None:
    turn = await client.answer("first", "one")
    await client.execute(
        "insert into chat.message (message_id, conversation_id, user_id, role, type, content, item, position)"
        " select 'm' || n, conversation_id, user_id, role, type, content, item, position + n * 10 from chat.message,"
        " generate_series(1, 300) n where conversation_id = $1 and type = 'user_message'",
        turn.conversation_id,
    )
    await share(client, turn.conversation_id)
    first = await read(client)
    assert first.after is not None
    second = await read(client, after=first.after)
    assert second.after is None
    assert len(first.items) + len(second.items) == 302
    assert await refusal(read(client, after="msg_1")) == Code.INVALID_REQUEST
