"""A sign-out everywhere, and an erasure, end every token of the user that was issued before, chat tokens too."""

import asyncio
from datetime import UTC, datetime

import httpx
from auth_edge.testing import RunningEdge


async def chat_token(edge: RunningEdge) -> str:
    answer = await edge.call("POST", "/chatkit/session")
    assert answer.status_code == 201, answer.text
    return answer.json()["client_secret"]


def is_revoked(answer: httpx.Response) -> bool:
    problem = answer.json()
    assert "error=" in answer.headers.get("www-authenticate", "error=")
    return (answer.status_code, problem.get("code"), problem.get("reason")) == (
        401,
        "unauthenticated",
        "token_revoked",
    )


async def test_no_older_token_holds_after_a_sign_out_everywhere_and_a_new_one_does(edge: RunningEdge) -> None:
    access, chat = edge.token(), await chat_token(edge)
    answer = await edge.call("DELETE", "/tokens", token=access)
    assert answer.status_code == 200, answer.text
    valid_from = datetime.fromisoformat(answer.json()["valid_from"])
    list_threads = {"type": "threads.list", "params": {}}
    assert is_revoked(await edge.call("GET", "/tasks", token=access))
    assert is_revoked(await edge.call("POST", "/chatkit", token=chat, json=list_threads))
    assert is_revoked(await edge.call("POST", "/chat", token=access, json={"message": "hello"}))
    await asyncio.sleep(max(0.0, (valid_from - datetime.now(UTC)).total_seconds()))
    assert (await edge.call("GET", "/tasks")).status_code == 200
    assert (await edge.call("GET", "/tasks", user_id="bob")).status_code == 200


async def test_a_chat_token_writes_nothing_after_the_erasure(edge: RunningEdge) -> None:
    chat = await chat_token(edge)
    assert (await edge.call("POST", "/chat", json={"message": "hello"})).status_code == 202
    assert (await edge.call("DELETE", "")).status_code == 200
    content = [{"type": "input_text", "text": "zombie"}]
    sent = {"input": {"content": content, "attachments": [], "inference_options": {}}}
    answer = await edge.call("POST", "/chatkit", token=chat, json={"type": "threads.create", "params": sent})
    assert is_revoked(answer)


async def test_a_chat_token_revokes_nothing(edge: RunningEdge) -> None:
    answer = await edge.call("DELETE", "/tokens", token=await chat_token(edge))
    assert answer.status_code == 403
