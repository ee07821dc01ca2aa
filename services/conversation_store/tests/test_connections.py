"""Connections to foreign MCP servers: kept for a run, answered by their own user, gone with them."""

import asyncio
import json
from typing import Any

import pytest
from contracts.commands import DeleteConnection, EraseUser, KeepConnection, RecordConsent, SuspendRun
from contracts.errors import Code, TerminalError
from contracts.identity import Principal
from contracts.queries import ExportUser, GetConnection, GetRun, ListConnections
from contracts.replies import ConnectionKept, SealedConnection
from contracts.waiting import CallToDecide
from conversation_store.testing import ALICE, BOB, Client

STATE = "a" * 64
ASKED: dict[str, Any] = {
    "state_hash": STATE,
    "authorization_url": "https://id.example.org/authorize?state=x",
    "asked_seconds": 60,
}


async def keep(client: Client, run_id: str, epoch: int = 1, **more: Any) -> ConnectionKept:
    fields = {"principal": ALICE, "run_id": run_id, "epoch": epoch, "server": "calendar", "label": "Calendar"}
    return await client.ask(KeepConnection.model_validate({**fields, "sealed": "s1", **more}))


async def get(client: Client, run_id: str, epoch: int = 1) -> SealedConnection | None:
    query = GetConnection(principal=ALICE, run_id=run_id, epoch=epoch, server="calendar")
    return (await client.ask(query)).connection


async def claimed_run(client: Client) -> str:
    run_id = (await client.begin()).run_id
    await client.claim(run_id)
    return run_id


async def test_a_question_is_answered_once_and_becomes_a_connection(client: Client) -> None:
    run_id = await claimed_run(client)
    assert await get(client, run_id) is None
    assert (await keep(client, run_id, **ASKED)).is_kept
    asked = await get(client, run_id)
    assert asked is not None
    assert (asked.view.status, asked.is_open, asked.version) == ("asked", True, 1)
    consent = RecordConsent(principal=ALICE, state_hash=STATE, code="c0de", issuer="https://id.example.org")
    answered = (await client.ask(consent)).connection
    assert (answered.status, answered.authorization_url) == ("consented", None)
    with pytest.raises(TerminalError) as again:
        await client.ask(consent)
    assert again.value.code == Code.NOT_FOUND
    consented = await get(client, run_id)
    assert consented is not None
    assert (consented.code, consented.issuer, consented.is_open) == ("c0de", "https://id.example.org", False)
    assert (await keep(client, run_id, version=2, sealed="tokens", scope="events.read")).is_kept
    connected = await get(client, run_id)
    assert connected is not None
    assert (connected.view.status, connected.sealed, connected.code) == ("connected", "tokens", None)
    listed = (await client.ask(ListConnections(principal=ALICE))).data
    assert [(one.server, one.status, one.scope) for one in listed] == [("calendar", "connected", "events.read")]


def consent_wait(run_id: str, number: int = 1) -> SuspendRun:
    item: Any = {"type": "structured_input", "id": f"ask{run_id}{number}", "thread_id": "t", "status": "pending"}
    call = CallToDecide(
        call_id=f"consent.calendar.{number}",
        kind="consent",
        tool="calendar",
        message_id=item["id"],
        item={**item, "inputs": [{"id": "decision", "type": "multiple_choice", "question": "Connect?"}]},
        expires_seconds=60,
    )
    return SuspendRun(principal=ALICE, run_id=run_id, epoch=1, calls=(call,))


async def status_of(client: Client, run_id: str) -> str:
    return (await client.ask(GetRun(principal=ALICE, run_id=run_id))).run.status


@pytest.mark.parametrize(("error", "verdict"), [(None, "approve"), ("access_denied", "decline")])
async def test_the_answer_lets_all_runs_go_on_that_wait_for_it(client: Client, error: str | None, verdict: str) -> None:
    runs = [await claimed_run(client) for _ in range(2)]
    await keep(client, runs[0], **ASKED)
    for run_id in runs:
        await client.ask(consent_wait(run_id))
        assert await status_of(client, run_id) == "waiting"
    code = None if error else "c0de"
    await client.ask(RecordConsent(principal=ALICE, state_hash=STATE, code=code, error=error))
    for run_id in runs:
        assert await status_of(client, run_id) == "queued"
        claimed = await client.claim(run_id)
        assert [(one.kind, one.verdict) for one in claimed.decisions] == [("consent", verdict)]


