"""The todos; a tool's effect on them happens once."""

import asyncio

import pytest
from contracts.commands import AddTask, DeleteTask, EffectKey, UpdateTask
from contracts.errors import Code, TerminalError
from contracts.queries import GetTask, ListTasks
from conversation_store.testing import ALICE, BOB, Client, everything_published


async def add(client: Client, title: str, **more: object) -> str:
    reply = await client.ask(AddTask.model_validate({"principal": ALICE, "title": title, **more}))
    return reply.task.task_id


async def test_a_todo_lives(client: Client) -> None:
    task_id = await add(client, "buy milk", description="2 l")
    update = UpdateTask(principal=ALICE, task_id=task_id, completed=True)
    updated = (await client.ask(update)).task
    assert (updated.title, updated.description, updated.completed) == ("buy milk", "2 l", True)
    assert updated.updated_at > updated.created_at
    assert (await client.ask(GetTask(principal=ALICE, task_id=task_id))).task == updated
    deleted = await client.ask(DeleteTask(principal=ALICE, task_id=task_id))
    assert (deleted.title, deleted.replayed) == ("buy milk", False)
    for request in (DeleteTask(principal=ALICE, task_id=task_id), GetTask(principal=ALICE, task_id=task_id), update):
        with pytest.raises(TerminalError) as refused:
            await client.ask(request)
        assert refused.value.code == Code.NOT_FOUND
    await everything_published(client)
    shown = await client.deltas("delta.*.tasks.changed")
    assert [event["type"] for event in shown] == ["task.added", "task.updated", "task.deleted"]
    messages, _ = await client.bus.direct_get("DELTAS", "delta.*.tasks.changed")
    assert {message.headers["Natter-Event"] for message in messages} == {"task"}


async def test_todos_are_filtered_searched_and_ordered(client: Client) -> None:
    ids = [await add(client, title) for title in ("milk", "50 % off", "bread", "milk_shake")]
    await client.ask(UpdateTask(principal=ALICE, task_id=ids[0], completed=True))

    async def listed(**query: object) -> list[str]:
        page = await client.ask(ListTasks.model_validate({"principal": ALICE, **query}))
        return [task.task_id for task in page.data]

    assert await listed() == ids
    assert await listed(order="desc") == ids[::-1]
    assert await listed(completed=True) == ids[:1]
    assert await listed(completed=False) == ids[1:]
    assert await listed(search="MILK") == [ids[0], ids[3]]
    assert await listed(search="%") == [ids[1]]
    assert await listed(search="k_s") == [ids[3]]
    first = await client.ask(ListTasks(principal=ALICE, limit=3))
    assert first.has_more
    assert await listed(after=first.after) == ids[3:]
    with pytest.raises(TerminalError) as refused:
        await listed(after="nothing")
    assert refused.value.field == "after"


async def test_an_effect_happens_once_however_often_it_is_asked_for(client: Client) -> None:
    run_id = (await client.begin()).run_id

    def key(call_id: str) -> EffectKey:
        return EffectKey(run_id=run_id, call_id=call_id)

    command = AddTask(principal=ALICE, title="milk", effect_key=key("add"))
    replies = await asyncio.gather(*(client.ask(command) for _ in range(10)))
    assert len({reply.task.task_id for reply in replies}) == 1
    assert sum(not reply.replayed for reply in replies) == 1
    task_id = replies[0].task.task_id
    update = UpdateTask(principal=ALICE, task_id=task_id, title="oat milk", effect_key=key("update"))
    assert not (await client.ask(update)).replayed
    await client.ask(UpdateTask(principal=ALICE, task_id=task_id, title="the user's own words"))
    repeated = await client.ask(update)
    assert (repeated.replayed, repeated.task.title) == (True, "oat milk")
    assert (await client.ask(GetTask(principal=ALICE, task_id=task_id))).task.title == "the user's own words"
    delete = DeleteTask(principal=ALICE, task_id=task_id, effect_key=key("delete"))
    assert [(await client.ask(delete)).replayed for _ in range(2)] == [False, True]
    with pytest.raises(TerminalError) as refused:
        await client.ask(AddTask(principal=ALICE, title="x", effect_key=key("delete")))
    assert refused.value.code == Code.INVALID_REQUEST


async def test_an_effect_that_failed_may_be_asked_for_again(client: Client) -> None:
    run_id = (await client.begin()).run_id
    key = EffectKey(run_id=run_id, call_id="c1")
    for _ in range(2):
        with pytest.raises(TerminalError) as refused:
            await client.ask(DeleteTask(principal=ALICE, task_id="task_none", effect_key=key))
        assert refused.value.code == Code.NOT_FOUND
    await client.ask(AddTask(principal=ALICE, title="milk", effect_key=key))


async def test_an_effect_key_must_be_of_the_users_own_run(client: Client) -> None:
    run_id = (await client.begin(principal=BOB)).run_id
    for key, code in ((run_id, Code.FORBIDDEN), ("run_none", Code.NOT_FOUND)):
        with pytest.raises(TerminalError) as refused:
            await add(client, "milk", effect_key=EffectKey(run_id=key, call_id="c1"))
        assert refused.value.code == code
    assert await client.rows("select 1 from chat.task") == []
