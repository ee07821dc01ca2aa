"""A conversation is a tree of turns: retries and edits make branches, and nothing of another branch is lost."""

from typing import Any

import pytest
from contracts.commands import AppendCheckpoint, BeginTurn, CancelRun, FinishRun, Retry, SwitchBranch, TruncateSession
from contracts.errors import Code, TerminalError
from contracts.queries import ExportUser, ListConversations, ListItems, ListTurns
from contracts.replies import TurnBegun
from conversation_store.testing import ALICE, BOB, Client, assistant_item, everything_published, user_message


async def edit(client: Client, turn: TurnBegun, text: str, **more: Any) -> TurnBegun:
    """Another version of a turn's message, not yet answered."""
    message = user_message(text).model_copy(update={"edited_message_id": turn.message_id})
    command = BeginTurn(principal=ALICE, conversation_id=turn.conversation_id, input=message, **more)
    return await client.ask(command)


async def retry(client: Client, turn: TurnBegun) -> TurnBegun:
    """Another answer to a turn's message, not yet written."""
    message = Retry(message_id=turn.message_id)
    return await client.ask(BeginTurn(principal=ALICE, conversation_id=turn.conversation_id, input=message))


async def finished(client: Client, turn: TurnBegun, answer: str) -> TurnBegun:
    said = ({"type": "message", "role": "assistant", "id": f"msg_of_{turn.run_id}", "content": answer},)
    await client.finish(await client.claim(turn.run_id), answer, session_items=said)
    return turn


async def switch(client: Client, to: TurnBegun) -> Any:
    return await client.ask(SwitchBranch(principal=ALICE, conversation_id=to.conversation_id, run_id=to.run_id))


async def shown(client: Client, turn: TurnBegun, **more: Any) -> list[str]:
    page = await client.ask(ListItems(principal=ALICE, conversation_id=turn.conversation_id, limit=100, **more))
    return [item.content for item in page.data]


async def told(client: Client, turn: TurnBegun) -> Any:
    return (await client.ask(ListTurns(principal=ALICE, conversation_id=turn.conversation_id))).data


def history_of(claimed: Any) -> list[Any]:
    texts = [item["content"] for item in claimed.history]
    return [text if isinstance(text, str) else text[0]["text"] for text in texts]


async def two_turns(client: Client) -> tuple[TurnBegun, TurnBegun]:
    first = await client.answer("one", "1")
    return first, await client.answer("two", "2", conversation_id=first.conversation_id)


async def test_a_retry_of_an_older_message_keeps_all_that_came_after(client: Client) -> None:
    first, second = await two_turns(client)
    again = await finished(client, await retry(client, first), "1 again")
    assert again.message_id == first.message_id
    assert await shown(client, first) == ["one", "1 again"]
    await switch(client, first)
    assert await shown(client, first) == ["one", "1", "two", "2"]
    await switch(client, again)
    assert await shown(client, first) == ["one", "1 again"]
    (turn,) = await told(client, second)
    assert (turn.run_id, turn.message_id) == (again.run_id, first.message_id)
    assert (turn.message_versions, turn.answer_versions) == ((), (first.run_id, again.run_id))


async def test_an_edit_makes_another_version_of_the_message(client: Client) -> None:
    first, second = await two_turns(client)
    edited = await edit(client, second, "two, edited")
    claimed = await client.claim(edited.run_id)
    assert history_of(claimed) == ["one", "1"]
    assert claimed.input[0]["content"][0]["text"] == "two, edited"
    await client.finish(claimed, "2 to that")
    assert await shown(client, first) == ["one", "1", "two, edited", "2 to that"]
    (turn,) = await told(client, first)
    assert (turn.message_versions, turn.answer_versions) == ((second.run_id, edited.run_id), ())
    await switch(client, second)
    assert await shown(client, first, order="desc") == ["2", "two", "1", "one"]
    (turn,) = await told(client, first)
    assert (turn.run_id, turn.message_versions) == (second.run_id, (second.run_id, edited.run_id))


