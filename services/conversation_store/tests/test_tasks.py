"""The todos; a tool's effect on them happens once."""

import asyncio

import pytest
from contracts.commands import (
    AddTask,
    ClearTasks,
    DeleteTask,
    EffectKey,
    Move,
    RestoreClearedTasks,
    RestoreTask,
    UpdateTask,
)
from contracts.due import Due
from contracts.errors import Code, TerminalError
from contracts.queries import GetTask, ListTasks
from contracts.replies import TaskCounts, TaskReply
from conversation_store import tasks
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


async def listed(client: Client, **query: object) -> list[str]:
    """Titles as the owner sees them, read in pages of two."""
    titles: list[str] = []
    after: str | None = None
    while True:
        asked = {"principal": ALICE, "sort": "list", "limit": 2, "after": after, **query}
        page = await client.ask(ListTasks.model_validate(asked))
        titles += [task.title for task in page.data]
        if not page.has_more:
            return titles
        after = page.after


async def change(client: Client, task_id: str, **what: object) -> TaskReply:
    return await client.ask(UpdateTask.model_validate({"principal": ALICE, "task_id": task_id, **what}))


async def test_the_list_has_one_order_that_its_owner_makes(client: Client) -> None:
    ids = {title: await add(client, title) for title in "abcde"}
    assert await listed(client) == list("edcba")
    await change(client, ids["b"], move=Move(to="first"))
    await change(client, ids["e"], move=Move(to="last"))
    await change(client, ids["a"], move=Move(to="after", task_id=ids["b"]))
    await change(client, ids["e"], move=Move(to="before", task_id=ids["a"]))
    assert await listed(client) == list("beadc")
    await change(client, ids["e"], completed=True)
    await change(client, ids["c"], completed=True)
    assert await listed(client) == list("badec")
    assert await listed(client, filter="open") == list("bad")
    assert await listed(client, filter="done") == list("ec")
    first = await client.ask(ListTasks(principal=ALICE, sort="list", limit=1))
    assert first.counts is not None
    assert (first.counts.open, first.counts.done, first.counts.due) == (3, 2, 0)
    nothing = await client.ask(ListTasks(principal=ALICE, search="no such words"))
    assert (nothing.data, nothing.counts) == ((), first.counts)
    assert (await client.ask(ListTasks(principal=BOB))).counts == TaskCounts(open=0, done=0, due=0)
    await add(client, "f")
    # What an answer adds keeps its order, on top.
    run_id = (await client.begin()).run_id
    for title in "xyz":
        await add(client, title, effect_key=EffectKey(run_id=run_id, call_id=title))
    assert await listed(client) == list("xyzfbadec")
    for other in (ids["a"], "task_none"):
        with pytest.raises(TerminalError) as refused:
            await client.ask(
                UpdateTask.model_validate(
                    {"principal": BOB, "task_id": ids["b"], "move": Move(to="before", task_id=other)}
                )
            )
        assert refused.value.code == Code.FORBIDDEN
    with pytest.raises(TerminalError) as refused:
        await change(client, ids["b"], move=Move(to="before", task_id="task_none"))
    assert refused.value.code == Code.NOT_FOUND
    for cursor in ("nothing", "2_1.0_task_x", "0_nan_task_x"):
        with pytest.raises(TerminalError) as refused:
            await listed(client, after=cursor)
        assert refused.value.field == "after"


async def test_a_gap_without_a_number_left_is_made_wide_again(client: Client) -> None:
    ids = [await add(client, title) for title in "ab"]
    top, moved = ids[::-1]
    ids.append(await add(client, "c"))
    # each goes between the first one and the one that was put there before: the gap halves each time
    for count in range(120):
        moved = ids[2] if count % 2 else ids[0]
        await change(client, moved, move=Move(to="after", task_id=top))
    assert await listed(client) == list("bca")
    await everything_published(client)
    shown = await client.deltas("delta.*.tasks.changed")
    assert {event["type"] for event in shown} == {"task.added", "task.updated", "tasks.reordered"}


