"""A turn: stored once, answered once, in order."""

from contracts.queries import ListItems
from conversation_store.testing import ALICE, Client, everything_published


async def test_a_turn_is_stored_answered_and_shown(client: Client) -> None:
    turn = await client.begin("add milk")
    claimed = await client.claim(turn.run_id)
    assert claimed.epoch == 1
    assert claimed.is_first_turn
    assert claimed.input == (
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "add milk"}]},
    )
    finished = await client.finish(claimed, "added", title="Milk")
    assert finished.run.status == "completed"
    page = await client.bus.request(ListItems(principal=ALICE, conversation_id=turn.conversation_id))
    assert [(item.role, item.content, item.position) for item in page.data] == [
        ("user", "add milk", 1_000_000),
        ("assistant", "added", 1_000_001),
    ]
    await everything_published(client)
    shown = await client.deltas()
    assert [event["type"] for event in shown] == ["thread.created", "thread.item.done", "run.completed"]
    assert await client.rows("select * from chat.outbox") == []
