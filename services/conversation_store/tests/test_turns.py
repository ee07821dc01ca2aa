"""A turn: stored once, whatever races; one active run per conversation; the others in order."""

import asyncio
import itertools
from collections import Counter

import asyncpg
import pytest
from contracts.commands import (
    BeginTurn,
    CancelRun,
    TurnLimits,
)
from contracts.errors import Code, NatterError, RetryableError, TerminalError
from contracts.queries import GetRun, ListItems
from contracts.replies import TurnBegun
from conversation_store.testing import (
    ALICE,
    Client,
    everything_published,
    running_client,
    store_settings,
    user_message,
)
from conversation_store.turns.begin import NewTurn, begin_turn
from conversation_store.turns.rules import Quota, TurnBounds


async def test_a_turn_is_stored_answered_and_shown(client: Client) -> None:
    turn = await client.begin("add milk")
    claimed = await client.claim(turn.run_id)
    assert (claimed.epoch, claimed.is_first_turn, claimed.next_step) == (1, True, 0)
    said = [{"type": "input_text", "text": "add milk"}]
    assert claimed.input == ({"type": "message", "role": "user", "content": said},)
    assert claimed.user_item["content"] == said
    finished = await client.finish(claimed, "added", title="Milk")
    assert finished.run.status == "completed"
    page = await client.ask(ListItems(principal=ALICE, conversation_id=turn.conversation_id))
    assert [(item.role, item.content, item.position) for item in page.data] == [
        ("user", "add milk", 1_000_000),
        ("assistant", "added", 1_000_001),
    ]
    await everything_published(client)
    shown = await client.deltas()
    assert [event["type"] for event in shown] == ["thread.created", "thread.item.done", "run.completed"]
    assert shown[1]["item"] == page.data[0].item


async def test_the_same_key_and_body_is_the_same_turn(client: Client) -> None:
    first = await client.begin("once", idempotency_key="k1", body_hash="h")
    again = await client.begin("once", idempotency_key="k1", body_hash="h")
    assert again == first.model_copy(update={"replayed": True})
    with pytest.raises(TerminalError) as refused:
        await client.begin("other", idempotency_key="k1", body_hash="other")
    assert refused.value.code == Code.IDEMPOTENCY_KEY_REUSED
    assert len(await client.rows("select 1 from chat.message")) == 1


async def test_concurrent_turns_with_one_key_make_one_run(client: Client) -> None:
    begun = await asyncio.gather(*(client.begin("once", idempotency_key="k", body_hash="h") for _ in range(20)))
    assert len({turn.run_id for turn in begun}) == 1
    assert Counter(turn.replayed for turn in begun) == {True: 19, False: 1}
    counts = await client.rows(
        "select (select count(*) from chat.run) r, (select count(*) from chat.message) m,"
        " (select count(*) from chat.conversation) c"
    )
    assert tuple(counts[0]) == (1, 1, 1)


async def test_of_fifty_concurrent_turns_one_is_active_and_the_others_are_told_so(client: Client) -> None:
    conversation_id = (await client.answer()).conversation_id
    answers = await asyncio.gather(
        *(client.begin(f"message {n}", conversation_id=conversation_id) for n in range(50)), return_exceptions=True
    )
    begun = [answer for answer in answers if isinstance(answer, TurnBegun)]
    refused = [answer for answer in answers if isinstance(answer, NatterError)]
    assert len(begun) == 1
    assert {error.code for error in refused} == {Code.CONVERSATION_BUSY}
    assert len(refused) == 49
    rows = await client.rows("select count(*) filter (where is_active) a, count(*) n from chat.run")
    assert tuple(rows[0]) == (1, 2)


async def test_the_database_itself_refuses_a_second_active_run(client: Client) -> None:
    await client.begin()
    with pytest.raises(asyncpg.UniqueViolationError):
        await client.execute(
            "insert into chat.run (run_id, conversation_id, user_id, turn, status, is_active)"
            " select 'run_2', conversation_id, user_id, 2, 'queued', true from chat.conversation"
        )


async def test_enqueued_turns_start_in_order_when_the_active_one_ends(client: Client) -> None:
    first = await client.begin("1")
    later = [await client.begin(str(n), conversation_id=first.conversation_id, on_busy="enqueue") for n in range(2, 5)]
    await everything_published(client)
    shown = await client.deltas()
    assert [event["item"]["content"][0]["text"] for event in shown if event["type"] == "thread.item.done"] == ["1"]
    with pytest.raises(RetryableError) as waits:
        await client.claim(later[0].run_id)
    assert waits.value.code == Code.RUN_LEASED
    finished = await client.finish(await client.claim(first.run_id), "one")
    for turn, following in itertools.zip_longest(later, later[1:]):
        assert finished.next_run_id == turn.run_id
        finished = await client.finish(await client.claim(turn.run_id), "answer")
        assert finished.next_run_id == (following.run_id if following else None)
    await everything_published(client)
    page = await client.ask(ListItems(principal=ALICE, conversation_id=first.conversation_id))
    assert [item.content for item in page.data] == ["1", "one", "2", "answer", "3", "answer", "4", "answer"]
    requested, _ = await client.bus.direct_get("DELTAS", f"delta.*.{first.conversation_id}.*")
    runs_in_order = [message.subject.rpartition(".")[2] for message in requested]
    assert list(dict.fromkeys(runs_in_order)) == [first.run_id, *(turn.run_id for turn in later)]


