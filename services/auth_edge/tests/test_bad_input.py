"""Whatever is sent, the answer is a 4xx with a stable code that names the field; never a 500."""

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from auth_edge.testing import RunningEdge
from contracts.replies import RateChecked

FEEDBACK = {"thread_id": "conv_1", "item_ids": ["m"], "kind": "positive"}
TEXT = {"content": [{"type": "input_text", "text": "hi"}], "attachments": [], "inference_options": {}}


def create(**changes: Any) -> dict[str, Any]:
    return {"type": "threads.create", "params": {"input": {**TEXT, **changes}}}


def text(value: Any) -> dict[str, Any]:
    return create(content=[{"type": "input_text", "text": value}])


BAD_CHATKIT: list[tuple[Any, str | None]] = [
    ({"type": "threads.destroy", "params": {}}, "type"),
    ({"params": {}}, "type"),
    ({"type": 5, "params": {}}, "type"),
    ({"type": "threads.get_by_id"}, "params"),
    ({"type": "threads.get_by_id", "params": {}}, "params.thread_id"),
    ({"type": "threads.get_by_id", "params": {"thread_id": 5}}, "params.thread_id"),
    ({"type": "threads.list", "params": {"limit": "many"}}, "params.limit"),
    ({"type": "threads.list", "params": {"limit": -1}}, "params.limit"),
    ({"type": "threads.list", "params": {"order": "sideways"}}, "params.order"),
    ({"type": "threads.list", "params": {"after": "x" * 201}}, "params.after"),
    ({"type": "items.list", "params": {"thread_id": "conv_1", "after": "a\x00b"}}, None),
    ({"type": "threads.update", "params": {"thread_id": "conv_1", "title": " "}}, "params.title"),
    ({"type": "threads.update", "params": {"thread_id": "conv_1", "title": "x" * 201}}, "params.title"),
    (
        {"type": "items.feedback", "params": {"thread_id": "conv_1", "item_ids": [], "kind": "positive"}},
        "params.item_ids",
    ),
    ({"type": "items.feedback", "params": {**FEEDBACK, "item_ids": ["m"] * 101}}, "params.item_ids"),
    (
        {"type": "items.feedback", "params": {"thread_id": "conv_1", "item_ids": ["*"], "kind": "positive"}},
        "params.item_ids",
    ),
    ({"type": "items.feedback", "params": {**FEEDBACK, "kind": "meh"}}, "params.kind"),
    (create(content=[]), "params.input.content"),
    (
        create(content=[{"type": "input_text", "text": "hi"}, *[{"type": "input_text", "text": ""}] * 100]),
        "params.input.content",
    ),
    (
        create(content=[{"type": "input_tag", "id": "t", "text": "x", "data": {"k": "x" * 200_000}}]),
        "params.input.content.0",
    ),
    (create(inference_options={"tool_choice": {"id": "x" * 5_000}}), "params.input.inference_options"),
    ({**create(), "metadata": {"k": "x" * 5_000}}, "metadata"),
    (
        {"type": "threads.add_client_tool_output", "params": {"thread_id": "conv_1", "result": "x" * 270_000}},
        "params.result",
    ),
    (text("  \n"), "params.input.content"),
    (text("x" * 32_001), "params.input.content"),
    (text("a\x00b"), None),
    (text(5), "params.input.content.0.input_text.text"),
    (create(content=[{"type": "input_video"}]), "params.input.content.0.type"),
    (create(content=[{"type": "input_tag", "id": "t", "text": "x", "data": {"k": "\x00"}}]), None),
    (create(quoted_text="q" * 32_001), "params.input.quoted_text"),
    (create(inference_options={"model": "m" * 101}), "params.input.inference_options.model"),
    ({"type": "threads.add_client_tool_output", "params": {"thread_id": "conv_1", "result": {"\x00": 1}}}, None),
    ([], None),
    ("threads.list", None),
    (None, None),
]


