"""POST /chat and the streaming operations of ChatKit: a message becomes a turn, the answer says where it streams."""

import json
from pathlib import Path
from typing import Any

import pytest
from auth_edge.testing import RunningEdge, running_edge
from contracts.commands import BeginTurn
from contracts.errors import Code, RetryableError, TerminalError
from contracts.replies import TurnBegun

INPUT = {"content": [{"type": "input_text", "text": "add a task: "}], "attachments": [], "inference_options": {}}


async def test_a_message_is_stored_and_its_stream_named(edge: RunningEdge, store: Any) -> None:
    sent = {"message": "hello", "conversation_id": "conv_1", "on_busy": "enqueue"}
    answer = await edge.call("POST", "/chat", json=sent, headers={"Idempotency-Key": "k-1"})
    assert answer.status_code == 202
    url = "/api/alice/runs/run_1/stream"
    assert answer.json() == {
        "conversation_id": "conv_1", "message_id": "msg_1", "run_id": "run_1", "stream_url": url,
    }  # fmt: skip
    assert (answer.headers["location"], answer.headers["idempotency-replayed"]) == (url, "false")
    turn = store.only(BeginTurn)
    assert (turn.principal.user_id, turn.conversation_id, turn.on_busy) == ("alice", "conv_1", "enqueue")
    assert (turn.idempotency_key, turn.input.text) == ("k-1", "hello")
    assert turn.input.content == ({"type": "input_text", "text": "hello"},)
    assert turn.limits.turns_per_minute_max == edge.edge.settings.turns_per_minute_max


async def test_a_streaming_operation_redirects_to_the_stream(edge: RunningEdge, store: Any) -> None:
    answer = await edge.chatkit("threads.create", {"input": INPUT})
    assert answer.status_code == 303
    assert answer.headers["location"] == "/api/alice/runs/run_1/stream?format=chatkit"
    assert (answer.headers["natter-run"], answer.headers["natter-conversation"]) == ("run_1", "conv_1")
    assert store.only(BeginTurn).conversation_id is None


async def test_without_a_proxy_the_stream_is_elsewhere(nats_url: str, tmp_path: Path, store: Any) -> None:
    async with running_edge(nats_url, tmp_path, public_stream_url="http://127.0.0.1:8001/") as edge:
        answer = await edge.chatkit("threads.add_user_message", {"thread_id": "conv_1", "input": INPUT})
        assert answer.headers["location"] == "http://127.0.0.1:8001/api/alice/runs/run_1/stream?format=chatkit"
        user = 'a/b *>?#é"'
        sent = await edge.client.post(
            "/api/a%2Fb%20*%3E%3F%23%C3%A9%22/chat",
            json={"message": "hi"},
            headers={"Authorization": f"Bearer {edge.token(user)}"},
        )
        # A slash in a user id cannot be told from a path; everything else can be sent, and comes back encoded.
        assert sent.status_code == 404
        answer = await edge.call("POST", "/chat", user_id='a *>?#é"', json={"message": "hi"})
        assert answer.json()["stream_url"] == "http://127.0.0.1:8001/api/a%20%2A%3E%3F%23%C3%A9%22/runs/run_1/stream"


async def test_the_parts_of_a_chatkit_message_are_kept(edge: RunningEdge, store: Any) -> None:
    tag = {"type": "input_tag", "id": "t1", "text": "@milk", "data": {"k": [1]}, "group": "food"}
    sent = {
        "content": [*INPUT["content"], tag],
        "attachments": [],
        "quoted_text": "as you said",
        "inference_options": {"model": "gpt-x", "tool_choice": {"id": "add_task"}},
    }
    await edge.chatkit("threads.add_user_message", {"thread_id": "conv_1", "input": sent})
    turn = store.only(BeginTurn)
    assert turn.input.text == "add a task: @milk"
    assert turn.input.content[1]["data"] == {"k": [1]}
    assert (turn.input.quoted_text, turn.model) == ("as you said", "gpt-x")
    assert turn.input.inference_options == {"model": "gpt-x", "tool_choice": {"id": "add_task"}}


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        ("threads.retry_after_item", {"item_id": "msg_1"}, {"type": "retry", "message_id": "msg_1"}),
        (
            "threads.add_client_tool_output",
            {"result": {"a": [None, 1.5]}},
            {"type": "client_tool_output", "result": {"a": [None, 1.5]}},
        ),
        (
            "threads.add_structured_input",
            {"item_id": "i1", "input": {"answers": {"q": {"values": ["x"]}}}},
            {
                "type": "structured_input",
                "message_id": "i1",
                "answers": {"q": {"values": ["x"], "skipped": False}},
                "skipped": False,
            },
        ),
        (
            "threads.add_structured_input",
            {"item_id": "i1", "input": {"status": "skipped"}},
            {"type": "structured_input", "message_id": "i1", "answers": {}, "skipped": True},
        ),
    ],
)
async def test_every_other_streaming_operation_begins_a_turn(
    operation: str, params: dict[str, Any], expected: dict[str, Any], edge: RunningEdge, store: Any
) -> None:
    answer = await edge.chatkit(operation, {"thread_id": "conv_1", **params}, headers={"Natter-On-Busy": "interrupt"})
    assert answer.status_code == 303
    turn = store.only(BeginTurn)
    assert turn.input.model_dump() == expected
    assert (turn.conversation_id, turn.on_busy) == ("conv_1", "interrupt")


