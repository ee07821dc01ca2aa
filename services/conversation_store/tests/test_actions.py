"""Actions of widgets: turns without a message, which may change what earlier turns have shown."""

from typing import Any

import pytest
from contracts.commands import AppendCheckpoint, BeginTurn, CustomAction, ItemToSave, Retry
from contracts.errors import Code, TerminalError
from contracts.queries import GetItem, ListItems
from conversation_store.testing import ALICE, BOB, Client, assistant_item, everything_published

WIDGET: Any = {"type": "widget", "id": "w_1", "widget": {"type": "Card", "children": []}}
SAVED = ItemToSave(message_id="w_1", type="widget", item=WIDGET)


async def _with_widget(client: Client) -> Any:
    turn = await client.begin("show me")
    await client.finish(await client.claim(turn.run_id), items=(SAVED, assistant_item("a_1", "There.")))
    return turn


def _sent(turn: Any, **more: Any) -> BeginTurn:
    action = CustomAction(action="choose", payload={"colour": "blue"}, message_id=more.pop("message_id", "w_1"))
    return BeginTurn(principal=ALICE, conversation_id=turn.conversation_id, input=action, **more)


async def test_an_action_reaches_the_runner_with_its_widget_and_the_model_with_nothing(client: Client) -> None:
    turn = await _with_widget(client)
    begun = await client.ask(_sent(turn, idempotency_key="k", body_hash="h"))
    assert (await client.ask(_sent(turn, idempotency_key="k", body_hash="h"))).run_id == begun.run_id
    claimed = await client.claim(begun.run_id)
    assert (claimed.action.action, claimed.action.payload) == ("choose", {"colour": "blue"})
    assert (claimed.user_item["id"], claimed.input) == ("w_1", ())
    await client.finish(claimed)
    exported = await client.rows("select action->>'action' as action from chat.run where run_id = $1", begun.run_id)
    assert exported[0]["action"] == "choose"
    page = await client.ask(ListItems(principal=ALICE, conversation_id=turn.conversation_id))
    assert [item.type for item in page.data] == ["user_message", "widget", "assistant_message"]


async def test_what_an_action_belongs_to_must_be_there_and_be_the_users_own_widget(client: Client) -> None:
    turn = await _with_widget(client)
    strangers = await client.begin("mine", principal=BOB)
    for message_id, code in {
        "w_2": Code.ITEM_GONE,
        strangers.message_id: Code.FORBIDDEN,
        "a_1": Code.INVALID_REQUEST,
    }.items():
        with pytest.raises(TerminalError) as refused:
            await client.ask(_sent(turn, message_id=message_id))
        assert refused.value.code == code
    retry = Retry(message_id=turn.message_id)
    again = await client.ask(BeginTurn(principal=ALICE, conversation_id=turn.conversation_id, input=retry))
    await client.finish(await client.claim(again.run_id), "Another answer.")
    for request in (_sent(turn), GetItem(principal=ALICE, conversation_id=turn.conversation_id, message_id="w_1")):
        with pytest.raises(TerminalError) as refused:
            await client.ask(request)
        assert refused.value.code == Code.ITEM_GONE, "it is on another branch"


async def test_an_action_waits_shows_nothing_of_its_own_and_finds_its_widget_gone(client: Client) -> None:
    turn = await _with_widget(client)
    active = await client.begin("go on", conversation_id=turn.conversation_id)
    with pytest.raises(TerminalError) as refused:
        await client.ask(_sent(turn))
    assert refused.value.code == Code.CONVERSATION_BUSY
    waiting = await client.ask(_sent(turn, on_busy="enqueue"))
    await client.finish(await client.claim(active.run_id), withdrawn_items=("w_1",))
    await everything_published(client)
    assert await client.deltas(f"delta.*.*.{waiting.run_id}") == []
    assert (await client.claim(waiting.run_id)).user_item == {}


async def test_a_run_changes_items_of_its_branch_and_of_no_other(client: Client) -> None:
    turn = await _with_widget(client)
    claimed = await client.claim((await client.ask(_sent(turn))).run_id)
    changed = SAVED.model_copy(update={"item": {**WIDGET, "widget": {"type": "Card", "children": [1]}}})
    await client.finish(claimed, items=(changed,), withdrawn_items=("a_1",))
    page = await client.ask(ListItems(principal=ALICE, conversation_id=turn.conversation_id))
    assert [(item.type, item.item.get("widget", {}).get("children")) for item in page.data] == [
        ("user_message", None),
        ("widget", [1]),
    ]
    assert page.data[1].run_id == turn.run_id
    retry = Retry(message_id=turn.message_id)
    again = await client.ask(BeginTurn(principal=ALICE, conversation_id=turn.conversation_id, input=retry))
    await client.claim(again.run_id)
    step = AppendCheckpoint(principal=ALICE, run_id=again.run_id, epoch=1, step=0, items=(SAVED,))
    with pytest.raises(TerminalError) as refused:
        await client.ask(step)
    assert refused.value.code == Code.INVALID_REQUEST