async def test_the_first_message_can_be_edited(client: Client) -> None:
    first, _ = await two_turns(client)
    edited = await edit(client, first, "one, edited")
    assert (await client.claim(edited.run_id)).history == ()
    assert await shown(client, first) == ["one, edited"]


async def test_a_conversation_goes_on_from_the_branch_that_one_is_on(client: Client) -> None:
    first, second = await two_turns(client)
    await finished(client, await edit(client, second, "two, edited"), "2 to that")
    await switch(client, second)
    third = await client.begin("three", conversation_id=first.conversation_id)
    claimed = await client.claim(third.run_id)
    assert history_of(claimed) == ["one", "1", "two", "2"]
    await finished_claim(client, claimed, "3")
    assert await shown(client, first) == ["one", "1", "two", "2", "three", "3"]
    # The newest branch through an older turn is the one that was gone on with.
    await switch(client, first)
    assert (await shown(client, first))[-1] == "3"


async def finished_claim(client: Client, claimed: Any, answer: str) -> None:
    said = ({"type": "message", "role": "assistant", "content": answer},)
    await client.finish(claimed, answer, session_items=said)


async def test_what_the_model_saw_on_another_branch_it_does_not_see_on_this_one(client: Client) -> None:
    first, second = await two_turns(client)
    again = await retry(client, second)
    claimed = await client.claim(again.run_id, history_messages_max=3)
    assert history_of(claimed) == ["one", "1"]
    await finished_claim(client, claimed, "2 again")
    last = await client.begin("three", conversation_id=first.conversation_id)
    assert history_of(await client.claim(last.run_id)) == ["one", "1", "two", "2 again"]
    assert history_of(await client.claim(last.run_id, history_messages_max=2)) == ["two", "2 again"]


async def test_versions_of_message_and_answer_are_told_apart(client: Client) -> None:
    first = await client.answer("one", "1")
    again = await finished(client, await retry(client, first), "1 again")
    edited = await finished(client, await edit(client, first, "uno"), "uno 1")
    edited_again = await finished(client, await retry(client, edited), "uno 2")
    (turn,) = await told(client, first)
    assert turn.message_versions == (again.run_id, edited_again.run_id)  # the newest of the other version
    assert turn.answer_versions == (edited.run_id, edited_again.run_id)
    # A retry of a message that is not shown brings its branch back into view.
    third = await finished(client, await retry(client, first), "1 for the third time")
    assert await shown(client, first) == ["one", "1 for the third time"]
    (turn,) = await told(client, first)
    assert turn.answer_versions == (first.run_id, again.run_id, third.run_id)


async def test_an_edit_of_a_retried_message_follows_the_same_turn(client: Client) -> None:
    first, second = await two_turns(client)
    again = await finished(client, await retry(client, second), "2 again")
    edited = await finished(client, await edit(client, again, "two, edited"), "2 to that")
    assert await shown(client, first) == ["one", "1", "two, edited", "2 to that"]
    (turn,) = await told(client, first)
    assert turn.message_versions == (again.run_id, edited.run_id)


async def test_viewers_are_told_what_goes_and_what_comes(client: Client) -> None:
    first, second = await two_turns(client)
    edited = await finished(client, await edit(client, second, "two, edited"), "2 to that")
    await everything_published(client)
    events = [event["type"] for event in await client.deltas(f"delta.*.*.{edited.run_id}")]
    assert events == ["thread.item.removed", "thread.item.removed", "thread.item.done", "run.completed"]
    await switch(client, second)
    await everything_published(client)
    changes = await client.deltas("delta.*.*.changed")
    assert [event["type"] for event in changes] == ["thread.item.removed"] * 2 + ["thread.item.done"] * 2
    assert changes[0]["item_id"] == edited.message_id
    assert [event["item"]["id"] for event in changes[2:]] == [second.message_id, f"msg_of_{second.run_id}"]
    await switch(client, second)  # one is there already
    await everything_published(client)
    assert len(await client.deltas("delta.*.*.changed")) == 4
    assert first.conversation_id == second.conversation_id


