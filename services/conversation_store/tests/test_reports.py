"""What operators are shown: figures and ids of all users, and nothing that was said."""

import base64
import json
import re
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from actor_kit.provision import provision
from contracts.commands import CancelRun, DeleteConversation, EraseUser, ReplayDeadLetter, RevokeTokens
from contracts.errors import Code, TerminalError
from contracts.events import DeadLetter
from contracts.identity import Principal
from contracts.queries import ExportUser, GetReport, ListDeadLetters
from contracts.replies import Usage
from conversation_store import reports
from conversation_store.cursors import LAST
from conversation_store.testing import ALICE, BOB, Client
from conversation_store.turns.rules import UsageLimits

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


@pytest.mark.parametrize(
    ("kind", "key"), [("runs", "run_id"), ("users", "user_id"), ("conversations", "conversation_id")]
)
async def test_a_report_goes_on_where_its_page_ended(client: Client, kind: str, key: str) -> None:
    for user_id in ("alice", "carol. ~ > .", "dave"):
        for _ in range(3):
            await client.begin(SAID, principal=Principal(user_id=user_id))
    asked = {"kind": kind, "user_id": "alice" if kind == "conversations" else None, "limit": 2}
    whole = [row[key] for row in await report(client, **{**asked, "limit": 100})]
    found: list[Any] = []
    after = None
    for _ in range(len(whole)):
        page = await client.bus.request(GetReport.model_validate({**asked, "after": after}))
        found += [row[key] for row in page.rows]
        after = page.after
        if after is None:
            break
    assert (found, len(found)) == (whole, 9 if kind == "runs" else 3)


async def test_a_user_is_shown_with_their_runs_limits_and_sign_out(client: Client) -> None:
    turn = await use(client, "gpt-a", 100)
    await client.begin(SAID)
    floor = (await client.ask(RevokeTokens(principal=ALICE))).valid_from
    (row,) = await report(client, "user", user_id="alice")
    assert (row["runs"], row["runs_unfinished"], row["runs_by_state"]) == (2, 1, {"completed": 1, "queued": 1})
    assert (row["files"], row["file_bytes"], datetime.fromisoformat(row["signed_out_before"])) == (0, 0, floor)
    assert set(row["limits"]) == {field.name for field in fields(UsageLimits)}
    rows = await report(client, "conversations", user_id="alice")
    assert [(one["messages"], one["runs"], one["failed"]) for one in rows] == [(1, 1, 0), (2, 1, 0)]
    assert (rows[1]["conversation_id"], rows[1]["last_run_id"]) == (turn.conversation_id, turn.run_id)
    assert [one["user_id"] for one in await report(client, "users", user_ids=["alice", "nobody"])] == ["alice"]
    assert await report(client, "users", user_ids=["nobody"]) == []
    (run,) = await report(client, "run", run_id=turn.run_id)
    assert re.fullmatch("[0-9a-f]{32}", run["trace_id"])


@pytest.mark.parametrize(("name", "index"), [("failures", "run_failed_index"), ("runs", "run_recent_index")])
async def test_what_operators_ask_of_many_runs_is_in_an_index(client: Client, name: str, index: str) -> None:
    turn = await client.begin(SAID)
    await client.execute(
        "insert into chat.run (run_id, conversation_id, user_id, turn, status, created_at, finished_at, error_code)"
        " select 'run_' || n, $1, 'alice', n, case when n % 20 = 0 then 'failed' else 'completed' end,"
        " now() - n * interval '1 minute', now() - n * interval '1 minute', 'internal' from generate_series(2, 9000) n",
        turn.conversation_id,
    )
    await client.database.execute("analyze chat.run")
    statement = getattr(reports.sql, name)
    since = datetime.now(UTC) - timedelta(days=1)
    values = {**dict.fromkeys(statement.parameters), "since": since, "before": LAST[0], "before_id": "~", "limit": 50}
    async with client.store.database.transaction(None) as transaction:
        known = {parameter: values[parameter] for parameter in statement.parameters}
        arguments = statement.arguments(known)
        rows = await transaction.connection.fetch(f"explain {statement.text}", *arguments)
    plan = "\n".join(row[0] for row in rows)
    assert index in plan
    assert "Seq Scan on run" not in plan


async def test_no_report_tells_what_was_said(client: Client) -> None:
    turn = await use(client, "gpt-a", 100)
    for rows in (
        await report(client, "runs"),
        await report(client, "run", run_id=turn.run_id),
        await report(client, "user", user_id="alice"),
        await report(client, "conversations", user_id="alice"),
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
        ({"kind": "conversations"}, Code.INVALID_REQUEST),
        ({"kind": "conversations", "user_id": "nobody"}, Code.NOT_FOUND),
        ({"kind": "runs", "after": "somewhere"}, Code.INVALID_REQUEST),
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
