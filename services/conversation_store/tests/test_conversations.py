"""Conversations and their items: listed, searched, renamed, deleted; and where a viewer goes on."""

import asyncio
from typing import Any

import pytest
from contracts.commands import (
    AppendCheckpoint,
    CancelRun,
    DeleteConversation,
    ItemToSave,
    RecordFeedback,
    RenewLease,
    UpdateConversation,
)
from contracts.errors import Code, TerminalError
from contracts.queries import GetConversation, ListConversations, ListItems
from conversation_store.items import PAGE_CHARACTERS_MAX
from conversation_store.testing import ALICE, Client, assistant_item, everything_published


async def pages(client: Client, query: Any) -> list[Any]:
    """All data of a list, page by page."""
    data: list[Any] = []
    async with asyncio.timeout(20):
        while True:
            page = await client.ask(query)
            assert len(page.data) <= query.limit
            data += page.data
            if not page.has_more:
                assert page.after is None
                return data
            query = query.model_copy(update={"after": page.after})


async def with_items(client: Client) -> str:
    """A conversation of hidden and shown items, of which one carries tool calls alone."""
    turn = await client.begin("question")
    claimed = await client.claim(turn.run_id)
    hidden = [
        ItemToSave(message_id=f"hidden_{n}", type="hidden_context_item", item={"type": "hidden_context_item"})
        for n in range(30)
    ]
    call: dict[str, Any] = {"call_id": "c1", "name": "add_task", "status": "success"}
    workflow = ItemToSave(
        message_id="workflow",
        type="workflow",
        item={"type": "workflow"},
        tool_calls=(call,),  # pyright: ignore[reportArgumentType]
    )
    widget = ItemToSave(message_id="widget", type="widget", item={"type": "widget"})
    items = (*hidden, workflow, widget, *(assistant_item(f"a_{n}", f"answer {n}") for n in range(5)))
    await client.finish(claimed, items=items)
    return turn.conversation_id


SHOWN = ["workflow", "widget", "a_0", "a_1", "a_2", "a_3", "a_4"]


@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_items_are_listed_both_ways_and_hidden_ones_never_shorten_a_page(client: Client, limit: int) -> None:
    query = ListItems(principal=ALICE, conversation_id=await with_items(client), limit=limit)
    listed = [item.message_id for item in await pages(client, query)]
    assert listed[1:] == SHOWN
    backwards = await pages(client, query.model_copy(update={"order": "desc"}))
    assert [item.message_id for item in backwards] == listed[::-1]
    messages = await pages(client, query.model_copy(update={"messages_only": True}))
    assert [item.message_id for item in messages[1:]] == [name for name in SHOWN if name != "widget"]
    first = await client.ask(query)
    assert len(first.data) == min(limit, 8)


async def test_a_page_of_large_items_ends_where_one_message_is_full(client: Client) -> None:
    turn = await client.begin("draw")
    claimed = await client.claim(turn.run_id)
    large = "x" * (PAGE_CHARACTERS_MAX // 2)
    for count in range(6):  # together more than any message holds
        image: dict[str, Any] = {"type": "generated_image", "image": {"url": large}}
        item = ItemToSave(message_id=f"image_{count}", type="generated_image", item=image)
        checkpoint = AppendCheckpoint(
            principal=ALICE, run_id=turn.run_id, epoch=claimed.epoch, step=count, items=(item,)
        )
        await client.ask(checkpoint)
    query = ListItems(principal=ALICE, conversation_id=turn.conversation_id, limit=100)
    assert [item.message_id for item in await pages(client, query)][1:] == [f"image_{count}" for count in range(6)]
    backwards = await pages(client, query.model_copy(update={"order": "desc"}))
    assert len(backwards) == 7
    assert 1 <= len((await client.ask(query)).data) < 4


async def test_an_items_id_is_a_cursor_too_and_a_wrong_one_is_named(client: Client) -> None:
    query = ListItems(principal=ALICE, conversation_id=await with_items(client), after="a_2")
    assert [item.message_id for item in (await client.ask(query)).data] == ["a_3", "a_4"]
    for after in ("nothing", "-1", "9" * 40):
        with pytest.raises(TerminalError) as refused:
            await client.ask(query.model_copy(update={"after": after}))
        assert (refused.value.code, refused.value.field) == (Code.INVALID_REQUEST, "after")
    for list_query in (ListConversations(principal=ALICE, after="x.y"), ListConversations(principal=ALICE, after="²")):
        with pytest.raises(TerminalError) as refused:
            await client.ask(list_query)
        assert (refused.value.code, refused.value.field) == (Code.INVALID_REQUEST, "after")


async def test_conversations_are_listed_last_changed_first(client: Client) -> None:
    ids = [(await client.answer(f"message {n}")).conversation_id for n in range(5)]
    await client.answer("again", conversation_id=ids[1])
    query = ListConversations(principal=ALICE, limit=2)
    listed = [view.conversation_id for view in await pages(client, query)]
    assert listed == [ids[1], ids[4], ids[3], ids[2], ids[0]]
    backwards = await pages(client, query.model_copy(update={"order": "asc"}))
    assert [view.conversation_id for view in backwards] == listed[::-1]


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("shopping", {"a"}),
        ("shop", {"a"}),  # the beginning of a word
        ("milk", {"a", "b"}),
        ("MILK bread", {"b"}),
        ("Zürich", {"c"}),
        ("don't", {"c"}),
        ("nothing-like-it", set()),
        ("' | !! & <->", set()),
        ("% _ \\", set()),
        ("3.14", {"c"}),
    ],
)
async def test_search_finds_titles_and_words_of_messages(client: Client, search: str, found: set[str]) -> None:
    said = {
        "a": ("buy milk", "Shopping list"),
        "b": ("milk and bread", "Food"),
        "c": ("don't go to Zürich 3.14", "Trip"),
    }
    names: dict[str, str] = {}
    for name, (text, title) in said.items():
        turn = await client.begin(text)
        await client.finish(await client.claim(turn.run_id), "fine", title=title)
        names[turn.conversation_id] = name
    page = await client.ask(ListConversations(principal=ALICE, search=search))
    assert {names[view.conversation_id] for view in page.data} == found


