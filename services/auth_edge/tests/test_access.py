"""Who gets in. The matrix comes from the OpenAPI document, so that a new route without a rule fails here."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import jwt
import pytest
from auth_edge.app import create_app
from auth_edge.openapi import build_openapi
from auth_edge.settings import Settings
from auth_edge.testing import CHAT_TOKEN_SECRET, RunningEdge
from contracts.commands import BeginTurn
from contracts.errors import TerminalError
from identity import ChatTokens

BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/attachments"): {"name": "cat.png", "size": 7},
    ("POST", "/chat"): {"message": "hello"},
    ("POST", "/chatkit"): {"type": "threads.list", "params": {}},
    ("POST", "/chatkit/session"): {},
    ("PATCH", "/conversations/{conversation_id}"): {"title": "New"},
    ("PUT", "/conversations/{conversation_id}/branch"): {"run_id": "run_1"},
    ("POST", "/runs/{run_id}/decisions"): {"call_id": "call_1", "decision": "approve"},
    ("POST", "/schedules"): {"text": "list my tasks", "cron": "0 9 * * FRI"},
    ("PATCH", "/schedules/{schedule_id}"): {"paused": True},
    ("POST", "/service-tokens"): {"name": "the shop"},
    ("POST", "/webhooks"): {"url": "https://shop.example.org/natter"},
    ("POST", "/tasks"): {"title": "buy milk"},
    ("POST", "/tasks/restore"): {"cleared_at": "2026-12-01T12:00:00Z"},
    ("PATCH", "/tasks/{task_id}"): {"completed": True},
}
NEEDS_NO_TOKEN = {
    "/healthz",
    "/readyz",
    "/api/shared/{token}",
    "/api/shared/{token}/pictures/{position}",
    "/api/service/turns",
}
OPEN_TO_CHAT_TOKENS = {
    ("GET", "/assistants"),
    ("GET", "/attachments"),
    ("POST", "/attachments"),
    ("GET", "/attachments/{attachment_id}"),
    ("DELETE", "/attachments/{attachment_id}"),
    ("GET", "/attachments/{attachment_id}/content"),
    ("PUT", "/attachments/{attachment_id}/content"),
    ("POST", "/attachments/{attachment_id}/finish"),
    ("POST", "/chatkit"),
    ("POST", "/runs/{run_id}/cancel"),
    ("POST", "/runs/{run_id}/decisions"),
    ("GET", "/conversations/{conversation_id}/turns"),
    ("PUT", "/conversations/{conversation_id}/branch"),
}


def operations() -> Iterator[tuple[str, str]]:
    document = build_openapi(create_app(Settings.model_construct()))
    for path, methods in document["paths"].items():
        for method in methods:
            if path not in NEEDS_NO_TOKEN and not path.startswith("/api/operator/"):  # those: test_operator.py
                assert path.startswith("/api/{user_id}"), f"{path} is not under a user: decide who may call it"
                yield method.upper(), path.removeprefix("/api/{user_id}")


OPERATIONS = list(operations())


QUERIES = {("GET", "/search"): "?q=milk"}


def path_of(method: str, template: str) -> str:
    return re.sub(r"{\w+}", "id_1", template) + QUERIES.get((method, template), "")


def ids(value: object) -> str:
    return str(value)


@pytest.mark.parametrize(("method", "template"), OPERATIONS, ids=ids)
async def test_each_route_admits_its_own_user_only(method: str, template: str, edge: RunningEdge, store: Any) -> None:
    body: dict[str, Any] = {"json": BODIES[method, template]} if (method, template) in BODIES else {}
    path = path_of(method, template)

    stranger = await edge.call(method, path, user_id="bob", token=edge.token("alice"), **body)
    assert (stranger.status_code, stranger.json()["code"]) == (403, "forbidden")
    nobody = await edge.client.request(method, f"/api/alice{path}", **body)
    assert (nobody.status_code, nobody.headers["www-authenticate"]) == (401, 'Bearer realm="natter"')
    forged = await edge.call(method, path, token=edge.token("alice")[:-6] + "AAAAAA", **body)
    assert (forged.status_code, forged.json()["reason"]) == (401, "token_signature_invalid")
    assert "error=" in forged.headers["www-authenticate"]
    assert store.asked == []  # none of them was even passed on

    chat_token = edge.edge.verifier.chat.mint("alice").client_secret
    with_chat_token = await edge.call(method, path, token=chat_token, **body)
    assert (with_chat_token.status_code == 403) == ((method, template) not in OPEN_TO_CHAT_TOKENS)

    own = await edge.call(method, path, **body)
    has_no_file_store_here = (method, template) == ("GET", "/attachments/{attachment_id}/content")
    assert own.status_code in (200, 201, 202, 204, 303) or has_no_file_store_here, own.text
    assert all(message.principal.user_id == "alice" for message in store.asked)


@pytest.mark.parametrize(("method", "template"), OPERATIONS, ids=ids)
async def test_another_s_things_are_403_and_unknown_ones_404(
    method: str, template: str, edge: RunningEdge, store: Any
) -> None:
    body: dict[str, Any] = {"json": BODIES[method, template]} if (method, template) in BODIES else {}
    for error, status in ((TerminalError.forbidden("thing"), 403), (TerminalError.not_found("thing"), 404)):
        for name in store.answers:
            if name != "TakeRequestPermit":
                store.answers[name] = error
        answer = await edge.call(method, path_of(method, template), **body)
        if (method, template) == ("POST", "/chatkit/session"):
            body = {"json": {"conversation_id": "conv_1"}}
            answer = await edge.call(method, path_of(method, template), **body)
        assert answer.status_code == status


async def test_a_bound_chat_token_opens_one_conversation(edge: RunningEdge, store: Any) -> None:
    session = await edge.call("POST", "/chatkit/session", json={"conversation_id": "conv_1"})
    assert session.status_code == 201
    token = session.json()["client_secret"]
    assert session.json()["conversation_id"] == "conv_1"
    assert session.json()["api_url"] == "/api/alice/chatkit"
    seconds = (datetime.fromisoformat(session.json()["expires_at"]) - datetime.now(UTC)).total_seconds()
    assert 590 < seconds <= 600
    text = {"content": [{"type": "input_text", "text": "hi"}], "attachments": [], "inference_options": {}}
    for operation, params in (
        ("threads.create", {"input": text}),
        ("threads.add_user_message", {"thread_id": "conv_2", "input": text}),
        ("threads.get_by_id", {"thread_id": "conv_2"}),
        ("items.list", {"thread_id": "conv_2"}),
        ("threads.update", {"thread_id": "conv_2", "title": "x"}),
        ("threads.delete", {"thread_id": "conv_2"}),
        ("items.feedback", {"thread_id": "conv_2", "item_ids": ["m"], "kind": "positive"}),
        ("threads.retry_after_item", {"thread_id": "conv_2", "item_id": "m"}),
        ("threads.add_client_tool_output", {"thread_id": "conv_2", "result": 1}),
        ("threads.add_structured_input", {"thread_id": "conv_2", "item_id": "m", "input": {}}),
    ):
        assert (await edge.chatkit(operation, params, token=token)).status_code == 403, operation
        own = {**params, "thread_id": "conv_1"} if "thread_id" in params else None
        if own is not None:
            assert (await edge.chatkit(operation, own, token=token)).status_code in (200, 303), operation
    listed = await edge.chatkit("threads.list", {}, token=token)
    assert [thread["id"] for thread in listed.json()["data"]] == ["conv_1"]
    assert {message.conversation_id for message in store.asked if isinstance(message, BeginTurn)} == {"conv_1"}


async def test_a_chat_token_ends_and_is_made_anew(edge: RunningEdge, monkeypatch: pytest.MonkeyPatch) -> None:
    then = time.time() - 601
    with monkeypatch.context() as patch:
        patch.setattr(time, "time", lambda: then)
        past = ChatTokens(CHAT_TOKEN_SECRET.encode()).mint("alice").client_secret
    expired = await edge.chatkit("threads.list", {}, token=past)
    assert (expired.status_code, expired.json()["reason"]) == (401, "token_expired")
    first, second = [(await edge.call("POST", "/chatkit/session")).json() for _ in range(2)]
    assert first["session_id"] != second["session_id"]
    assert "conversation_id" not in first
    assert (await edge.chatkit("threads.list", {}, token=second["client_secret"])).status_code == 200


async def test_no_token_is_written_back(edge: RunningEdge) -> None:
    token = jwt.encode({"sub": "alice", "secret": "s3cret"}, "k" * 40, "HS256")
    answer = await edge.call("GET", "/tasks", token=token)
    assert answer.status_code == 401
    assert token not in answer.text + str(answer.headers)
