"""Nobody acts for a user whose proof they do not have, and no token outlives what made it void."""

import asyncio
import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from actor_kit.bus import Bus
from actor_kit.proof import PROOF_HEADER, prove_user
from actor_kit.settings import ServiceSettings
from contracts.commands import (
    AddTask,
    AppendCheckpoint,
    BeginTurn,
    CancelRun,
    EffectKey,
    EraseUser,
    FinishRun,
    RenewLease,
    RevokeTokens,
    TruncateSession,
)
from contracts.errors import Code, NatterError
from contracts.events import TokensRevoked
from contracts.identity import Principal
from contracts.queries import CheckAccess, GetRun, ListConversations, ListTasks
from contracts.services import Service
from contracts.subjects import subject_of
from conversation_store.testing import ALICE, BOB, Client, SignedIn, store_settings, user_message
from pydantic import ValidationError


async def code_of(awaitable: Any) -> Code:
    with pytest.raises(NatterError) as caught:
        await awaitable
    return caught.value.code


def test_secrets_of_before_are_read_from_the_settings_and_short_ones_refused() -> None:
    old, older, new = ("a" * 32, "b" * 32, "c" * 32)
    changed = {"principal_secret": new, "principal_secrets_previous": f"{old}, {older}"}
    proofs = store_settings("nats://nowhere", "postgresql://a:b@nowhere/c", **changed).proofs
    for secret in (old, older, new):
        proof = proofs.check(ListTasks(principal=ALICE), {PROOF_HEADER: prove_user(secret.encode(), ALICE)})
        assert proof is not None
        assert proof.user_id == ALICE.user_id
    for name in ("principal_secrets_previous", "run_token_secrets_previous"):
        with pytest.raises(ValidationError, match="at least 32 bytes"):
            store_settings("nats://nowhere", "postgresql://a:b@nowhere/c", **{name: f"{old},short"})


def signed_in(user_id: str, at: datetime) -> Principal:
    """The principal of a token that was issued then."""
    return SignedIn(user_id=user_id, issued_at=at)


@pytest.fixture
async def runners_bus(client: Client) -> Any:
    """A connection with all that a runner has: its NATS credentials, and no secret that signs anything."""
    settings = client.bus.settings.model_copy(update={"principal_secret": None})
    async with Bus.open(settings, service=Service.AGENT_RUNNER) as bus:
        yield bus


async def test_with_a_runners_credentials_alone_nobody_reaches_a_run_that_was_not_claimed_with_them(
    client: Client, runners_bus: Bus
) -> None:
    turn = await client.begin()
    claimed = await client.claim(turn.run_id)
    named = {"principal": ALICE, "run_id": turn.run_id, "epoch": claimed.epoch}
    requests: tuple[Any, ...] = (
        RenewLease(**named, lease_seconds=5),
        AppendCheckpoint(**named, step=0),
        FinishRun(**named, status="completed"),
        GetRun(principal=ALICE, run_id=turn.run_id),
        TruncateSession(principal=ALICE, conversation_id=turn.conversation_id),
        AddTask(principal=ALICE, title="forged"),
        ListTasks(principal=ALICE),
        BeginTurn(principal=ALICE, input=user_message("forged")),
        EraseUser(principal=ALICE),
    )
    for request in requests:
        assert await code_of(runners_bus.request(request)) == Code.PROOF_REFUSED
    # What it did claim it may work on, and that alone.
    assert (await runners_bus.request(RenewLease(**named, lease_seconds=5), run_token=claimed.run_token)).lease_seconds
    other = await client.begin(principal=BOB)
    theirs = await client.claim(other.run_id, principal=BOB)
    stolen = RenewLease(principal=BOB, run_id=other.run_id, epoch=theirs.epoch, lease_seconds=5)
    assert await code_of(runners_bus.request(stolen, run_token=claimed.run_token)) == Code.FORBIDDEN


async def test_a_tools_change_names_its_call_and_its_run_must_go_on(client: Client) -> None:
    turn = await client.begin()
    claimed = await client.claim(turn.run_id)
    token = {"run_token": claimed.run_token}

    def add(call_id: str) -> AddTask:
        key = EffectKey(run_id=turn.run_id, call_id=call_id)
        return AddTask(principal=ALICE, title="t", effect_key=key)

    assert (await client.ask(add("call_1"), **token)).task.title == "t"
    assert (await client.ask(ListTasks(principal=ALICE), **token)).data
    assert await code_of(client.ask(AddTask(principal=ALICE, title="t"), **token)) == Code.INVALID_REQUEST
    taken_over = await client.claim(turn.run_id)
    assert await code_of(client.ask(add("call_2"), **token)) == Code.RUN_STALE_EPOCH
    await client.finish(taken_over, "done")
    token = {"run_token": taken_over.run_token}
    assert await code_of(client.ask(add("call_3"), **token)) == Code.RUN_FINISHED
    assert await code_of(client.ask(ListTasks(principal=ALICE), **token)) == Code.RUN_FINISHED


