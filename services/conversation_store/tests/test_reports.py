"""What operators are shown: figures and ids of all users, and nothing that was said."""

import base64
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from actor_kit.provision import provision
from contracts.commands import CancelRun, DeleteConversation, EraseUser, ReplayDeadLetter
from contracts.errors import Code, TerminalError
from contracts.events import DeadLetter
from contracts.queries import ExportUser, GetReport, ListDeadLetters
from contracts.replies import Usage
from conversation_store.testing import ALICE, BOB, Client

SAID = "the words of alice"


async def report(client: Client, kind: str, **more: Any) -> list[dict[str, Any]]:
    return list((await client.bus.request(GetReport.model_validate({"kind": kind, **more}))).rows)


async def use(client: Client, model: str, tokens: int, **more: Any) -> Any:
    """A run that has ended, with its model and tokens."""
    turn = await client.begin(SAID, **more)
    principal = more.get("principal", ALICE)
    claimed = await client.claim(turn.run_id, principal=principal)
    usage = Usage(requests=1, input_tokens=tokens, output_tokens=2 * tokens, total_tokens=3 * tokens)
    await client.finish(claimed, SAID, principal=principal, model=model, usage=usage)
    return turn


async def test_usage_is_counted_when_a_run_ends_and_stays_when_its_conversation_goes(client: Client) -> None:
    turn = await use(client, "gpt-a", 100)
    await use(client, "gpt-a", 10)
    await use(client, "gpt-b", 1)
    await use(client, "gpt-b", 1_000, principal=BOB)
    await client.ask(DeleteConversation(principal=ALICE, conversation_id=turn.conversation_id))
    rows = await report(client, "usage", by=["user"])
    found = {(row["user"], row["model"]): (row["runs"], row["input_tokens"], row["output_tokens"]) for row in rows}
    assert found == {
        ("alice", "gpt-a"): (2, 110, 220),
        ("alice", "gpt-b"): (1, 1, 2),
        (BOB.user_id, "gpt-b"): (1, 1_000, 2_000),
    }
    (today,) = {row["day"] for row in await report(client, "usage", by=["day", "assistant"])}
    assert today == datetime.now(UTC).date().isoformat()
    assert await report(client, "usage", since=datetime.now(UTC) + timedelta(days=2)) == []
    exported = (await client.ask(ExportUser(principal=ALICE))).data[0]
    assert sum(one["input_tokens"] for one in exported["usage"]) == 111
    await client.ask(EraseUser(principal=ALICE))
    assert {row["user"] for row in await report(client, "usage", by=["user"])} == {BOB.user_id}


async def test_a_run_that_is_stopped_before_it_begins_counts_as_one(client: Client) -> None:
    turn = await client.begin()
    assert (await report(client, "totals"))[0]["queued"] == 1
    await client.ask(CancelRun(principal=ALICE, run_id=turn.run_id))
    (row,) = await report(client, "usage")
    assert (row["runs"], row["failed"], row["input_tokens"]) == (1, 0, 0)
    assert (await report(client, "totals"))[0]["queued"] == 0


async def test_runs_are_found_by_user_state_and_conversation(client: Client) -> None:
    turn = await use(client, "gpt-a", 100)
    await client.begin("more", principal=BOB)
    assert [row["status"] for row in await report(client, "runs")] == ["queued", "completed"]
    assert [row["user_id"] for row in await report(client, "runs", status="queued")] == [BOB.user_id]
    for key in ({"user_id": "alice"}, {"conversation_id": turn.conversation_id}):
        (row,) = await report(client, "runs", **key)
        assert (row["run_id"], row["model"], row["total_tokens"]) == (turn.run_id, "gpt-a", 300)


async def test_no_report_tells_what_was_said(client: Client) -> None:
    turn = await use(client, "gpt-a", 100)
    for rows in (
        await report(client, "runs"),
        await report(client, "run", run_id=turn.run_id),
        await report(client, "user", user_id="alice"),
        await report(client, "users"),
        await report(client, "usage", by=["user", "assistant", "model", "day"]),
    ):
        assert rows
        assert SAID not in json.dumps(rows)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"kind": "run", "run_id": "run_none"}, Code.NOT_FOUND),
        ({"kind": "user", "user_id": "nobody"}, Code.NOT_FOUND),
        ({"kind": "user"}, Code.INVALID_REQUEST),
    ],
)
async def test_what_is_not_there_is_said(client: Client, query: dict[str, Any], code: Code) -> None:
    with pytest.raises(TerminalError) as error:
        await report(client, **query)
    assert error.value.code == code


async def test_failures_are_counted_by_code_and_users_shown_by_their_last_turn(client: Client) -> None:
    await use(client, "gpt-a", 100)
    turns = [await client.begin(SAID, principal=BOB) for _ in range(2)]
    for turn in turns:
        claimed = await client.claim(turn.run_id, principal=BOB)
        await client.finish(claimed, "", principal=BOB, status="failed", error_code="model_timeout")
    (row,) = await report(client, "failures", since=datetime.now(UTC) - timedelta(days=1))
    assert (row["code"], row["runs"], row["last_run_id"]) == ("model_timeout", 2, turns[-1].run_id)
    assert await report(client, "failures", since=datetime.now(UTC) + timedelta(days=1)) == []
    shown = [
        (row["user_id"], row["runs_this_month"], row["failed_this_month"]) for row in await report(client, "users")
    ]
    assert shown == [(BOB.user_id, 2, 2), ("alice", 1, 0)]
    assert (await report(client, "users"))[1]["tokens_this_month"] == 300


async def test_a_dead_letter_is_listed_without_its_message_and_replayed_once(client: Client) -> None:
    await provision(client.bus)
    letter = DeadLetter(
        service="agent_runner",
        message="RunRequested",
        subject="run.todo.YWxpY2U.conv_1.requested",
        code="internal",
        detail="The handler failed.",
        deliveries_count=5,
        headers={"Natter-Schema": "1"},
        payload_base64=base64.b64encode(SAID.encode()).decode(),
    )
    await client.bus.publish_stored("dead_letter.agent_runner.RunRequested", letter.encode())
    (shown,) = (await client.bus.request(ListDeadLetters())).data
    assert (shown.code, shown.deliveries_count) == ("internal", 5)
    assert {"payload_base64", "subject", "headers"}.isdisjoint(shown.model_dump())
    assert (await client.bus.request(ReplayDeadLetter(sequence=shown.sequence))).is_replayed
    assert (await client.bus.client.jetstream().get_msg("RUNS", seq=1)).data == SAID.encode()
    assert (await client.bus.request(ListDeadLetters())).data == ()
    assert not (await client.bus.request(ReplayDeadLetter(sequence=shown.sequence))).is_replayed