async def test_pages_follow_the_branch(client: Client) -> None:
    first = await client.answer("0", "a0")
    turns = [await client.answer(str(at), f"a{at}", conversation_id=first.conversation_id) for at in range(1, 6)]
    await finished(client, await edit(client, turns[1], "2, edited"), "a2 to that")
    await client.answer("3 after that", "a3 after that", conversation_id=first.conversation_id)
    expected = ["0", "a0", "1", "a1", "2, edited", "a2 to that", "3 after that", "a3 after that"]
    query = ListItems(principal=ALICE, conversation_id=first.conversation_id, limit=3)
    for order in ("asc", "desc"):
        seen: list[str] = []
        page = await client.ask(query.model_copy(update={"order": order}))
        seen += [item.content for item in page.data]
        while page.has_more:
            page = await client.ask(query.model_copy(update={"order": order, "after": page.after}))
            seen += [item.content for item in page.data]
        assert seen == (expected if order == "asc" else expected[::-1])


async def test_a_run_has_its_items_and_its_message_whichever_branch_it_is_on(client: Client) -> None:
    first = await client.answer("one", "1")
    again = await finished(client, await retry(client, first), "1 again")
    assert await shown(client, first, run_id=first.run_id) == ["one", "1"]
    assert await shown(client, first, run_id=again.run_id) == ["one", "1 again"]


async def test_one_does_not_switch_or_edit_while_a_run_is_active(client: Client) -> None:
    first = await client.answer("one", "1")
    second = await client.begin("two", conversation_id=first.conversation_id)
    for act in (switch(client, first), edit(client, first, "uno"), edit(client, first, "uno", on_busy="enqueue")):
        with pytest.raises(TerminalError) as refused:
            await act
        assert refused.value.code == Code.CONVERSATION_BUSY
    await finished(client, second, "2")
    assert await shown(client, first) == ["one", "1", "two", "2"]


async def test_only_a_message_of_the_user_is_edited_and_only_a_run_of_the_conversation_switched_to(
    client: Client,
) -> None:
    first, _ = await two_turns(client)
    other = await client.answer("elsewhere")
    theirs = await client.answer("theirs", principal=BOB)
    answer = first.model_copy(update={"message_id": f"msg_of_{first.run_id}"})
    cases = (
        (edit(client, answer, "no"), Code.INVALID_REQUEST),
        (edit(client, first.model_copy(update={"message_id": "msg_nobody"}), "no"), Code.NOT_FOUND),
        (edit(client, first.model_copy(update={"message_id": theirs.message_id}), "no"), Code.FORBIDDEN),
        (switch(client, other.model_copy(update={"conversation_id": first.conversation_id})), Code.NOT_FOUND),
        (switch(client, theirs.model_copy(update={"conversation_id": first.conversation_id})), Code.FORBIDDEN),
        (switch(client, theirs), Code.FORBIDDEN),
        (told(client, theirs), Code.FORBIDDEN),
    )
    for act, code in cases:
        with pytest.raises(TerminalError) as refused:
            await act
        assert refused.value.code == code
    assert await shown(client, first) == ["one", "1", "two", "2"]
    message = user_message("no").model_copy(update={"edited_message_id": first.message_id})
    with pytest.raises(TerminalError) as refused:
        await client.ask(BeginTurn(principal=ALICE, input=message))
    assert refused.value.field == "conversation_id"


async def test_an_edit_that_is_repeated_with_its_key_is_one(client: Client) -> None:
    first, second = await two_turns(client)
    once = await edit(client, second, "two, edited", idempotency_key="k", body_hash="h")
    twice = await edit(client, second, "two, edited", idempotency_key="k", body_hash="h")
    assert (once.run_id, twice.replayed) == (twice.run_id, True)
    assert await shown(client, first) == ["one", "1", "two, edited"]


