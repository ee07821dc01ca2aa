"""Webhooks: what the store tells of the end of a run, signed so that the library of Standard Webhooks verifies it."""

from typing import Any

import pytest
from contracts.commands import (
    CancelRun,
    CreateWebhook,
    DeleteConversation,
    DeleteWebhook,
    RecordDelivery,
    RetryDelivery,
    RotateWebhookSecret,
)
from contracts.errors import Code, TerminalError
from contracts.queries import ListDeliveries, ListWebhooks, PrepareDelivery
from conversation_store import webhooks
from conversation_store.testing import ALICE, BOB, Client, everything_published, running_client, store_settings
from pydantic import ValidationError
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

URL = "https://shop.example.org/natter?key=1"


def _prepare(made: Any, run_id: str, user_id: str = "alice") -> PrepareDelivery:
    return PrepareDelivery(user_id=user_id, webhook_id=made.webhook.webhook_id, run_id=run_id)


async def _requests(client: Client) -> list[Any]:
    """What waits in WEBHOOKS; the last message of each subject."""
    await everything_published(client)
    state = await client.bus.client.jetstream().stream_info("WEBHOOKS")
    return [state.state.messages]


async def _refusal(client: Client, request: Any) -> Code:
    with pytest.raises(TerminalError) as refused:
        await client.ask(request)
    return refused.value.code


async def test_the_end_of_a_run_is_told_once_to_each_webhook_and_verifies(client: Client) -> None:
    made = await client.ask(CreateWebhook(principal=ALICE, url=URL))
    await client.answer("not mine", principal=BOB)
    assert await _requests(client) == [0], "it is told of its user's runs alone"
    turn = await client.answer("hello")
    assert await _requests(client) == [1]
    prepared = await client.ask(_prepare(made, turn.run_id))
    assert prepared.url == URL
    told = Webhook(made.secret).verify(prepared.body, prepared.headers)
    assert told["type"] == "run.completed"
    assert told["data"]["run_id"] == turn.run_id
    assert told["data"]["user_id"] == "alice"
    assert "hello" not in prepared.body
    assert (await client.ask(_prepare(made, turn.run_id))).headers["webhook-id"] == prepared.headers["webhook-id"]
    with pytest.raises(WebhookVerificationError):
        Webhook(made.secret).verify(prepared.body.replace("completed", "failed"), prepared.headers)


async def test_a_rotated_secret_signs_beside_the_old_one_for_a_day(client: Client) -> None:
    first = await client.ask(CreateWebhook(principal=ALICE, url=URL))
    turn = await client.answer("hello")
    second = await client.ask(RotateWebhookSecret(principal=ALICE, webhook_id=first.webhook.webhook_id))
    assert first.secret != second.secret
    prepared = await client.ask(_prepare(first, turn.run_id))
    for made in (first, second):
        Webhook(made.secret).verify(prepared.body, prepared.headers)
    await client.execute("update chat.webhook set rotated_at = now() - interval '25 hours'")
    prepared = await client.ask(_prepare(first, turn.run_id))
    Webhook(second.secret).verify(prepared.body, prepared.headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(first.secret).verify(prepared.body, prepared.headers)


async def test_a_webhook_is_its_users_alone_and_ends_with_what_it_is_about(nats_url: str, database_url: str) -> None:
    settings = store_settings(nats_url, database_url, user_webhooks_max=1)
    async with running_client(settings, database_url) as client:
        made = await client.ask(CreateWebhook(principal=ALICE, url=URL))
        assert await _refusal(client, CreateWebhook(principal=ALICE, url=URL)) == Code.QUOTA_EXCEEDED
        turn = await client.answer("hello")
        assert await _refusal(client, _prepare(made, turn.run_id, "bob")) == Code.NOT_FOUND
        for request in (RotateWebhookSecret, DeleteWebhook):
            refused = request(principal=BOB, webhook_id=made.webhook.webhook_id)
            assert await _refusal(client, refused) == Code.NOT_FOUND
        known = {"user_id": "alice", "webhook_id": made.webhook.webhook_id}
        await client.ask(RecordDelivery(**known, error="The receiver answered 500."))
        (listed,) = (await client.ask(ListWebhooks(principal=ALICE))).data
        assert (listed.last_error, listed.url) == ("The receiver answered 500.", URL)
        await client.ask(RecordDelivery(**known))
        (listed,) = (await client.ask(ListWebhooks(principal=ALICE))).data
        assert listed.last_error is None
        await client.ask(DeleteConversation(principal=ALICE, conversation_id=turn.conversation_id))
        assert await _refusal(client, _prepare(made, turn.run_id)) == Code.NOT_FOUND
        await client.ask(DeleteWebhook(principal=ALICE, webhook_id=made.webhook.webhook_id))
        assert (await client.ask(ListWebhooks(principal=ALICE))).data == ()


async def test_what_became_of_deliveries_is_kept_and_one_is_sent_again_on_request(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "DELIVERIES_KEPT_MAX", 2)
    made = await client.ask(CreateWebhook(principal=ALICE, url=URL))
    named = {"principal": ALICE, "webhook_id": made.webhook.webhook_id}
    turns = [await client.answer(f"hello {number}") for number in range(3)]
    for turn in turns:
        known = {"user_id": "alice", "webhook_id": made.webhook.webhook_id, "run_id": turn.run_id}
        await client.ask(RecordDelivery(**known, attempt=1, error="The receiver answered 500."))
        await client.ask(RecordDelivery(**known, attempt=2, error="It is gone.", is_given_up=turn is turns[2]))
    await client.ask(RecordDelivery(user_id="alice", webhook_id=made.webhook.webhook_id))  # a runner of before
    listed = (await client.ask(ListDeliveries(**named))).data
    assert [(one.run_id, one.status, one.attempts_count, one.error) for one in listed] == [
        (turns[2].run_id, "given_up", 2, "It is gone."),
        (turns[1].run_id, "retrying", 2, "It is gone."),
    ]
    assert (listed[0].event, listed[0].conversation_id) == ("run.completed", turns[2].conversation_id)
    waiting = await _requests(client)
    for turn in turns[1:]:
        await client.ask(RetryDelivery(**named, run_id=turn.run_id))
        await client.ask(RetryDelivery(**named, run_id=turn.run_id))
    assert await _requests(client) == [waiting[0] + 1], "what is on its way is not sent on its way again"
    await client.ask(DeleteConversation(principal=ALICE, conversation_id=turns[2].conversation_id))
    assert await _refusal(client, RetryDelivery(**named, run_id=turns[2].run_id)) == Code.NOT_FOUND


async def test_a_webhook_is_told_of_what_it_asked_for(client: Client) -> None:
    await client.ask(CreateWebhook(principal=ALICE, url=URL, events=("run.cancelled",)))
    await client.answer("hello")
    assert await _requests(client) == [0]
    turn = await client.begin("hello")
    await client.ask(CancelRun(principal=ALICE, run_id=turn.run_id))
    assert await _requests(client) == [1]


@pytest.mark.parametrize(
    "url",
    [
        "http://shop.example.org/",
        "ftp://shop.example.org/",
        "https:///path",
        "https://user:secret@shop.example.org/",
        "https://shop.example.org/#part",
        "https://shop.example.org/a b",
        "https://shop.example.org:port/",
        "https://" + "a" * 2_000,
    ],
)
def test_what_is_no_address_for_a_secret_is_refused(url: str) -> None:
    with pytest.raises(ValidationError):
        CreateWebhook(principal=ALICE, url=url)
