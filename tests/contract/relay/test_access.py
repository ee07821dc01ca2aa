"""Who may open which stream: the token's subject only, and errors with stable codes."""

from pathlib import Path

import httpx
import pytest
from actor_kit.bus import Bus
from identity.chat_token import ChatTokens

from tests.integration.relay.kit import CHAT_TOKEN_SECRET, Books, Run, RunningRelay, relay_of, run_path

PROBLEM = "application/problem+json"


async def ask(relay: RunningRelay, path: str, **headers: str) -> httpx.Response:
    async with (
        httpx.AsyncClient(timeout=20) as client,
        client.stream("GET", f"{relay.url}{path}", headers=headers) as response,
    ):
        if response.headers.get("content-type") == PROBLEM:
            await response.aread()
        return response


def chat_token(conversation_id: str | None = None, user_id: str = "alice") -> dict[str, str]:
    tokens = ChatTokens(CHAT_TOKEN_SECRET.encode())
    return {"Authorization": f"Bearer {tokens.mint(user_id, conversation_id).client_secret}"}


PATHS = ["/api/alice/runs/run_1/stream", "/api/alice/conversations/conv_1/stream", "/api/alice/stream"]


@pytest.mark.parametrize("path", PATHS)
async def test_no_or_a_bad_token_is_401(relay: RunningRelay, path: str) -> None:
    for header, reason in (({}, "token_missing"), ({"Authorization": "Bearer x.y.z"}, "token_malformed")):
        response = await ask(relay, path, **header)
        assert response.status_code == 401
        assert response.json()["code"] == "unauthenticated"
        assert response.json()["reason"] == reason
        assert response.headers["www-authenticate"].startswith("Bearer")


async def test_an_expired_token_is_401(relay: RunningRelay) -> None:
    response = await ask(relay, PATHS[2], **relay.headers(ttl_seconds=-60))
    assert (response.status_code, response.json()["reason"]) == (401, "token_expired")


@pytest.mark.parametrize("path", PATHS)
async def test_another_users_path_is_403(relay: RunningRelay, path: str) -> None:
    response = await ask(relay, path, **relay.headers("mallory"))
    assert response.status_code == 403
    assert response.headers["content-type"] == PROBLEM
    assert response.json() == {
        "type": "about:blank",
        "title": "Forbidden",
        "status": 403,
        "code": "forbidden",
        "detail": "The path names another user than the token.",
    }


@pytest.mark.parametrize("place", ["", "0", "1", "9007199254740991"])
@pytest.mark.parametrize("kind", ["runs", "conversations"])
async def test_anothers_run_or_conversation_is_403_and_an_unknown_one_404(
    relay: RunningRelay, run: Run, books: Books, kind: str, place: str
) -> None:
    books.add_run(run)
    await run.begin()
    anothers = run.run_id if kind == "runs" else run.conversation_id
    headers = relay.headers("mallory") | ({"Last-Event-ID": place} if place else {})
    response = await ask(relay, f"/api/mallory/{kind}/{anothers}/stream", **headers)
    assert (response.status_code, response.json()["code"]) == (403, "forbidden")
    response = await ask(relay, f"/api/mallory/{kind}/nobody/stream", **headers)
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("bad", ["*", "%3E", "a.b", "a%20b", "a" * 65, "%00", "ä", "run_1%0d%0aPUB"])
@pytest.mark.parametrize("kind", ["runs", "conversations"])
async def test_an_id_that_is_no_subject_token_is_422(relay: RunningRelay, kind: str, bad: str) -> None:
    response = await ask(relay, f"/api/alice/{kind}/{bad}/stream", **relay.headers())
    assert (response.status_code, response.json()["code"]) == (422, "invalid_request")
    assert response.json()["field"] == ("path.run_id" if kind == "runs" else "path.conversation_id")


@pytest.mark.parametrize("path", ["/api/alice/runs/changed/stream", "/api/alice/conversations/tasks/stream"])
async def test_the_words_that_stand_in_an_ids_place_are_404(relay: RunningRelay, path: str) -> None:
    response = await ask(relay, path, **relay.headers())
    assert (response.status_code, response.json()["code"]) == (404, "not_found")


