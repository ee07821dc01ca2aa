"""What a turn can be about, and what the model and the viewers get of it."""

from typing import Any

import pytest
from contracts.commands import (
    AppendCheckpoint,
    BeginTurn,
    ClientToolOutput,
    ItemToSave,
    Retry,
    StructuredInput,
)
from contracts.errors import Code, TerminalError
from contracts.queries import ListItems
from conversation_store.testing import (
    ALICE,
    Client,
    assistant_item,
    everything_published,
    user_message,
)


async def test_retry_deletes_what_came_after_and_answers_again(client: Client) -> None:
    first = await client.answer("one", "first answer")
    await client.answer("two", "second answer", conversation_id=first.conversation_id)
    retry = Retry(message_id=first.message_id)
    turn = await client.ask(BeginTurn(principal=ALICE, conversation_id=first.conversation_id, input=retry))
    claimed = await client.claim(turn.run_id)
    assert claimed.history == ()
    assert claimed.input[0]["content"] == [{"type": "input_text", "text": "one"}]
    assert claimed.user_item["id"] == first.message_id
    await client.finish(claimed, "another answer")
    page = await client.ask(ListItems(principal=ALICE, conversation_id=first.conversation_id))
    assert [item.content for item in page.data] == ["one", "another answer"]
    await everything_published(client)
    shown = await client.deltas(f"delta.*.*.{turn.run_id}")
    assert [event["type"] for event in shown] == ["thread.item.removed"] * 3 + ["run.completed"]
    again = await client.ask(BeginTurn(principal=ALICE, conversation_id=first.conversation_id, input=retry))
    assert (await client.claim(again.run_id)).history == ()


@pytest.mark.parametrize("on_busy", ["enqueue", "interrupt"])
async def test_a_retry_does_not_wait(client: Client, on_busy: str) -> None:
    turn = await client.begin()
    command = {"principal": ALICE, "conversation_id": turn.conversation_id, "on_busy": on_busy}
    with pytest.raises(TerminalError) as refused:
        await client.ask(BeginTurn.model_validate({**command, "input": Retry(message_id=turn.message_id)}))
    assert refused.value.code == Code.CONVERSATION_BUSY


async def test_a_client_tools_output_reaches_the_model_with_its_call(client: Client) -> None:
    turn = await client.begin("where am I")
    claimed = await client.claim(turn.run_id)
    item: Any = {"type": "client_tool_call", "id": "ctc_1", "status": "pending", "call_id": "c1", "name": "place"}
    call = {"type": "function_call", "call_id": "c1", "name": "place", "arguments": "{}"}
    checkpoint = {"principal": ALICE, "run_id": turn.run_id, "epoch": 1, "step": 0, "session_items": (call,)}
    saved = ItemToSave(message_id="ctc_1", type="client_tool_call", item=item)
    await client.ask(AppendCheckpoint.model_validate({**checkpoint, "items": (saved,)}))
    await client.finish(claimed)
    output = ClientToolOutput(result={"city": "Zürich"})
    command = BeginTurn(principal=ALICE, conversation_id=turn.conversation_id, input=output)
    answer = await client.claim((await client.ask(command)).run_id)
    assert answer.input == ({"type": "function_call_output", "call_id": "c1", "output": '{"city":"Zürich"}'},)
    assert answer.history[-1] == call
    assert answer.user_item["status"] == "completed"
    await client.finish(answer, "in Zürich")
    with pytest.raises(TerminalError) as refused:
        await client.ask(command)
    assert refused.value.code == Code.INVALID_REQUEST


async def test_the_answers_to_a_structured_input_are_stored_and_told_to_the_model(client: Client) -> None:
    turn = await client.begin("plan")
    claimed = await client.claim(turn.run_id)
    question = {"id": "q1", "type": "multiple_choice", "question": "When?", "options": [{"value": "now"}]}
    item: Any = {"type": "structured_input", "id": "si_1", "status": "pending", "inputs": [question]}
    await client.finish(claimed, items=(ItemToSave(message_id="si_1", type="structured_input", item=item),))
    answers = StructuredInput(message_id="si_1", answers={"q1": {"values": ["now", "later"]}, "unknown": "x"})
    command = BeginTurn(principal=ALICE, conversation_id=turn.conversation_id, input=answers)
    answer = await client.claim((await client.ask(command)).run_id)
    assert answer.user_item["status"] == "answered"
    assert answer.user_item["inputs"][0]["answer"] == {"values": ["now"], "skipped": False}
    assert "When?: now" in answer.input[0]["content"][0]["text"]
    await everything_published(client)
    shown = await client.deltas(f"delta.*.*.{answer.run.run_id}")
    assert [event["type"] for event in shown] == ["thread.item.replaced"]


async def test_a_quoted_text_comes_before_what_is_said(client: Client) -> None:
    message = user_message("explain").model_copy(update={"quoted_text": "E = mc²"})
    turn = await client.ask(BeginTurn(principal=ALICE, input=message))
    claimed = await client.claim(turn.run_id)
    assert [item["content"][0]["text"].splitlines()[-1] for item in claimed.input] == ["E = mc²", "explain"]
    assert claimed.user_item["quoted_text"] == "E = mc²"


async def test_history_holds_whole_messages_of_earlier_turns_only(client: Client) -> None:
    first = await client.answer("one", "1")
    for text in ("two", "three"):
        await client.answer(text, text[0], conversation_id=first.conversation_id)
    turn = await client.begin("four", conversation_id=first.conversation_id)
    claimed = await client.claim(turn.run_id, history_messages_max=3)
    assert [item["role"] for item in claimed.history] == ["user", "assistant"]
    assert claimed.history[0]["content"][0]["text"] == "three"
    assert not claimed.is_first_turn or claimed.conversation is not None


@pytest.mark.parametrize(
    "content", [{"type": "input_text", "text": "a\x00b"}, {"type": "input_text", "text": "\ud800"}]
)
async def test_what_postgres_cannot_store_is_refused_and_nothing_breaks(
    client: Client, content: dict[str, str]
) -> None:
    message = user_message("fine").model_copy(update={"content": (content,)})
    with pytest.raises((TerminalError, ValueError)) as refused:
        await client.ask(BeginTurn(principal=ALICE, input=message))
    assert not isinstance(refused.value, TerminalError) or refused.value.code == Code.INVALID_REQUEST
    assert await client.rows("select 1 from chat.conversation") == []
    await client.begin("still alive")


async def test_items_of_a_run_keep_their_place_when_they_are_replaced(client: Client) -> None:
    turn = await client.begin()
    await client.claim(turn.run_id)
    for step, text in enumerate(("draft", "better", "best")):
        items = (assistant_item("a_1", text), assistant_item(f"b_{step}", text))
        await client.ask(AppendCheckpoint(principal=ALICE, run_id=turn.run_id, epoch=1, step=step, items=items))
    page = await client.ask(ListItems(principal=ALICE, conversation_id=turn.conversation_id))
    assert [(item.message_id, item.content) for item in page.data[1:]] == [
        ("a_1", "best"),
        ("b_0", "draft"),
        ("b_1", "better"),
        ("b_2", "best"),
    ]