async def test_renaming_is_told_to_viewers(client: Client) -> None:
    turn = await client.answer()
    update = UpdateConversation(principal=ALICE, conversation_id=turn.conversation_id, title=" New ", metadata={"a": 1})
    reply = await client.ask(update)
    assert (reply.conversation.title, reply.conversation.metadata) == ("New", {"a": 1})
    kept = await client.ask(UpdateConversation(principal=ALICE, conversation_id=turn.conversation_id))
    assert (kept.conversation.title, kept.conversation.metadata) == ("New", {"a": 1})
    await everything_published(client)
    shown = await client.deltas(f"delta.*.{turn.conversation_id}.changed")
    assert shown[0]["type"] == "thread.updated"
    assert shown[0]["thread"]["title"] == "New"
    assert shown[0]["thread"]["items"] == {"data": [], "has_more": False}


async def test_deleting_a_conversation_ends_its_runs_and_leaves_nothing(client: Client) -> None:
    words: list[str] = []
    await client.bus.subscribe("control.run.*.cancel", lambda received: words.append(received.subject))
    await client.bus.flush()
    turn = await client.begin()
    claimed = await client.claim(turn.run_id)
    waiting = await client.begin("2", conversation_id=turn.conversation_id, on_busy="enqueue")
    await client.ask(DeleteConversation(principal=ALICE, conversation_id=turn.conversation_id))
    for table in ("conversation", "run", "message", "session_item", "tool_call"):
        assert await client.rows(f"select 1 from chat.{table}") == []
    renew = RenewLease(principal=ALICE, run_id=turn.run_id, epoch=claimed.epoch, lease_seconds=5)
    for write in (renew, CancelRun(principal=ALICE, run_id=turn.run_id)):
        with pytest.raises(TerminalError) as refused:
            await client.ask(write)
        assert refused.value.code == Code.NOT_FOUND
    await everything_published(client)
    for run_id in (turn.run_id, waiting.run_id):
        assert (await client.deltas(f"delta.*.*.{run_id}"))[-1]["type"] == "run.cancelled"
    gone = {"type": "conversation.deleted", "conversation_id": turn.conversation_id}
    assert (await client.deltas("delta.>"))[-1] == gone  # the last that anybody hears of it
    async with asyncio.timeout(5):
        while words != [f"control.run.{turn.run_id}.cancel"]:
            await asyncio.sleep(0.01)


async def test_the_newest_feedback_counts(client: Client) -> None:
    turn = await client.answer()
    feedback = {"principal": ALICE, "conversation_id": turn.conversation_id}
    ids = (f"msg_of_{turn.run_id}", "unknown")
    for kind in ("positive", "negative"):
        command = RecordFeedback.model_validate({**feedback, "message_ids": ids, "kind": kind})
        assert (await client.ask(command)).items_count == 1
    assert [row["kind"] for row in await client.rows("select kind from chat.feedback")] == ["negative"]
    with pytest.raises(TerminalError) as refused:
        await client.ask(RecordFeedback(**feedback, message_ids=("unknown",), kind="positive"))
    assert refused.value.code == Code.NOT_FOUND


async def test_a_viewer_that_resumes_where_the_store_says_misses_nothing(client: Client) -> None:
    other = await client.answer("elsewhere")
    turn = await client.begin("question")
    await everything_published(client)
    get = GetConversation(principal=ALICE, conversation_id=turn.conversation_id)
    subject = f"delta.*.{turn.conversation_id}.>"
    first = (await client.bus.direct_get("DELTAS", subject))[0][0].sequence
    active = await client.ask(get)
    assert (active.resume_from, active.conversation.active_run_id) == (first - 1, turn.run_id)
    await client.finish(await client.claim(turn.run_id), "answer")
    await everything_published(client)
    last = await client.bus.direct_get_last("DELTAS", subject)
    assert last is not None
    page = await client.ask(ListItems(principal=ALICE, conversation_id=turn.conversation_id))
    assert (page.resume_from, page.active_run_id) == (last.sequence, None)
    await client.bus.purge("DELTAS", subject)
    elsewhere = await client.bus.direct_get_last("DELTAS", f"delta.*.{other.conversation_id}.>")
    assert elsewhere is not None
    assert (await client.ask(get)).resume_from == elsewhere.sequence
    await client.bus.purge("DELTAS", "delta.>")
    assert (await client.ask(get)).resume_from == 0
