"""The web app notes sign-ins and the like through the edge; nobody else can."""

import json
from pathlib import Path

import pytest
from actor_kit.bus import Bus
from actor_kit.provision import provision
from actor_kit.settings import ServiceSettings
from auth_edge.testing import running_edge
from contracts.services import Service

SECRET = "a secret of the web app, for tests only"
SIGN_IN = {"action": "sign_in", "user_id": "alice"}


async def test_what_the_web_app_tells_is_stored_when_it_is_answered(nats_url: str, tmp_path: Path) -> None:
    async with (
        Bus.open(ServiceSettings(nats_url=nats_url), service=Service.OPERATOR) as bus,
        running_edge(nats_url, tmp_path, web_audit_secret=SECRET) as edge,
    ):
        await provision(bus)
        for body in (SIGN_IN, {"action": "sign_in_failed", "attempts": 3}):
            headers = {"Authorization": f"Bearer {SECRET}"}
            answer = await edge.client.post("/internal/audit", json=body, headers=headers)
            assert (answer.status_code, answer.content) == (204, b"")
        messages, _ = await bus.direct_get("AUDIT", "audit.auth_edge.>")
        assert [(message.subject, json.loads(message.payload)) for message in messages] == [
            ("audit.auth_edge.YWxpY2U.sign_in", {**SIGN_IN, "details": {}}),
            ("audit.auth_edge.-.sign_in_failed", {"action": "sign_in_failed", "details": {"attempts": 3}}),
        ]


@pytest.mark.parametrize("authorization", ["", "Bearer ", f"Bearer {SECRET[:-1]}", f"Basic {SECRET}", "token"])
async def test_nobody_else_can(nats_url: str, tmp_path: Path, authorization: str) -> None:
    async with running_edge(nats_url, tmp_path, web_audit_secret=SECRET) as edge:
        given = edge.token() if authorization == "token" else authorization
        for body in (SIGN_IN, {"action": "nonsense"}):
            answer = await edge.client.post("/internal/audit", json=body, headers={"Authorization": given})
            assert answer.status_code == 401


async def test_without_a_secret_there_is_no_such_page_and_more_than_is_asked_is_refused(
    nats_url: str, tmp_path: Path
) -> None:
    async with running_edge(nats_url, tmp_path) as edge:
        assert (await edge.client.post("/internal/audit", json=SIGN_IN)).status_code == 404
    async with running_edge(nats_url, tmp_path, web_audit_secret=SECRET) as edge:
        for more in ({"email": "alice@example.org"}, {"action": "data_erased"}, {"user_id": ""}):
            headers = {"Authorization": f"Bearer {SECRET}"}
            answer = await edge.client.post("/internal/audit", json={**SIGN_IN, **more}, headers=headers)
            assert answer.status_code == 422, more
