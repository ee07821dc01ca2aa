"""What operators see, and that nobody else does; each look at a user is in AUDIT before it is answered."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from auth_edge.app import create_app
from auth_edge.openapi import build_openapi
from auth_edge.settings import Settings
from auth_edge.testing import RunningEdge, running_edge
from contracts.commands import ReplayDeadLetter
from contracts.queries import GetReport
from contracts.replies import DeadLetterReplayed
from contracts.services import Service

PRICES = '{"gpt-a": {"input": 1, "output": 2}}'
OPERATIONS = [
    (method.upper(), path)
    for path, methods in build_openapi(create_app(Settings.model_construct()))["paths"].items()
    for method in methods
    if path.startswith("/api/operator/")
]
NOT_OF_ANY_USER = {"/api/operator/overview", "/api/operator/usage", "/api/operator/dead-letters"}


@pytest.fixture
async def bus(nats_url: str) -> AsyncIterator[Bus]:
    async with Bus.open(ServiceSettings(nats_url=nats_url), service=Service.OPERATOR) as bus:
        await provision(bus)
        yield bus


def address(path: str) -> str:
    return path.format(subject_id="bob", run_id="run_1", conversation_id="conv_1", sequence=3)


def as_operator(edge: RunningEdge) -> dict[str, str]:
    return {"Authorization": f"Bearer {edge.issuer.mint('olga', natter_role='operator')}"}


async def audited(bus: Bus) -> list[dict[str, Any]]:
    messages, _ = await bus.direct_get("AUDIT", "audit.auth_edge.>")
    return [json.loads(message.payload) for message in messages]


@pytest.mark.parametrize(("method", "path"), OPERATIONS, ids=str)
async def test_only_an_operators_own_token_opens_it_and_what_shows_users_is_audited(
    method: str, path: str, bus: Bus, nats_url: str, tmp_path: Path, store: Any
) -> None:
    async with running_edge(nats_url, tmp_path, operators_read_conversations=True) as edge:
        claims: dict[str, object] = {"natter_role": "operator"}
        for token in (
            edge.token("olga"),
            edge.issuer.mint("olga", role="operator", natter_role="user"),
            edge.edge.verifier.chat.mint("olga", None, claims).client_secret,
        ):
            refused = await edge.client.request(method, address(path), headers={"Authorization": f"Bearer {token}"})
            assert (refused.status_code, refused.json()["code"]) == (403, "operator_only")
        assert (await edge.client.request(method, address(path))).status_code == 401
        assert store.asked == []
        assert await audited(bus) == []
        own = await edge.client.request(method, address(path), headers=as_operator(edge))
        assert own.status_code in (200, 204), own.text
        noted = await audited(bus)
        assert len(noted) == (0 if path in NOT_OF_ANY_USER else 1)
        assert all(event["details"]["operator"] == "olga" for event in noted)
        if "{subject_id}" in path or "{run_id}" in path:
            assert noted[0]["user_id"] == "bob"


async def test_no_operator_reads_a_conversation_where_no_setting_says_so(
    bus: Bus, nats_url: str, tmp_path: Path, store: Any
) -> None:
    path = "/api/operator/users/bob/conversations/conv_1"
    async with running_edge(nats_url, tmp_path) as edge:
        refused = await edge.client.get(path, headers=as_operator(edge))
        assert (refused.status_code, refused.json()["code"]) == (403, "forbidden")
        assert "OPERATORS_READ_CONVERSATIONS" in refused.json()["detail"]
        assert [type(asked).__name__ for asked in store.asked] == ["TakeRequestPermit"]
        assert await audited(bus) == []
    async with running_edge(nats_url, tmp_path, operators_read_conversations=True) as edge:
        read = await edge.client.get(path, headers=as_operator(edge))
        assert [message["content"] for message in read.json()["data"]] == ["hello"]
        (noted,) = await audited(bus)
        details = {"conversation_id": "conv_1", "operator": "olga"}
        assert noted == {"action": "conversation_read_by_operator", "user_id": "bob", "details": details}


async def test_each_look_says_at_what_and_a_page_where_it_goes_on(
    bus: Bus, nats_url: str, tmp_path: Path, store: Any
) -> None:
    looks = {
        "/users?user_id=bob&user_id=carol": ("users", None),
        "/users/bob": ("user", "bob"),
        "/users/bob/conversations?after=1.conv_1": ("conversations", "bob"),
        "/recent-runs?user_id=bob&after=1.run_1": ("runs", "bob"),
        "/recent-runs/run_1": ("run", "bob"),
        "/usage?by=model&user_id=bob": ("usage", "bob"),
    }
    store.answers["GetReport"] = store.answers["GetReport"].model_copy(update={"after": "2.x"})
    async with running_edge(nats_url, tmp_path, model_prices=PRICES) as edge:
        for path in looks:
            answer = await edge.client.get(f"/api/operator{path}", headers=as_operator(edge))
            assert answer.status_code == 200, answer.text
            assert answer.json().get("after", "2.x") == "2.x"
    assert [(event["details"]["what"], event.get("user_id")) for event in await audited(bus)] == list(looks.values())
    users, _, conversations, runs, _, _ = [asked for asked in store.asked if isinstance(asked, GetReport)]
    assert (users.user_ids, conversations.after, runs.after) == (("bob", "carol"), "1.conv_1", "1.run_1")


async def test_without_a_place_for_the_note_nothing_is_shown(nats_url: str, tmp_path: Path, store: Any) -> None:
    async with running_edge(nats_url, tmp_path) as edge:  # nobody has made AUDIT
        answer = await edge.client.get("/api/operator/users", headers=as_operator(edge))
        assert answer.status_code == 503
        assert not [asked for asked in store.asked if isinstance(asked, GetReport)]


async def test_usage_by_user_has_its_cost_and_is_audited(bus: Bus, nats_url: str, tmp_path: Path, store: Any) -> None:
    async with running_edge(nats_url, tmp_path, model_prices=PRICES) as edge:
        answer = await edge.client.get("/api/operator/usage?by=user&days=7", headers=as_operator(edge))
        (row,) = answer.json()["data"]
        assert (row["user"], row["cost_usd"]) == ("bob", 2.0)
        assert [event["details"]["what"] for event in await audited(bus)] == ["usage"]
        replayed = await edge.client.post("/api/operator/dead-letters/3/replay", headers=as_operator(edge))
        assert replayed.status_code == 204
        assert store.only(ReplayDeadLetter).sequence == 3
        assert (
            await edge.client.post("/api/operator/dead-letters/0/replay", headers=as_operator(edge))
        ).status_code == 422
        store.answers["ReplayDeadLetter"] = DeadLetterReplayed(is_replayed=False)
        gone = await edge.client.post("/api/operator/dead-letters/3/replay", headers=as_operator(edge))
        assert (gone.status_code, gone.json()["code"]) == (404, "not_found")