async def test_after_an_erasure_no_older_token_writes_and_no_run_token_does(client: Client) -> None:
    turn = await client.begin()
    claimed = await client.claim(turn.run_id)
    before = signed_in("alice", datetime.now(UTC))
    await client.ask(EraseUser(principal=ALICE))
    for request in (BeginTurn(principal=before, input=user_message("zombie")), AddTask(principal=before, title="z")):
        assert await code_of(client.ask(request)) == Code.TOKEN_REVOKED
    key = EffectKey(run_id=turn.run_id, call_id="call_1")
    late = client.ask(AddTask(principal=ALICE, title="zombie", effect_key=key), run_token=claimed.run_token)
    assert await code_of(late) == Code.NOT_FOUND
    assert await client.rows('select * from chat."user" where user_id = $1', "alice") == []
    assert "alice" not in str(await client.rows("select * from chat.token_floor"))
    assert await client.begin(principal=BOB)
    assert await client.begin(principal=signed_in("alice", datetime.now(UTC) + timedelta(seconds=2)))


async def test_revoked_tokens_hold_no_more_runs_go_on_and_relays_are_told(client: Client) -> None:
    heard: asyncio.Queue[TokensRevoked] = asyncio.Queue()
    subject = subject_of(TokensRevoked, user_id="alice")
    await client.bus.subscribe(subject, lambda message: heard.put_nowait(TokensRevoked.decode(message.payload)))
    await client.bus.flush()
    before = signed_in("alice", datetime.now(UTC) - timedelta(minutes=1))
    turn = await client.begin(principal=before)
    claimed = await client.claim(turn.run_id)
    floor = await client.ask(RevokeTokens(principal=before))
    assert timedelta(0) < floor.valid_from - datetime.now(UTC) + timedelta(seconds=1) < timedelta(seconds=2)
    assert (await asyncio.wait_for(heard.get(), 5)).valid_from_seconds == floor.valid_from.timestamp()
    for request in (ListConversations(principal=before), CheckAccess(principal=before)):
        assert await code_of(client.ask(request)) == Code.TOKEN_REVOKED
    assert await code_of(client.ask(CancelRun(principal=before, run_id=turn.run_id))) == Code.TOKEN_REVOKED
    assert (await client.finish(claimed, "answered")).run.status == "completed"
    assert (await client.ask(ListConversations(principal=signed_in("alice", floor.valid_from)))).data


async def test_a_chat_session_revokes_nothing(client: Client) -> None:
    chat = Principal(user_id="alice", scope="chat")
    assert await code_of(client.ask(RevokeTokens(principal=chat))) == Code.FORBIDDEN


async def test_a_request_that_runs_into_an_erasure_waits_for_it_and_leaves_nothing(client: Client) -> None:
    await client.begin()
    before = signed_in("alice", datetime.now(UTC))
    erasure, *turns = await asyncio.gather(
        client.ask(EraseUser(principal=before)),
        *(client.begin(principal=before) for _ in range(20)),
        return_exceptions=True,
    )
    assert not isinstance(erasure, BaseException)
    assert all(not isinstance(turn, BaseException) or turn.code == Code.TOKEN_REVOKED for turn in turns)  # pyright: ignore[reportAttributeAccessIssue]
    assert await client.rows('select * from chat."user" where user_id = $1', "alice") == []


async def test_old_floors_are_forgotten(client: Client) -> None:
    await client.ask(RevokeTokens(principal=ALICE))
    await client.ask(RevokeTokens(principal=BOB))
    key = hashlib.sha256(BOB.user_id.encode()).hexdigest()
    await client.execute(
        "update chat.token_floor set valid_from = now() - interval '26 hours' where user_key = $1", key
    )
    await client.store.sweeper.sweep()
    assert len(await client.rows("select * from chat.token_floor")) == 1


async def test_a_proof_is_read_once_the_body_is_and_its_secret_is_nobodys_word(client: Client) -> None:
    subject, body = ListTasks.subject_template, ListTasks(principal=ALICE).encode()
    forged = prove_user(b"another secret of at least 32 bytes", ALICE)
    for proof in (None, forged, "x"):
        reply = await client.bus.request_bytes(subject, body, timeout_seconds=5, proof=proof)
        assert not isinstance(reply, bytes)
        assert reply.code == Code.PROOF_REFUSED
    with pytest.raises(ValueError, match="at least 32 bytes"):
        ServiceSettings.model_validate({"principal_secret": "short"})