async def test_failed_and_stopped_turns_are_told_with_their_reason(client: Client) -> None:
    first = await client.answer("one", "1")
    second = await client.begin("two", conversation_id=first.conversation_id)
    claimed = await client.claim(second.run_id)
    await client.finish(claimed, "half", status="failed", error_code="model_timeout", error_detail="Too slow.")
    third = await client.begin("three", conversation_id=first.conversation_id)
    await client.ask(CancelRun(principal=ALICE, run_id=third.run_id))
    turns = await told(client, first)
    assert [(t.run_id, t.status, t.error_code, t.answer_versions) for t in turns] == [
        (second.run_id, "failed", "model_timeout", ()),
        (third.run_id, "cancelled", None, ()),
    ]
    # A stopped turn without a word is no version of the answer that is written then.
    await finished(client, await retry(client, third), "3")
    assert [t.run_id for t in await told(client, first)] == [second.run_id]
    again = await finished(client, await retry(client, second), "2")
    (turn,) = await told(client, first)
    assert turn.answer_versions == (second.run_id, again.run_id)


async def test_a_search_finds_and_an_export_has_every_branch(client: Client) -> None:
    first, second = await two_turns(client)
    edited = await finished(client, await edit(client, second, "zwei"), "2 to that")
    found = await client.ask(ListConversations(principal=ALICE, search="two"))
    assert [view.conversation_id for view in found.data] == [first.conversation_id]
    parts: dict[str, list[Any]] = {}
    after = None
    while True:
        page = await client.ask(ExportUser(principal=ALICE, after=after))
        parts.setdefault(page.kind, []).extend(page.data)
        after = page.after
        if after is None:
            break
    assert {message["content"] for message in parts["messages"]} == {"one", "1", "two", "2", "zwei", "2 to that"}
    runs = {run["run_id"]: run for run in parts["runs"]}
    assert runs[edited.run_id]["parent_turn"] == runs[second.run_id]["parent_turn"] == runs[first.run_id]["turn"]
    assert parts["conversations"][0]["last_turn"] == runs[edited.run_id]["turn"]


async def test_openais_copy_of_a_conversation_is_not_gone_on_with_on_another_branch(client: Client) -> None:
    first = await client.begin("one")
    claimed = await client.claim(first.run_id)
    await client.finish(claimed, "1", openai_conversation_id="conv_openai")
    again = await client.claim((await retry(client, first)).run_id)
    assert again.openai_conversation_id is None


async def test_a_session_is_truncated_on_the_branch_that_one_is_on(client: Client) -> None:
    first, second = await two_turns(client)
    await finished(client, await edit(client, second, "two, edited"), "2 to that")
    forgetting = await client.begin("forget", conversation_id=first.conversation_id)
    claimed = await client.claim(forgetting.run_id)
    await client.ask(TruncateSession(principal=ALICE, conversation_id=first.conversation_id))
    await client.finish(claimed)
    await switch(client, second)
    last = await client.begin("three", conversation_id=first.conversation_id)
    assert history_of(await client.claim(last.run_id)) == ["two", "2"]


async def test_a_turn_that_was_taken_over_goes_on_on_its_own_branch(client: Client) -> None:
    first, second = await two_turns(client)
    again = await retry(client, second)
    claimed = await client.claim(again.run_id, lease_seconds=0.05)
    call = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    done = {"type": "function_call_output", "call_id": "c1", "output": "seen"}
    step = {"principal": ALICE, "run_id": again.run_id, "epoch": claimed.epoch, "step": 0}
    await client.ask(AppendCheckpoint.model_validate({**step, "session_items": (call, done)}))
    await client.execute("update chat.run set lease_expires_at = now() where run_id = $1", again.run_id)
    taken = await client.claim(again.run_id, runner_id="runner_2")
    assert (history_of(taken), taken.checkpoint) == (["one", "1"], (call, done))
    stale = FinishRun(
        principal=ALICE,
        run_id=again.run_id,
        epoch=claimed.epoch,
        status="completed",
        items=(assistant_item("stale", "stale"),),
    )
    with pytest.raises(TerminalError) as refused:
        await client.ask(stale)
    assert refused.value.code == Code.RUN_STALE_EPOCH
    await client.finish(taken, "2 again")
    assert await shown(client, first) == ["one", "1", "two", "2 again"]
