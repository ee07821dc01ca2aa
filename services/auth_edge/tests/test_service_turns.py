"""Turns by another system, at the door: only a service token opens it, and only its hash goes on."""

import hashlib
from typing import Any

from auth_edge.testing import RunningEdge
from contracts.commands import SubmitTurn
from contracts.errors import Code, TerminalError

TOKEN = "natter_st_" + "A" * 43
SENT = {"user_id": "alice/of/a/path", "message": "Order 42 was sent."}


def _as(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


async def test_a_service_token_begins_a_turn_for_the_user_whom_the_body_names(edge: RunningEdge, store: Any) -> None:
    headers = {**_as(TOKEN), "Idempotency-Key": "k1"}
    answer = await edge.client.post("/api/service/turns", json=SENT, headers=headers)
    assert answer.status_code == 202
    assert answer.headers["location"] == answer.json()["stream_url"]
    assert answer.json()["stream_url"].endswith(f"/api/alice%2Fof%2Fa%2Fpath/runs/{answer.json()['run_id']}/stream")
    asked = store.only(SubmitTurn)
    assert asked.token_hash == hashlib.sha256(TOKEN.encode()).hexdigest()
    assert TOKEN not in repr(store.asked)
    assert (asked.turn.principal.user_id, asked.turn.on_busy) == ("alice/of/a/path", "enqueue")
    assert asked.turn.idempotency_key == "k1"
    assert asked.turn.body_hash
    assert asked.turn.limits.turns_per_minute_max is not None


async def test_nothing_else_opens_it_and_what_does_not_hold_is_a_guess(edge: RunningEdge, store: Any) -> None:
    for headers in ({}, _as(edge.token("alice")), _as("natter_st_" + "A" * 300)):
        refused = await edge.client.post("/api/service/turns", json=SENT, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (401, "unauthenticated")
        assert refused.headers["www-authenticate"].startswith("Bearer")
    assert store.asked == []
    store.answers["SubmitTurn"] = TerminalError(Code.UNAUTHENTICATED, "This service token does not hold.")
    statuses = [
        (await edge.client.post("/api/service/turns", json=SENT, headers=_as(f"{TOKEN}{number}"))).status_code
        for number in range(edge.edge.settings.shared_guesses_per_minute_max + 1)
    ]
    assert statuses == [401] * edge.edge.settings.shared_guesses_per_minute_max + [429]