async def test_an_edited_message_names_the_one_that_it_is_another_version_of(edge: RunningEdge, store: Any) -> None:
    sent = {"content": [{"type": "input_text", "text": "hi"}], "attachments": [], "inference_options": {}}
    params = {"thread_id": "conv_1", "input": sent}
    for edited in ({"Natter-Edit": "msg_1"}, {}):
        headers = {"Idempotency-Key": "k", **edited}
        assert (await edge.chatkit("threads.add_user_message", params, headers=headers)).status_code == 303
    body = {"message": "hi", "conversation_id": "conv_1"}
    for more in ({"edited_message_id": "msg_1"}, {}):
        await edge.call("POST", "/chat", json={**body, **more}, headers={"Idempotency-Key": "k"})
    turns: list[Any] = [turn for turn in store.asked if isinstance(turn, BeginTurn)]
    assert [turn.input.edited_message_id for turn in turns] == ["msg_1", None, "msg_1", None]
    assert len({turn.body_hash for turn in turns}) == 4  # an edit and a message are two requests
    refused = await edge.chatkit("threads.add_user_message", params, headers={"Natter-Edit": "no id"})
    assert (refused.status_code, refused.json()["code"]) == (422, "invalid_request")


async def test_a_repeated_request_is_told_to_be_one(edge: RunningEdge, store: Any) -> None:
    store.answers["BeginTurn"] = TurnBegun(
        conversation_id="conv_1", message_id="msg_1", run_id="run_1", status="completed", replayed=True
    )
    answer = await edge.call("POST", "/chat", json={"message": "hello"}, headers={"Idempotency-Key": "k"})
    assert answer.headers["idempotency-replayed"] == "true"


async def test_the_body_hash_tells_requests_apart(edge: RunningEdge, store: Any) -> None:
    key = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    bodies = [{"message": "a", "on_busy": "reject"}, {"on_busy": "reject", "message": "a"}, {"message": "b"}]
    for body in bodies:
        await edge.call("POST", "/chat", content=json.dumps(body, indent=1), headers=key)
    one, same, other = (turn.body_hash for turn in store.asked if isinstance(turn, BeginTurn))
    assert one == same != other


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (TerminalError(Code.CONVERSATION_BUSY, "A run is active."), 409),
        (TerminalError(Code.IDEMPOTENCY_KEY_REUSED, "Another body."), 422),
        (RetryableError(Code.RATE_LIMITED, "Too many turns.", retry_after_seconds=12.9), 429),
        (RetryableError(Code.TOO_MANY_RUNS, "Too many runs."), 429),
        (TerminalError.forbidden("conversation"), 403),
        (TerminalError.not_found("conversation"), 404),
        (RetryableError(Code.STORE_UNAVAILABLE, "The database is away."), 503),
        (TerminalError(Code.MODEL_NOT_ALLOWED, "Not this model."), 422),
        (TerminalError(Code.INTERNAL, "A bug."), 500),
    ],
)
async def test_the_store_s_errors_are_problems(error: Exception, status: int, edge: RunningEdge, store: Any) -> None:
    store.answers["BeginTurn"] = error
    for answer in (
        await edge.call("POST", "/chat", json={"message": "hello"}),
        await edge.chatkit("threads.create", {"input": INPUT}),
    ):
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        assert answer.json()["code"] == error.code  # type: ignore[attr-defined]
        assert ("retry-after" in answer.headers) == (status in (429, 503))
    if status == 429:
        assert answer.headers["retry-after"] == ("13" if error.code == Code.RATE_LIMITED else "1")  # type: ignore[attr-defined]