@pytest.mark.parametrize(("body", "field"), BAD_CHATKIT, ids=[f"{n}" for n in range(len(BAD_CHATKIT))])
async def test_a_bad_chatkit_request_is_refused(body: Any, field: str | None, edge: RunningEdge, store: Any) -> None:
    answer = await edge.call("POST", "/chatkit", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text
    if field is not None:
        assert answer.json()["field"] == field
    assert [type(message).__name__ for message in store.asked] == ["TakeRequestPermit"]


@pytest.mark.parametrize("thread_id", ["*", ">", "conv.*", "a b", "a\x00", "", "x" * 65, "é", "../x", "conv_1\n"])
async def test_an_id_is_one_plain_token(thread_id: str, edge: RunningEdge, store: Any) -> None:
    for operation in ("threads.get_by_id", "items.list", "threads.delete"):
        answer = await edge.chatkit(operation, {"thread_id": thread_id})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    body = {"message": "hi", "conversation_id": thread_id}
    assert (await edge.call("POST", "/chat", json=body)).json()["field"] == "body.conversation_id"
    assert {type(message).__name__ for message in store.asked} == {"TakeRequestPermit"}


@pytest.mark.parametrize("raw", ["%2A", "%3E", "conv.%3E", "a%20b", "a%00", "x" * 65, "%C3%A9", "%FF", "conv%0A"])
async def test_an_id_in_a_path_is_one_plain_token(raw: str, edge: RunningEdge) -> None:
    for method, path in (
        ("GET", f"/conversations/{raw}"),
        ("DELETE", f"/conversations/{raw}"),
        ("GET", f"/conversations/{raw}/messages"),
        ("GET", f"/runs/{raw}"),
        ("POST", f"/runs/{raw}/cancel"),
        ("GET", f"/tasks/{raw}"),
        ("DELETE", f"/tasks/{raw}"),
    ):
        answer = await edge.call(method, path)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), path
        assert answer.json()["field"].startswith("path.")


@pytest.mark.parametrize(
    ("method", "path", "body", "field"),
    [
        ("POST", "/chat", {}, "body.message"),
        ("POST", "/chat", {"message": 5}, "body.message"),
        ("POST", "/chat", {"message": ""}, "body.message"),
        ("POST", "/chat", {"message": " \t\n"}, "body.message"),
        ("POST", "/chat", {"message": "x" * 32_001}, "body.message"),
        ("POST", "/chat", {"message": "a\x00b"}, "body.message"),
        ("POST", "/chat", {"message": "hi", "on_busy": "wait"}, "body.on_busy"),
        ("POST", "/chat", {"message": "hi", "user_id": "bob"}, "body.user_id"),
        ("POST", "/chat", [], "body"),
        ("POST", "/tasks", {"title": ""}, "body.title"),
        ("POST", "/tasks", {"title": "x" * 201}, "body.title"),
        ("POST", "/tasks", {"title": "x", "description": "d" * 2_001}, "body.description"),
        ("POST", "/tasks", {"title": "x", "description": "\x00"}, "body.description"),
        ("PATCH", "/tasks/task_1", {"completed": "perhaps"}, "body.completed"),
        ("PATCH", "/conversations/conv_1", {"title": "\x00"}, "body.title"),
        ("PATCH", "/conversations/conv_1", {}, "body"),
        ("POST", "/chatkit/session", {"conversation_id": "*"}, "body.conversation_id"),
        ("GET", "/conversations?limit=0", None, "query.limit"),
        ("GET", "/conversations?limit=101", None, "query.limit"),
        ("GET", "/conversations?limit=ten", None, "query.limit"),
        ("GET", "/conversations?q=", None, "query.q"),
        ("GET", "/conversations?q=a%00b", None, "query.q"),
        ("GET", "/conversations/conv_1/messages?order=up", None, "query.order"),
        ("GET", "/tasks?completed=maybe", None, "query.completed"),
        ("GET", f"/tasks?after={'x' * 201}", None, "query.after"),
        ("GET", "/export?format=xml", None, "query.format"),
    ],
)
async def test_a_bad_rest_request_is_refused(
    method: str, path: str, body: Any, field: str, edge: RunningEdge, store: Any
) -> None:
    answer = await edge.call(method, path, **({} if body is None else {"json": body}))
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text
    assert answer.json()["field"] == field
    assert [type(message).__name__ for message in store.asked] == ["TakeRequestPermit"]