async def test_what_is_deleted_or_cleared_comes_back_where_it_was(client: Client) -> None:
    ids = {title: await add(client, title) for title in "abcd"}
    for title in "ac":
        await change(client, ids[title], completed=True)
    await client.ask(DeleteTask(principal=ALICE, task_id=ids["d"]))
    assert await listed(client) == list("bca")
    restored = await client.ask(RestoreTask(principal=ALICE, task_id=ids["d"]))
    assert restored.task.title == "d"
    cleared = await client.ask(ClearTasks(principal=ALICE))
    assert (cleared.count, await listed(client)) == (2, list("db"))
    back = RestoreClearedTasks(principal=ALICE, cleared_at=cleared.cleared_at)
    assert (await client.ask(back)).count == 2
    assert (await client.ask(back)).count == 0
    assert await listed(client) == list("dbca")
    # After ten minutes the row is gone.
    await client.ask(DeleteTask(principal=ALICE, task_id=ids["d"]))
    await client.rows("update chat.task set deleted_at = now() - interval '11 minutes' where deleted_at is not null")
    for _ in range(2):
        with pytest.raises(TerminalError) as refused:
            await client.ask(RestoreTask(principal=ALICE, task_id=ids["d"]))
        assert refused.value.code == Code.NOT_FOUND
        await client.store.sweeper.sweep()
    assert len(await client.rows("select 1 from chat.task")) == 3
    await everything_published(client)
    shown = await client.deltas("delta.*.tasks.changed")
    assert [event["type"] for event in shown if event["type"].startswith("tasks.")] == [
        "tasks.cleared",
        "tasks.restored",
    ]


async def test_dates_filter_and_sort_and_completing_what_comes_again_adds_the_next(client: Client) -> None:
    def due(day: int, recurrence: str | None = None) -> Due:
        return Due.model_validate(
            {"at": f"2126-02-{day:02}T09:00:00+01:00", "zone": "Europe/Zurich", "recurrence": recurrence}
        )

    late = await add(client, "late", due=due(20))
    weekly = await add(client, "weekly", due=due(1, "FREQ=WEEKLY"))
    await add(client, "whenever")
    assert await listed(client, filter="due") == ["weekly", "late"]
    done = await change(client, weekly, completed=True, title="every week")
    assert done.task.due == due(1)
    assert done.next_task is not None
    assert (done.next_task.title, done.next_task.due) == ("every week", due(8, "FREQ=WEEKLY"))
    assert (await change(client, weekly, completed=True)).next_task is None
    assert await listed(client) == ["whenever", "every week", "late", "every week"]
    # A slip of the finger: the untouched next one goes, and nothing comes twice.
    reopened = await change(client, weekly, completed=False)
    assert reopened.task.due == due(1, "FREQ=WEEKLY")
    assert await listed(client) == ["whenever", "every week", "late"]
    done = await change(client, weekly, completed=True)
    assert done.next_task is not None
    await change(client, done.next_task.task_id, description="touched")
    assert (await change(client, weekly, completed=False)).task.due == due(1)
    assert await listed(client, filter="due") == ["every week", "every week", "late"]
    await change(client, late, clear_due=True)
    assert (await client.ask(GetTask(principal=ALICE, task_id=late))).task.due is None


@pytest.mark.parametrize("name", ["oldest_first", "newest_first", "by_position", "by_date"])
async def test_files_are_looked_for_only_where_a_todo_has_some_and_counts_once_for_a_page(
    client: Client, name: str
) -> None:
    """The planner writes a function that holds no query into the statement; one that does is called for each row."""
    statement = getattr(tasks.sql, name)
    values = ", ".join(["null"] * len(statement.parameters))
    async with client.store.database.transaction("alice") as transaction:
        connection = transaction.connection
        await connection.execute(f"set local plan_cache_mode = force_generic_plan; prepare listed as {statement.text}")
        plan = "\n".join(row[0] for row in await connection.fetch(f"explain (verbose) execute listed ({values})"))
        await connection.execute("deallocate listed")
    assert "WHEN (cardinality(t.attachment_ids) = 0)" in plan
    assert "attachments_of" not in plan
    assert plan.count("task_counts") == 1, plan
