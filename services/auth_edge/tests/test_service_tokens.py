"""A user's own service tokens at the door: told once, and kept by their hash."""

import hashlib
from typing import Any

from auth_edge.testing import RunningEdge
from contracts.commands import CreateOwnServiceToken, CreateWebhook, RetryDelivery


async def test_a_token_is_told_once_and_only_its_hash_goes_on(edge: RunningEdge, store: Any) -> None:
    sent = {"name": "shop", "assistant_ids": ["todo"], "expires_in_days": 90}
    made = await edge.call("POST", "/service-tokens", json=sent)
    assert made.status_code == 201
    token = made.json()["token"]
    assert token.startswith("natter_st_")
    asked = store.only(CreateOwnServiceToken)
    assert asked.token_hash == hashlib.sha256(token.encode()).hexdigest()
    assert (asked.principal.user_id, asked.assistant_ids, asked.holds_seconds) == ("alice", ("todo",), 90 * 86_400)
    assert token not in repr(store.asked)
    (listed,) = (await edge.call("GET", "/service-tokens")).json()["data"]
    assert "token" not in listed
    assert (await edge.call("DELETE", "/service-tokens/st_1")).status_code == 204
    refused = await edge.call("POST", "/service-tokens", json={**sent, "expires_in_days": 0})
    assert (refused.status_code, refused.json()["field"]) == (422, "body.expires_in_days")


async def test_a_webhook_takes_the_ends_it_wants_and_is_told_again_on_request(edge: RunningEdge, store: Any) -> None:
    sent = {"url": "https://shop.example.org/natter", "events": ["run.failed"]}
    assert (await edge.call("POST", "/webhooks", json=sent)).status_code == 201
    assert store.only(CreateWebhook).events == ("run.failed",)
    refused = await edge.call("POST", "/webhooks", json={**sent, "events": ["run.begun"]})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")
    (listed,) = (await edge.call("GET", "/webhooks/hook_1/deliveries")).json()["data"]
    assert (listed["status"], listed["event"]) == ("given_up", "run.completed")
    assert (await edge.call("POST", "/webhooks/hook_1/deliveries/run_1")).status_code == 202
    assert store.only(RetryDelivery).run_id == "run_1"