RAW_BODIES = [
    b"",
    b"{",
    b"\xff\xfe\x00",
    b'{"message": "\xc3\x28", "type": "\xc3\x28"}',
    b'{"message": "\\ud800", "type": "threads.update", "params": {"thread_id": "a", "title": "\\ud800"}}',
    b'{"message": NaN}',
    b"[" * 100_000,
    b'{"a":' * 5_000 + b"1" + b"}" * 5_000,
    b"\x00",
    "\ufeff{}".encode("utf-16"),
]


@pytest.mark.parametrize("raw", RAW_BODIES, ids=[f"{n}" for n in range(len(RAW_BODIES))])
@pytest.mark.parametrize("path", ["/chat", "/chatkit", "/tasks"])
async def test_a_body_that_is_no_json_is_refused(raw: bytes, path: str, edge: RunningEdge) -> None:
    answer = await edge.call("POST", path, content=raw, headers={"Content-Type": "application/json"})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request"), answer.text


async def test_another_content_type_is_refused(edge: RunningEdge) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", ""):
        answer = await edge.call("POST", "/chat", content=b'{"message": "hi"}', headers={"Content-Type": kind})
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")


@pytest.mark.parametrize(
    ("header", "value"),
    [("Idempotency-Key", "with blank"), ("Idempotency-Key", "x" * 256), ("Natter-On-Busy", "later")],
)
async def test_a_bad_header_is_refused(header: str, value: str, edge: RunningEdge) -> None:
    answer = await edge.call("POST", "/chatkit", json=create(), headers={header: value})
    assert (answer.status_code, answer.json()["field"].lower()) == (422, f"header.{header.lower()}")


@pytest.mark.parametrize(
    ("operation", "params"),
    [
        ("input.transcribe", {"audio_base64": "", "mime_type": "audio/webm"}),
    ],
)
async def test_what_is_not_supported_says_so(operation: str, params: dict[str, Any], edge: RunningEdge) -> None:
    answer = await edge.chatkit(operation, params)
    assert (answer.status_code, answer.json()["code"]) == (400, "not_supported")


async def test_a_large_body_is_refused_whether_announced_or_not(edge: RunningEdge, store: Any) -> None:
    async def unannounced() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 32_768

    announced = await edge.call("POST", "/chatkit", content=json.dumps(text("x" * 1_048_576)))
    chunked = await edge.call("POST", "/chat", content=unannounced())
    for answer in (announced, chunked):
        assert (answer.status_code, answer.json()["code"]) == (413, "payload_too_large")
        assert answer.headers["content-type"] == "application/problem+json"
    lying = await edge.call("POST", "/chat", content=b"{}", headers={"Content-Length": "9" * 30})
    assert lying.status_code == 413
    assert store.asked == []


async def test_a_message_of_full_length_is_accepted(edge: RunningEdge) -> None:
    assert (await edge.call("POST", "/chat", json={"message": "é" * 32_000})).status_code == 202
    assert (await edge.call("POST", "/chatkit", json=text("\U0001f600" * 32_000))).status_code == 303


ALLOWED = {"/tasks": "GET, POST", "/chat": "POST"}


async def test_unknown_paths_and_methods_have_codes(edge: RunningEdge) -> None:
    for method, path, status, code in (
        ("GET", "/nothing", 404, "not_found"),
        ("PUT", "/tasks", 405, "method_not_allowed"),
        ("GET", "/chat", 405, "method_not_allowed"),
        ("GET", "/tasks/", 404, "not_found"),
    ):
        answer = await edge.call(method, path)
        assert (answer.status_code, answer.json()["code"]) == (status, code), path
        assert answer.headers.get("allow") == (ALLOWED[path] if status == 405 else None)
    assert (await edge.client.get("/")).json()["code"] == "not_found"


async def test_limit_zero_of_chatkit_is_the_default(edge: RunningEdge, store: Any) -> None:
    store.answers["TakeRequestPermit"] = RateChecked(limit=1200, remaining=1, reset_seconds=60, granted=9)
    for sent, limit in ((None, 20), (0, 20), (7, 7), (1000, 100)):
        await edge.chatkit("threads.list", {"limit": sent})
        assert store.asked[-1].limit == limit