@pytest.mark.parametrize("user_id", ["*", ">", "a.b c", "alice@example.org|1", "käthe"])
async def test_any_user_id_has_streams_of_its_own_only(
    relay: RunningRelay, run: Run, bus: Bus, books: Books, user_id: str
) -> None:
    books.add_run(run)
    await run.begin()  # alice's
    own = Run(bus, user_id=user_id)
    await own.begin()
    await own.say("mine")
    await own.end()
    quoted = httpx.URL(f"http://x/{user_id}").raw_path.decode()[1:]
    async with (
        httpx.AsyncClient(timeout=20) as client,
        client.stream(
            "GET", f"{relay.url}/api/{quoted}/runs/{own.run_id}/stream", headers=relay.headers(user_id)
        ) as response,
    ):
        body = await response.aread()
        assert b'"mine"' in body
    response = await ask(relay, f"/api/{quoted}/runs/{run.run_id}/stream", **relay.headers(user_id))
    assert response.status_code == 403


async def test_a_chat_token_opens_its_conversation_only(relay: RunningRelay, run: Run, bus: Bus, books: Books) -> None:
    other = Run(bus)
    for each in (run, other):
        books.add_run(each)
        await each.begin()
    token = chat_token(run.conversation_id)
    conversation = f"/api/alice/conversations/{run.conversation_id}/stream"
    assert (await ask(relay, run_path(run), **token)).status_code == 200
    assert (await ask(relay, conversation, **token)).status_code == 200
    assert (await ask(relay, run_path(other), **token)).status_code == 403
    assert (await ask(relay, f"/api/alice/conversations/{other.conversation_id}/stream", **token)).status_code == 403
    assert (await ask(relay, "/api/alice/stream", **token)).status_code == 403
    assert (await ask(relay, run_path(other), **chat_token())).status_code == 200
    assert (await ask(relay, "/api/alice/stream", **chat_token())).status_code == 403


async def test_what_the_relay_does_not_serve_has_a_code(relay: RunningRelay) -> None:
    async with httpx.AsyncClient(base_url=relay.url, headers=relay.headers()) as client:
        unknown = await client.get("/api/alice/nothing")
        assert (unknown.status_code, unknown.json()["code"]) == (404, "not_found")
        for method in ("POST", "HEAD", "DELETE"):
            refused = await client.request(method, PATHS[2])
            assert refused.status_code == 405
            assert refused.headers["content-type"] == PROBLEM
        odd = await client.get("/api/alice/stream?format=xml")
        assert (odd.status_code, odd.json()["field"]) == (422, "query.format")


async def test_without_the_store_a_run_that_deltas_does_not_know_is_503(relay: RunningRelay) -> None:
    response = await ask(relay, PATHS[0], **relay.headers())
    assert response.status_code == 503
    assert response.json()["code"] in ("store_unavailable", "deadline_exceeded")
    assert int(response.headers["retry-after"]) >= 1


async def test_health_needs_no_token(relay: RunningRelay) -> None:
    async with httpx.AsyncClient(base_url=relay.url) as client:
        assert (await client.get("/healthz")).status_code == 200
        assert (await client.get("/readyz")).json() == {"status": "ok"}


async def test_a_page_of_another_origin_may_open_streams_where_the_settings_name_it(
    nats_url: str, run: Run, tmp_path: Path
) -> None:
    await run.begin()
    async with relay_of(nats_url, tmp_path, cors_origins="https://app.example.org") as relay:
        for origin, allowed in (("https://app.example.org", True), ("https://evil.example.org", False)):
            response = await ask(relay, run_path(run), **relay.headers(), Origin=origin)
            assert (response.headers.get("access-control-allow-origin") == origin) is allowed
            async with httpx.AsyncClient() as client:
                asked = {"Access-Control-Request-Method": "GET", "Access-Control-Request-Headers": "last-event-id"}
                preflight = await client.options(f"{relay.url}{run_path(run)}", headers={"Origin": origin, **asked})
            assert (preflight.status_code == 200) is allowed


async def test_a_relay_answers_discovery(relay: RunningRelay, bus: Bus) -> None:
    reply = await bus.client.request("$SRV.PING.stream_relay", b"", timeout=2)
    assert b'"stream_relay"' in reply.data
