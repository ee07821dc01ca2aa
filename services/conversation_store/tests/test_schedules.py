"""Schedules: kept by their users, due by the database's clock, and begun once whoever looks."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from contracts.commands import (
    AddTask,
    CreateSchedule,
    DeleteConversation,
    DeleteSchedule,
    DeleteTask,
    EffectKey,
    RestoreTask,
    UpdateSchedule,
    UpdateTask,
)
from contracts.due import Due
from contracts.errors import Code, TerminalError
from contracts.queries import GetConversation, ListSchedules
from conversation_store.schedules import fire, rules
from conversation_store.testing import ALICE, BOB, Client, everything_published, running_client, store_settings

BERLIN = ZoneInfo("Europe/Berlin")


def at(*when: int, zone: Any = BERLIN) -> datetime:
    return datetime(*when, tzinfo=zone).astimezone(UTC)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("cron", "now", "due"),
    [
        ("0 9 * * FRI", at(2026, 12, 1, 12), at(2026, 12, 4, 9)),
        ("30 2 * * *", at(2027, 3, 28, 0), at(2027, 3, 28, 3)),  # 02:30 is left out: it is due when clocks go forward
        ("30 2 * * *", at(2026, 10, 25, 0), datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # twice on the wall, due once:
        ("30 2 * * *", datetime(2026, 10, 25, 0, 31, tzinfo=UTC), at(2026, 10, 26, 2, 30)),
        ("0 * * * *", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), datetime(2026, 10, 25, 1, 0, tzinfo=UTC)),
    ],
)
def test_a_cron_expression_means_the_clock_on_the_wall(cron: str, now: datetime, due: datetime) -> None:
    assert rules.next_due(cron, "Europe/Berlin", now) == due


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"cron": None}, "due_at"),
        ({"due_at": at(2027, 1, 1)}, "due_at"),
        ({"cron": None, "due_at": at(2026, 11, 30)}, "due_at"),
        ({"cron": None, "due_at": at(2099, 1, 1)}, "due_at"),
        ({"cron": "61 * * * *"}, "cron"),
        ({"cron": "0 0 31 2 *"}, "cron"),
        ({"cron": "*/5 3 * * 1"}, "cron"),
        ({"time_zone": "Europe/Nowhere"}, "time_zone"),
    ],
)
def test_a_time_that_is_none_or_too_often_is_refused_with_its_field(changes: dict[str, Any], field: str) -> None:
    times: dict[str, Any] = {"due_at": None, "cron": "0 9 * * *", "time_zone": "Europe/Berlin", **changes}
    with pytest.raises(TerminalError) as refused:
        rules.first_due(**times, now=at(2026, 12, 1), interval_seconds_min=900)
    assert (refused.value.code, refused.value.field) == (Code.INVALID_REQUEST, field)


def _soon(principal: Any = ALICE, **more: Any) -> CreateSchedule:
    return CreateSchedule(principal=principal, text="call mum", due_at=datetime.now(UTC) + timedelta(hours=1), **more)


async def _fall_due(client: Client, schedule_id: str, *, seconds_ago: float = 1) -> None:
    due = "update chat.schedule set next_due_at = now() - make_interval(secs => $2) where schedule_id = $1"
    await client.execute(due, schedule_id, seconds_ago)


async def _runs(client: Client) -> list[Any]:
    return await client.rows("select * from chat.run where schedule_id is not null order by run_id")


async def test_what_is_due_begins_one_turn_in_a_conversation_of_its_own_and_is_told(client: Client) -> None:
    made = (await client.ask(_soon(kind="reminder", time_zone="Europe/Berlin"))).schedule
    await _fall_due(client, made.schedule_id)
    assert await client.store.sweeper.fire_due() == 1
    assert await client.store.sweeper.fire_due() == 0
    (run,) = await _runs(client)
    view = (await client.ask(GetConversation(principal=ALICE, conversation_id=run["conversation_id"]))).conversation
    assert (view.title, view.active_run_id) == ("call mum", run["run_id"])
    claimed = await client.claim(run["run_id"])
    assert (claimed.user_item, claimed.requester.time_zone) == ({}, None)
    (asked,) = claimed.input
    said = asked["content"][0]["text"]
    assert said.startswith("[reminder due ")
    assert "Europe/Berlin" in said
    assert "late" not in said
    assert said.endswith("\n\ncall mum")
    await everything_published(client)
    (fired,) = await client.deltas("delta.*.schedules.fired")
    assert (fired["run_id"], fired["text"], fired["is_late"]) == (run["run_id"], "call mum", False)
    (listed,) = (await client.ask(ListSchedules(principal=ALICE))).data
    assert (listed.status, listed.next_due_at, listed.last_run_id) == ("done", None, run["run_id"])


async def test_what_was_missed_is_made_up_for_once_and_told_as_late(client: Client) -> None:
    turn = await client.answer("hello")
    asked = CreateSchedule(
        principal=ALICE, text="list my tasks", cron="0 * * * *", conversation_id=turn.conversation_id
    )
    made = (await client.ask(asked)).schedule
    await _fall_due(client, made.schedule_id, seconds_ago=5 * 3600)
    assert [await client.store.sweeper.fire_due() for _ in range(2)] == [1, 0]
    (run,) = await _runs(client)
    assert run["conversation_id"] == turn.conversation_id
    claimed = await client.claim(run["run_id"])
    assert "It comes late" in claimed.input[0]["content"][0]["text"]
    (listed,) = (await client.ask(ListSchedules(principal=ALICE))).data
    assert listed.status == "active"
    assert listed.next_due_at > datetime.now(UTC), "the other four hours are left out"
    await client.finish(claimed, status="failed", error_code="model_timeout", error_detail="x")
    await everything_published(client)
    (error,) = [d for d in await client.deltas(f"delta.*.*.{run['run_id']}") if d["type"] == "error"]
    assert error["allow_retry"] is False, "ChatKit would send the user's last message again"


async def test_of_many_replicas_one_begins_a_turn(client: Client, nats_url: str, database_url: str) -> None:
    for number in range(5):
        made = (await client.ask(_soon())).schedule
        await _fall_due(client, made.schedule_id, seconds_ago=number)
    async with running_client(store_settings(nats_url, database_url), database_url) as other:
        sweepers = [client.store.sweeper, other.store.sweeper]
        async with asyncio.timeout(10):
            while len(await _runs(client)) < 5:
                await asyncio.gather(*(sweeper.fire_due() for sweeper in sweepers * 3))
        await asyncio.gather(*(sweeper.fire_due() for sweeper in sweepers * 3))
    assert len({run["schedule_id"] for run in await _runs(client)}) == len(await _runs(client)) == 5


async def test_a_schedule_is_paused_and_goes_on_and_is_its_users_alone(client: Client) -> None:
    made = (await client.ask(CreateSchedule(principal=ALICE, text="x", cron="0 9 * * *"))).schedule
    stopped = (await client.ask(UpdateSchedule(principal=ALICE, schedule_id=made.schedule_id, paused=True))).schedule
    assert (stopped.status, stopped.next_due_at) == ("paused", None)
    assert await client.store.sweeper.fire_due() == 0
    going = (await client.ask(UpdateSchedule(principal=ALICE, schedule_id=made.schedule_id, paused=False))).schedule
    assert (going.status, going.next_due_at) == ("active", made.next_due_at)
    with pytest.raises(TerminalError) as refused:
        await client.ask(UpdateSchedule(principal=BOB, schedule_id=made.schedule_id, paused=True))
    assert refused.value.code == Code.NOT_FOUND
    with pytest.raises(TerminalError) as refused:
        await client.ask(DeleteSchedule(principal=BOB, schedule_id=made.schedule_id))
    assert refused.value.code == Code.NOT_FOUND
    assert (await client.ask(ListSchedules(principal=BOB))).data == ()
    assert len((await client.ask(ListSchedules(principal=ALICE))).data) == 1
    await client.ask(DeleteSchedule(principal=ALICE, schedule_id=made.schedule_id))
    assert (await client.ask(ListSchedules(principal=ALICE))).data == ()


async def test_a_turn_that_cannot_begin_is_passed_over_with_its_reason(client: Client) -> None:
    turn = await client.answer("hello")
    await client.execute("""update chat.conversation set status = '{"type": "closed"}'""")
    made = (await client.ask(_soon(conversation_id=turn.conversation_id))).schedule
    await _fall_due(client, made.schedule_id)
    assert await client.store.sweeper.fire_due() == 0
    (listed,) = (await client.ask(ListSchedules(principal=ALICE))).data
    assert (listed.status, listed.last_error_code) == ("done", Code.CONVERSATION_LOCKED)
    again = (await client.ask(_soon(conversation_id=turn.conversation_id))).schedule
    await client.ask(DeleteConversation(principal=ALICE, conversation_id=turn.conversation_id))
    await _fall_due(client, again.schedule_id)
    assert await client.store.sweeper.fire_due() == 1, "where its conversation is gone, it has one of its own"


async def test_a_runs_tool_schedules_once_in_its_own_conversation_and_within_the_users_bound(
    nats_url: str, database_url: str
) -> None:
    async with running_client(store_settings(nats_url, database_url, user_schedules_max=1), database_url) as client:
        turn = await client.begin("remind me")
        claimed = await client.claim(turn.run_id)
        key = {"run_id": turn.run_id, "call_id": "call_1"}
        asked = _soon(conversation_id=turn.conversation_id, effect_key=key)
        made = await client.ask(asked, run_token=claimed.run_token)
        again = await client.ask(asked, run_token=claimed.run_token)
        assert (again.schedule.schedule_id, again.replayed) == (made.schedule.schedule_id, True)
        for refused_command, code in [
            (asked.model_copy(update={"conversation_id": "conv_of_another"}), Code.FORBIDDEN),
            (_soon(conversation_id=turn.conversation_id), Code.INVALID_REQUEST),  # names no call
        ]:
            with pytest.raises(TerminalError) as refused:
                await client.ask(refused_command, run_token=claimed.run_token)
            assert refused.value.code == code
        with pytest.raises(TerminalError) as refused:
            await client.ask(_soon())
        known = {"principal": ALICE, "schedule_id": made.schedule.schedule_id}
        with pytest.raises(TerminalError) as unnamed:
            await client.ask(DeleteSchedule(**known), run_token=claimed.run_token)
        assert unnamed.value.code == Code.INVALID_REQUEST, "a run's change names its call"
        delete = DeleteSchedule(**known, effect_key=EffectKey(run_id=turn.run_id, call_id="call_2"))
        for _ in range(2):  # a call that is executed again has done what it was for
            await client.ask(delete, run_token=claimed.run_token)
        assert (await client.ask(ListSchedules(principal=ALICE), run_token=claimed.run_token)).data == ()
        assert (refused.value.code, refused.value.field) == (Code.QUOTA_EXCEEDED, "schedules")


async def test_a_todo_reminds_when_it_is_due_where_it_was_made_and_follows_its_date(client: Client) -> None:
    soon = datetime.now(UTC) + timedelta(hours=1)
    turn = await client.begin("remind me to call mum at nine")
    claimed = await client.claim(turn.run_id)
    key = EffectKey(run_id=turn.run_id, call_id="call_1")
    asked = AddTask(principal=ALICE, title="call mum", due=Due(at=soon, zone="Europe/Berlin"), effect_key=key)
    task = (await client.ask(asked, run_token=claimed.run_token)).task
    await client.finish(claimed, "Done.")

    async def reminder() -> Any:
        rows = await client.rows("select * from chat.schedule where task_id = $1", task.task_id)
        return rows[0] if rows else None

    first = await reminder()
    assert (first["next_due_at"], first["conversation_id"]) == (soon, turn.conversation_id)
    later = Due(at=soon + timedelta(hours=1), zone="Europe/Berlin")
    await client.ask(UpdateTask(principal=ALICE, task_id=task.task_id, title="call dad", due=later))
    moved = await reminder()
    assert (moved["text"], moved["next_due_at"], moved["schedule_id"]) == ("call dad", later.at, first["schedule_id"])
    await client.ask(UpdateTask(principal=ALICE, task_id=task.task_id, completed=True))
    assert await reminder() is None
    await client.ask(UpdateTask(principal=ALICE, task_id=task.task_id, completed=False))
    await client.ask(DeleteTask(principal=ALICE, task_id=task.task_id))
    assert await reminder() is None
    await client.ask(RestoreTask(principal=ALICE, task_id=task.task_id))
    assert (await client.ask(ListSchedules(principal=ALICE))).data == (), "it is told with its todo"
    await _fall_due(client, (await reminder())["schedule_id"])
    assert await client.store.sweeper.fire_due() == 1
    await client.ask(UpdateTask(principal=ALICE, task_id=task.task_id, title="call her"))
    assert (await reminder())["status"] == "done", "another title does not remind again"
    await everything_published(client)
    (fired,) = await client.deltas("delta.*.schedules.fired")
    assert (fired["task_id"], fired["text"], fired["kind"]) == (task.task_id, "call dad", "reminder")


async def test_a_todo_of_a_whole_day_reminds_in_the_morning_and_one_of_the_past_not_at_all(client: Client) -> None:
    day = datetime(2027, 6, 1, tzinfo=BERLIN)
    for title, due in {
        "pay": Due(at=day, zone="Europe/Berlin", all_day=True),
        "over": Due(at=datetime.now(UTC) - timedelta(minutes=5), zone="UTC"),
    }.items():
        await client.ask(AddTask(principal=ALICE, title=title, due=due))
    (row,) = await client.rows("select text, next_due_at from chat.schedule")
    assert (row["text"], row["next_due_at"]) == ("pay", day.replace(hour=9))


async def test_all_that_is_due_begins_in_one_sweep_in_turns_and_what_waits_holds_up_nothing(
    nats_url: str, database_url: str
) -> None:
    settings = store_settings(nats_url, database_url, enqueued_turns_max=1)
    async with running_client(settings, database_url) as client:
        busy = await client.begin("hello")
        await client.begin("and more", conversation_id=busy.conversation_id, on_busy="enqueue")
        # The oldest of Alice's cannot begin yet: their conversation has as many turns as may wait.
        full = [await client.ask(_soon(conversation_id=busy.conversation_id)) for _ in range(6)]
        for _ in range(20):
            await client.ask(_soon())
        await client.ask(_soon(BOB))
        await client.execute("update chat.schedule set next_due_at = now() - interval '10 seconds'")
        ids = [made.schedule.schedule_id for made in full]
        await client.execute(
            "update chat.schedule set next_due_at = now() - interval '20 seconds' where schedule_id = any($1)", ids
        )
        assert await client.store.sweeper.fire_due() == 21
        listed = (await client.ask(ListSchedules(principal=ALICE))).data
        assert {one.schedule_id for one in listed if one.status == "active"} == set(ids), "they stay due"
        begun = await client.rows("select user_id from chat.run where schedule_id is not null order by run_id")
        place = [row["user_id"] for row in begun].index(BOB.user_id)
        assert place <= fire.DUE_OF_USER_MAX, "nobody waits for all of another's"