async def test_an_answer_that_came_before_the_run_waits_is_not_missed(client: Client) -> None:
    """In either order, and at once: the run goes on."""
    for number in range(6):
        run_id = await claimed_run(client)
        await keep(client, run_id, version=number * 2, **ASKED)
        consent = RecordConsent(principal=ALICE, state_hash=STATE, code="c0de")
        if number == 0:
            await client.ask(consent)
            await client.ask(consent_wait(run_id))
        else:
            await asyncio.gather(client.ask(consent), client.ask(consent_wait(run_id)))
        assert await status_of(client, run_id) == "queued"


async def test_a_question_that_is_taken_back_declines(client: Client) -> None:
    run_id = await claimed_run(client)
    await keep(client, run_id, **ASKED)
    await client.ask(consent_wait(run_id))
    await client.ask(DeleteConnection(principal=ALICE, server="other"))
    assert await status_of(client, run_id) == "waiting"
    await client.ask(DeleteConnection(principal=ALICE, server="calendar"))
    assert (await client.claim(run_id)).decisions[0].verdict == "decline"


async def test_what_another_run_has_kept_meanwhile_stays(client: Client) -> None:
    run_id = await claimed_run(client)
    assert (await keep(client, run_id)).is_kept
    for version in (0, 2):
        kept = await keep(client, run_id, version=version, sealed="late")
        assert not kept.is_kept
        assert kept.connection is not None
        assert (kept.connection.sealed, kept.connection.version) == ("s1", 1)
    await client.ask(DeleteConnection(principal=ALICE, server="calendar"))
    revived = await keep(client, run_id, version=1, sealed="revived")
    assert (revived.is_kept, revived.connection) == (False, None)


async def test_a_question_is_its_own_users_and_has_its_time(client: Client) -> None:
    run_id = await claimed_run(client)
    await keep(client, run_id, **ASKED)
    with pytest.raises(TerminalError) as strange:
        await client.ask(RecordConsent(principal=BOB, state_hash=STATE, code="c0de"))
    assert strange.value.code == Code.NOT_FOUND
    with pytest.raises(TerminalError) as bound:
        await client.ask(RecordConsent(principal=Principal(user_id="alice", scope="chat"), state_hash=STATE, code="x"))
    assert bound.value.code == Code.FORBIDDEN
    await client.execute("update chat.connection set asked_until = now() - interval '1 second'")
    with pytest.raises(TerminalError) as late:
        await client.ask(RecordConsent(principal=ALICE, state_hash=STATE, code="c0de"))
    assert late.value.code == Code.NOT_FOUND
    assert (await client.ask(ListConnections(principal=ALICE))).data == ()
    asked = await get(client, run_id)
    assert asked is not None
    assert not asked.is_open


async def test_one_who_declines_is_no_longer_asked(client: Client) -> None:
    run_id = await claimed_run(client)
    await keep(client, run_id, **ASKED)
    for fields in ({}, {"code": "c0de", "error": "access_denied"}):
        with pytest.raises(TerminalError) as refused:
            await client.ask(RecordConsent.model_validate({"principal": ALICE, "state_hash": STATE, **fields}))
        assert refused.value.code == Code.INVALID_REQUEST
    await client.ask(RecordConsent(principal=ALICE, state_hash=STATE, error="access_denied"))
    declined = await get(client, run_id)
    assert declined is not None
    assert (declined.view.status, declined.error, declined.code) == ("declined", "access_denied", None)


async def test_only_the_runs_own_attempt_reads_or_keeps_one(client: Client) -> None:
    run_id = await claimed_run(client)
    for wrong in (get(client, run_id, epoch=2), keep(client, run_id, epoch=2)):
        with pytest.raises(TerminalError) as refused:
            await wrong
        assert refused.value.code == Code.RUN_STALE_EPOCH


async def test_an_export_tells_of_it_without_secrets_and_an_erasure_takes_it(client: Client) -> None:
    run_id = await claimed_run(client)
    await keep(client, run_id, sealed="sealed-secret", **ASKED)
    await client.ask(RecordConsent(principal=ALICE, state_hash=STATE, code="code-secret"))
    after, parts = None, {}
    while True:
        page = await client.ask(ExportUser(principal=ALICE, after=after))
        parts.setdefault(page.kind, []).extend(page.data)
        after = page.after
        if after is None:
            break
    assert [(one["server"], one["status"]) for one in parts["connections"]] == [("calendar", "consented")]
    assert "secret" not in json.dumps(parts)
    receipt = await client.ask(EraseUser(principal=ALICE))
    assert receipt.counts["connections"] == 1
    assert await client.rows("select 1 from chat.connection") == []