async def test_no_more_turns_wait_than_the_setting_says(nats_url: str, database_url: str) -> None:
    settings = store_settings(nats_url, database_url, enqueued_turns_max=1)
    async with running_client(settings, database_url) as client:
        first = await client.begin("1")
        await client.begin("2", conversation_id=first.conversation_id, on_busy="enqueue")
        with pytest.raises(RetryableError) as refused:
            await client.begin("3", conversation_id=first.conversation_id, on_busy="enqueue")
        assert refused.value.code == Code.TOO_MANY_RUNS


async def test_interrupt_stops_the_active_turn_and_comes_next(client: Client) -> None:
    words: list[bytes] = []
    await client.bus.subscribe("control.run.*.cancel", lambda received: words.append(received.payload))
    await client.bus.flush()
    first = await client.begin("1")
    claimed = await client.claim(first.run_id)
    second = await client.begin("2", conversation_id=first.conversation_id, on_busy="interrupt")
    run = (await client.ask(GetRun(principal=ALICE, run_id=first.run_id))).run
    assert run.cancel_requested
    finished = await client.finish(claimed, "half an ans", status="cancelled")
    assert finished.next_run_id == second.run_id
    await client.claim(second.run_id)
    async with asyncio.timeout(5):
        while not words:
            await asyncio.sleep(0.01)


async def test_interrupting_a_turn_that_nobody_works_on_ends_it_at_once(client: Client) -> None:
    first = await client.begin("1")
    second = await client.begin("2", conversation_id=first.conversation_id, on_busy="interrupt")
    run = (await client.ask(GetRun(principal=ALICE, run_id=first.run_id))).run
    assert run.status == "cancelled"
    await client.claim(second.run_id)


async def test_a_waiting_turn_that_is_cancelled_shows_its_message_and_its_end(client: Client) -> None:
    first = await client.begin("1")
    second = await client.begin("2", conversation_id=first.conversation_id, on_busy="enqueue")
    reply = await client.ask(CancelRun(principal=ALICE, run_id=second.run_id))
    assert reply.run.status == "cancelled"
    await everything_published(client)
    shown = await client.deltas(f"delta.*.*.{second.run_id}")
    assert [event["type"] for event in shown] == ["thread.item.done", "run.cancelled"]
    finished = await client.finish(await client.claim(first.run_id), "one")
    assert finished.next_run_id is None


@pytest.mark.parametrize(
    ("limits", "code"),
    [
        (TurnLimits(turns_per_minute_max=2), Code.RATE_LIMITED),
        (TurnLimits(concurrent_runs_max=2), Code.TOO_MANY_RUNS),
    ],
    ids=["turns_per_minute", "concurrent_runs"],
)
async def test_limits_hold_under_concurrency_and_say_when_to_come_back(
    client: Client, limits: TurnLimits, code: Code
) -> None:
    answers = await asyncio.gather(*(client.begin(limits=limits) for _ in range(8)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, RetryableError)]
    assert len(refused) == 6
    assert {error.code for error in refused} == {code}
    for error in refused:
        assert error.retry_after_seconds is not None
        assert 0 < error.retry_after_seconds <= 60


async def test_a_replay_is_not_counted_against_a_limit(client: Client) -> None:
    limits = TurnLimits(turns_per_minute_max=1)
    first = await client.begin(idempotency_key="k", limits=limits)
    assert (await client.begin(idempotency_key="k", limits=limits)).run_id == first.run_id


async def test_begin_turn_takes_at_most_six_statements(client: Client) -> None:
    turn = await client.answer()
    command = BeginTurn(principal=ALICE, conversation_id=turn.conversation_id, input=user_message("more"))
    statements: list[str] = []
    async with client.store.database.transaction("alice") as transaction:
        with transaction.connection.query_logger(lambda query: statements.append(query.query)):
            await begin_turn(
                transaction, command, NewTurn(), TurnBounds(("todo",), enqueued_turns_max=1, quota=Quota(10, 1))
            )
    assert len(statements) <= 4  # and two more: begin with its settings, and commit
