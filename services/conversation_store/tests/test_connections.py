"""Connections to foreign MCP servers: kept for a run, answered by their own user, gone with them."""

import json
from typing import Any

import pytest
from contracts.commands import DeleteConnection, EraseUser, KeepConnection, RecordConsent
from contracts.errors import Code, TerminalError
from contracts.identity import Principal
from contracts.queries import ExportUser, GetConnection, ListConnections
from contracts.replies import ConnectionKept, SealedConnection
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
