"""The pages that a browser sees when a user connects a foreign server, and the list of what they have connected."""

import hashlib
from typing import Any

from actor_kit.bus import Bus
from auth_edge.testing import RunningEdge
from contracts.commands import ClaimRun, KeepConnection
from contracts.identity import Principal
from contracts.queries import GetConnection
from contracts.replies import SealedConnection

STATE = "a-state-that-nobody-guesses"
LEADS_TO = 'https://id.example.org/authorize?client_id=natter&state=x&more="><script>alert(1)</script>'


async def asked(edge: RunningEdge, bus: Bus) -> tuple[dict[str, Any], str]:
    """Alice has a run that asks her to connect her calendar; with the token that its runner was given."""
    accepted = await edge.call("POST", "/chat", json={"message": "book the dentist"})
    run = {"principal": Principal(user_id="alice"), "run_id": accepted.json()["run_id"], "epoch": 1}
    claim = ClaimRun(principal=run["principal"], run_id=run["run_id"], runner_id="runner_1", lease_seconds=30)
    run_token = (await bus.request(claim)).run_token
    await bus.request(
        KeepConnection(
            **run,
            server="calendar",
            label="The <b>Calendar</b>",
            sealed="sealed",
            scope="events.read",
            state_hash=hashlib.sha256(STATE.encode()).hexdigest(),
            authorization_url=LEADS_TO,
            asked_seconds=60,
        ),
        run_token=run_token,
    )
    return run, run_token


async def stored(bus: Bus, run: dict[str, Any], run_token: str) -> SealedConnection:
    found = (await bus.request(GetConnection(**run, server="calendar"), run_token=run_token)).connection
    assert found is not None
    return found


async def test_a_user_is_told_where_it_leads_and_comes_back_with_a_code(edge: RunningEdge, bus: Bus) -> None:
    run, run_token = await asked(edge, bus)
    page = await edge.call("GET", "/connections/calendar/consent")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in page.headers["content-security-policy"]
    assert "id.example.org" in page.text
    assert "events.read" in page.text
    assert "<script" not in page.text
    assert "<b>" not in page.text
    other = await edge.call("GET", "/connections/calendar/consent", user_id="bob")
    assert (other.status_code, "id.example.org" in other.text) == (404, False)

    back = {"state": STATE, "code": "c0de", "iss": "https://id.example.org"}
    strange = await edge.call("GET", "/connections/callback", params=back, user_id="bob")
    assert strange.status_code == 404
    assert (await stored(bus, run, run_token)).code is None
    done = await edge.call("GET", "/connections/callback", params=back)
    assert (done.status_code, "is being connected" in done.text) == (200, True)
    kept = await stored(bus, run, run_token)
    assert (kept.code, kept.issuer, kept.view.status) == ("c0de", "https://id.example.org", "consented")
    again = await edge.call("GET", "/connections/callback", params=back)
    assert (again.status_code, "Nothing was connected" in again.text) == (404, True)


async def test_a_user_may_decline(edge: RunningEdge, bus: Bus) -> None:
    run, run_token = await asked(edge, bus)
    back = {"state": STATE, "error": "access_denied"}
    declined = await edge.call("GET", "/connections/callback", params=back)
    assert (declined.status_code, "is not connected" in declined.text) == (200, True)
    assert (await stored(bus, run, run_token)).view.status == "declined"


async def test_connections_are_listed_without_secrets_and_taken_back(edge: RunningEdge, bus: Bus) -> None:
    run, run_token = await asked(edge, bus)
    tokens = KeepConnection(**run, server="calendar", label="Calendar", sealed="sealed-tokens", version=1)
    await bus.request(tokens, run_token=run_token)
    listed = await edge.call("GET", "/connections")
    (connection,) = listed.json()["data"]
    assert (connection["server"], connection["label"], connection["status"]) == ("calendar", "Calendar", "connected")
    assert "sealed" not in listed.text
    assert (await edge.call("GET", "/connections", user_id="bob")).json() == {"data": []}
    assert (await edge.call("DELETE", "/connections/calendar", user_id="bob")).status_code == 204  # there is none
    assert len((await edge.call("GET", "/connections")).json()["data"]) == 1
    assert (await edge.call("DELETE", "/connections/calendar")).status_code == 204
    assert (await edge.call("GET", "/connections")).json() == {"data": []}
