"""Service tokens: for whom they hold, until when, and what is noted of them."""

from typing import Any

import pytest
from actor_kit.bus import Bus
from contracts.commands import (
    BeginTurn,
    CreateOwnServiceToken,
    CreateServiceToken,
    EraseUser,
    RevokeOwnServiceToken,
    RevokeServiceToken,
    SubmitTurn,
)
from contracts.errors import Code, TerminalError
from contracts.queries import ListOwnServiceTokens, ListServiceTokens
from conversation_store.testing import (
    ALICE,
    BOB,
    Client,
    everything_published,
    running_client,
    store_settings,
    user_message,
)

HASH = "ab" * 32


def _turn(principal: Any = ALICE, *, token_hash: str = HASH, **more: Any) -> SubmitTurn:
    turn = BeginTurn(principal=principal, input=user_message("Order 42 was sent."), **more)
    return SubmitTurn(token_hash=token_hash, turn=turn)


async def _refusal(client: Client, request: Any) -> Code:
    with pytest.raises(TerminalError) as refused:
        await client.ask(request)
    return refused.value.code


async def _noted(bus: Bus) -> list[str]:
    messages, _ = await bus.direct_get("AUDIT", "audit.>")
    return [message.subject.rpartition(".")[2] for message in messages]


async def test_a_token_begins_turns_for_its_users_until_it_is_revoked(client: Client) -> None:
    asked = CreateServiceToken(name="shop", token_hash=HASH, user_ids=("alice",))
    made = (await client.ask(asked)).token
    assert await _refusal(client, asked) == Code.INVALID_REQUEST, "another token of the same hash"
    begun = await client.ask(_turn(idempotency_key="k", body_hash="h"))
    assert (await client.ask(_turn(idempotency_key="k", body_hash="h"))).replayed
    claimed = await client.claim(begun.run_id)
    assert claimed.user_item["content"][0]["text"] == "Order 42 was sent."
    await client.finish(claimed, "Good to know.")
    assert await _refusal(client, _turn(BOB)) == Code.FORBIDDEN
    assert await _refusal(client, _turn(conversation_id="conv_of_nobody")) == Code.NOT_FOUND
    assert await _refusal(client, _turn(token_hash="cd" * 32)) == Code.UNAUTHENTICATED
    (listed,) = (await client.ask(ListServiceTokens())).data
    assert (listed.token_id, listed.user_ids, listed.revoked_at) == (made.token_id, ("alice",), None)
    assert listed.last_used_at is not None
    assert HASH not in listed.model_dump_json()
    await client.ask(RevokeServiceToken(token_id=made.token_id))
    assert await _refusal(client, _turn()) == Code.UNAUTHENTICATED
    assert await _refusal(client, RevokeServiceToken(token_id="st_unknown")) == Code.NOT_FOUND
    await everything_published(client)
    assert sorted(await _noted(client.bus)) == ["service_token_created", "service_token_revoked", "turn_submitted"]


async def test_a_users_own_token_is_for_that_user_alone(nats_url: str, database_url: str) -> None:
    settings = store_settings(nats_url, database_url, user_service_tokens_max=1)
    async with running_client(settings, database_url) as client:
        asked = CreateOwnServiceToken(principal=ALICE, name="shop", token_hash=HASH, holds_seconds=3_600)
        unknown = asked.model_copy(update={"assistant_ids": ("nobody",)})
        assert await _refusal(client, unknown) == Code.ASSISTANT_UNKNOWN
        made = (await client.ask(asked)).token
        assert await _refusal(client, asked.model_copy(update={"token_hash": "cd" * 32})) == Code.QUOTA_EXCEEDED
        await client.ask(_turn())
        assert await _refusal(client, _turn(BOB)) == Code.FORBIDDEN
        await client.ask(CreateServiceToken(name="of the operator", token_hash="cd" * 32))
        (listed,) = (await client.ask(ListOwnServiceTokens(principal=ALICE))).data
        assert (listed.name, listed.user_ids, listed.last_used_at is None) == ("shop", ("alice",), False)
        assert listed.expires_at is not None
        assert (await client.ask(ListOwnServiceTokens(principal=BOB))).data == ()
        assert len((await client.ask(ListServiceTokens())).data) == 2, "an operator sees all, and may revoke any"
        not_bobs = RevokeOwnServiceToken(principal=BOB, token_id=made.token_id)
        assert await _refusal(client, not_bobs) == Code.NOT_FOUND
        await client.ask(RevokeOwnServiceToken(principal=ALICE, token_id=made.token_id))
        assert await _refusal(client, _turn()) == Code.UNAUTHENTICATED
        await client.ask(asked)
        await client.ask(EraseUser(principal=ALICE))
        assert await _refusal(client, _turn()) == Code.UNAUTHENTICATED, "it goes with its user"


async def test_a_token_ends_by_itself(client: Client) -> None:
    await client.ask(CreateServiceToken(name="shop", token_hash=HASH, holds_seconds=60))
    await client.ask(_turn(BOB))
    await client.execute("update chat.service_token set expires_at = now() - interval '1 second'")
    assert await _refusal(client, _turn(BOB)) == Code.UNAUTHENTICATED


async def test_a_token_of_one_assistant_reaches_no_other(nats_url: str, database_url: str) -> None:
    settings = store_settings(nats_url, database_url, assistants=("todo", "support"))
    async with running_client(settings, database_url) as client:
        await client.ask(CreateServiceToken(name="shop", token_hash=HASH, assistant_ids=("support",)))
        begun = await client.ask(_turn())
        assert (await client.claim(begun.run_id)).assistant_id == "support", "its own is the default"
        assert await _refusal(client, _turn(assistant_id="todo")) == Code.ASSISTANT_UNKNOWN
        todos = await client.begin("add a task: milk")
        assert await _refusal(client, _turn(conversation_id=todos.conversation_id)) == Code.ASSISTANT_NOT_SERVED
        await client.ask(CreateServiceToken(name="old", token_hash="cd" * 32, assistant_ids=("gone",)))
        assert await _refusal(client, _turn(token_hash="cd" * 32)) == Code.ASSISTANT_NOT_SERVED
